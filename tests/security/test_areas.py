"""A report of another area: its codes are read; identities, files and requests are closed to who works elsewhere (2).

Cases of another area, or that a colleague has: tests/integration/cases/test_assignment.py.
"""

# ruff: noqa: F811 (fixtures are imported, and then named as arguments)
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from services.intake import store, subject_requests
from tests.integration.intake.conftest import app, as_role, foundation  # noqa: F401
from tests.security.test_subject_access import ask
from tests.support.attachments import added
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
API = "/api/v1/reports"
As = Callable[..., Browser]


@pytest.fixture
def working(app: Flask) -> Callable[..., Browser]:
    """The same person, with these areas in their next token."""
    return lambda browser, *areas: Browser(app, replace(browser.actor, areas=areas))


def elsewhere(report: dict[str, Any]) -> str:
    """A kecamatan that is not the report's."""
    return "33.75.02" if report["kecamatan"] != "33.75.02" else "33.75.01"


@pytest.mark.parametrize("role", ["intake_clerk", "case_worker"])
def test_02_identities_and_files_of_another_area_are_closed(as_role: As, working, report, canary, role: str) -> None:
    """From the next token on, and open again when the area is theirs. Seen to fail with `any` in place of `area` in
    rights.yaml, for each of the two rights, and with a record without a kecamatan taken for one of everywhere."""
    file, person = added(as_role(), report["number"]), as_role(role)
    base = f"{API}/{report['number']}"
    paths = [f"{base}/identities", f"{base}/attachments/names", file]
    far, near = working(person, elsewhere(report)), working(person, elsewhere(report), report["kecamatan"])
    for path in paths:
        assert person.api("GET", path).status_code == 200
        closed = far.api("GET", path)
        assert (closed.status_code, canary.hits([(path, closed.text)])) == (404, [])
        assert near.api("GET", path).status_code == 200
    page = f"/en/reports/{report['number']}"
    assert far.api("GET", base).status_code == 200, "the codes are read by all"
    shown = far.get(page).text
    assert "in which you do not work" in shown and "Open the identities" not in shown
    assert far.post(f"{page}/identities", {}, page=page).status_code == 404
    assert "in which you do not work" not in near.get(page).text


def test_02_requests_of_another_area_are_neither_listed_nor_handled(
    as_role: As, working, report, canary, foundation
) -> None:
    """Nor counted as late. Seen to fail without `permit` in subject_api.found, without `found` in `copied`, `held` and
    the outcome, and without `areas` in the lists."""
    worker, supervisor = as_role("case_worker"), as_role("supervisor")
    far = working(worker, elsewhere(report))
    assert ask(far, report).status_code == 404
    made = [ask(worker, report).json, ask(worker, report, kind="correction", wrong=["name"]).json]
    copy, correction = (each["request_id"] for each in made)
    one = {"If-Match": '"1"'}
    tried = [
        far.api("POST", f"{API}/requests/{copy}/copy"),
        far.api("POST", f"{API}/requests/{copy}/outcome", {"outcome": "withdrawn"}, headers=one),
        far.api("POST", f"{API}/requests/{correction}/held"),
        far.api("POST", f"{API}/requests/{correction}/correction", {"values": {"name": "Lain"}}, headers=one),
        far.get(f"/en/reports/requests/{copy}"),
        far.post(f"/en/reports/requests/{copy}/copy", {}, page=f"/en/reports/{report['number']}"),
    ]
    assert [answer.status_code for answer in tried] == [404] * len(tried)
    assert canary.hits([("an answer", answer.text) for answer in tried]) == []
    assert far.api("GET", f"{API}/requests").json["items"] == []
    assert copy not in far.get("/en/reports/requests").text
    far_areas, near_areas = (elsewhere(report),), (report["kecamatan"],)
    foundation.database[store.REQUESTS].update_many({}, {"$set": {"due_at": foundation.clock()}})
    late = [
        subject_requests.overdue(foundation.database, foundation.clock(), areas) for areas in (far_areas, near_areas)
    ]
    assert late == [0, 2]
    for other in (worker, working(worker, *near_areas), supervisor):
        assert len(other.api("GET", f"{API}/requests").json["items"]) == 2
    assert worker.api("POST", f"{API}/requests/{copy}/copy").status_code == 200


def test_a_request_from_before_there_were_areas_is_of_its_report_s_kecamatan(
    as_role: As, working, report, foundation
) -> None:
    """Seen to fail without `_place_requests_of_old`: nobody with areas had it on their list."""
    worker = as_role("case_worker")
    request = ask(worker, report).json["request_id"]
    foundation.database[store.REQUESTS].update_one({"_id": request}, {"$unset": {"kecamatan": ""}})
    store.ensure_indexes(foundation.database)
    near = working(worker, report["kecamatan"])
    assert [each["request_id"] for each in near.api("GET", f"{API}/requests").json["items"]] == [request]


def test_an_opening_says_on_which_grounds(as_role: As, app, report, mongo, prefix) -> None:
    """Who registered a report opens their own; for all others it is their area, which is shown as unusual: reports have
    no assignment. Seen to fail without `registered_by` in api.basis, and without the basis of a request."""
    clerk, worker, supervisor = as_role(), as_role("case_worker"), as_role("supervisor")
    entries = mongo.client()[f"{prefix}audit"]["entries"]
    person = report["children"][0]["person_id"]

    def grounds() -> str:
        return str(entries.find({"subject": person, "action": "identity.opened"}).sort("at", -1)[0]["basis"])

    assert worker.api("GET", f"{API}/{report['number']}/identities").status_code == 200
    assert grounds() == "area"
    registrar = Browser(app, replace(clerk.actor, id=report["registered_by"]))
    assert registrar.api("GET", f"{API}/{report['number']}/identities").status_code == 200
    assert grounds() == "registered"
    request = ask(supervisor, report).json["request_id"]
    assert supervisor.api("POST", f"{API}/requests/{request}/copy").status_code == 200
    assert grounds() == "request"
