"""A check of schemathesis for documents in which `default` stands for every refusal.

With `default` its own `status_code_conformance` looks at no status, so that a success that nobody was told of passes.
"""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.check
def success_is_documented(ctx: Any, response: Any, case: Any) -> None:
    """What is no refusal has a status that the operation names."""
    # (schemathesis also tries methods that are not the operation's: OPTIONS answers 200 to everybody.)
    if response.status_code >= 400 or response.request.method != case.operation.method.upper():
        return
    named = case.operation.responses.status_codes
    assert str(response.status_code) in named, f"{response.status_code} is none of {', '.join(map(str, named))}"
