"""Reading who a case is about: one read is one entry for each subject, and none without the audit store (6)."""

# ruff: noqa: F811 (fixtures are imported, and then named as arguments)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.cases.conftest import Arrive, app, arrive, arrived, as_role, foundation  # noqa: F401
from tests.support.refusals import no_entries
from tests.support.servers import Mongo
from tests.support.web import Browser

pytestmark = pytest.mark.mongo

CASES = "/api/v1/cases"
Read = Callable[[Browser, str], Any]
READS: dict[str, Read] = {
    "interface": lambda worker, number: worker.api("GET", f"{CASES}/{number}/identities"),
    "page": lambda worker, number: worker.post(f"/id/cases/{number}/identities", {}, page=f"/id/cases/{number}"),
}


@pytest.fixture
def case(arrive: Arrive) -> dict[str, Any]:
    return arrive(names={"name": "Ani Rahasia"})


@pytest.mark.parametrize("way", READS)
def test_06_one_read_of_a_case_is_exactly_one_entry_for_each_subject(
    as_role: Callable[..., Browser], case, mongo: Mongo, prefix: str, way: str
) -> None:
    """Seen to fail with `Vault` that does not record, and with one that records twice."""
    entries = mongo.client()[f"{prefix}audit"]["entries"]
    answer = READS[way](as_role(), case["case_number"])
    assert answer.status_code == 200 and "Ani Rahasia" in answer.text
    found = list(entries.find())
    assert sorted(entry["subject"] for entry in found) == sorted([case["person_id"], case["report_id"]])
    assert {entry["action"] for entry in found} == {"identity.opened"}


@pytest.mark.parametrize("way", READS)
def test_06_without_the_audit_store_nobody_is_told_of_whom_a_case_is(
    as_role: Callable[..., Browser], case, mongo: Mongo, prefix: str, way: str
) -> None:
    """Seen to fail with a `record` that only warns."""
    with no_entries(mongo, prefix):
        answer = READS[way](as_role(), case["case_number"])
    assert answer.status_code == 503 and "Ani Rahasia" not in answer.text
