"""Signing in keeps the promises of its own document whatever it is sent: in-process, for it is throttled by address."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.directory.store import COUNTERS

pytestmark = pytest.mark.mongo

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 60
#: How what is sent may be refused. The document says no more than that each refusal is a problem.
REFUSED = {GenerationMode.POSITIVE: {401}, GenerationMode.NEGATIVE: {400, 422}}


@pytest.mark.parametrize("path", ["/api/v1/sessions", "/api/v1/sessions/second-factor"])
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_is_sent_is_answered_as_the_document_says(app, foundation, path: str, mode: GenerationMode) -> None:
    """Seen to fail with a handler that takes the e-mail address without looking at its type (500), without the answer
    that stands for every refusal in the document (`default`; a 401 is not named there), and with 403 for 401."""
    operation = schemathesis.openapi.from_wsgi("/directory/openapi.json", app)[path]["POST"]
    statuses = set()

    @seed(20261124)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def answered(case: schemathesis.Case) -> None:
        foundation.database[COUNTERS].delete_many({})
        response = case.call()
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    answered()
    assert 201 not in statuses, "nobody is let in by chance"
    assert statuses - {429}, "every attempt was throttled"
    assert statuses - {429} <= REFUSED[mode]
