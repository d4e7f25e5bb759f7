"""Hooks of schemathesis for a run in which each call is made by the next role, and no answer may show what that role
may not see. It is told by the file that RUJUKAN_FUZZ names, and writes there which role reached what.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation

import tests.e2e.statuses  # noqa: F401 - a check, which is known once it is imported

_file = Path(os.environ["RUJUKAN_FUZZ"])
_told = json.loads(_file.read_text())
TOKENS: dict[str, str] = _told["tokens"]
ROLES = list(TOKENS)
HOLDERS = {f"Bearer {token}": role for role, token in TOKENS.items()}
CLOSED = {role: re.compile(pattern) for role, pattern in _told["closed"].items()}
PLACES: dict[str, str] = _told["places"]
_calls: Counter[str] = Counter()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """The next role's token; and in every second round of the roles, for a question, the record with the canary."""
    label = case.operation.label
    turn, _calls[label] = _calls[label], _calls[label] + 1
    case.headers["Authorization"] = f"Bearer {TOKENS[ROLES[turn % len(ROLES)]]}"
    negative = case.meta is not None and case.meta.is_negative_at(ParameterLocation.PATH)
    if case.method.upper() == "GET" and not negative and (turn // len(ROLES)) % 2 == 0:
        for name in set(case.path_parameters or ()) & set(PLACES):
            case.path_parameters[name] = PLACES[name]


@schemathesis.check
def nothing_closed_is_shown(ctx: Any, response: Any, case: Any) -> None:
    """No canary of a field that is closed to the role; and what is refused is refused as a problem."""
    role = HOLDERS.get(response.request.headers.get("Authorization", ""), "")
    if not role:
        return
    with _file.with_suffix(".reached").open("a") as reached:
        # (schemathesis also tries methods that are not the operation's: OPTIONS answers 200 to everybody.)
        if response.request.method == case.operation.method.upper():
            print(json.dumps([role, case.operation.label, response.status_code]), file=reached)
    plain = response.text.replace('\\"', '"').replace("&#34;", '"')
    found = CLOSED[role].search(plain) if role in CLOSED else None
    assert found is None, f"{role} is shown {found.group(0)}" if found else ""
    if response.status_code >= 400:
        kind = response.headers.get("content-type", [""])[0]
        assert kind.startswith("application/problem+json"), f"{response.status_code} as {kind}"
