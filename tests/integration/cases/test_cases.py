"""A case from its opening to its first step, through API and page, and its deadline, against the real mongod."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.cases import commands, model
from shared.access import system_actor
from shared.foundation import Foundation
from tests.support.servers import Mongo
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
CASES = "/api/v1/cases"
As = Callable[..., Browser]
Arrive = Callable[..., dict[str, Any]]


def screen(worker: Browser, case: dict[str, Any], version: int = 1, **body: Any) -> Any:
    headers = {"If-Match": f'"{version}"'}
    return worker.api("POST", f"{CASES}/{case['case_number']}/screening", {"risk": "high", **body}, headers=headers)


def test_a_report_of_two_children_opens_two_cases_each_once(arrive: Arrive, foundation: Foundation) -> None:
    case = arrive(children=2)
    assert foundation.database["cases"].count_documents({"report_id": case["report_id"]}) == 2
    assert [entry["type"] for entry in foundation.journal.history(case["_id"])] == ["case.opened"]


def test_the_queue_shows_the_most_urgent_first_and_no_identity(arrive: Arrive, as_role: As) -> None:
    low = arrive(severity="low", names={"name": "Budi Contoh"})
    urgent = arrive(severity="emergency", names={"name": "Ani Contoh"})
    answer = as_role().api("GET", CASES)
    assert [item["case_number"] for item in answer.json["items"]] == [urgent["case_number"], low["case_number"]]
    assert "Contoh" not in answer.text
    page = as_role().get("/id/cases")
    assert page.text.index(urgent["case_number"]) < page.text.index(low["case_number"])
    assert "Ani Contoh" not in page.text
    only = as_role().api("GET", f"{CASES}?severity=low").json
    assert [item["case_number"] for item in only["items"]] == [low["case_number"]]


def test_a_case_worker_screens_a_case_and_the_state_is_its_history(
    arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    case = arrive()
    answer = screen(as_role(), case)
    assert (answer.status_code, answer.json["stage"], answer.json["risk"]) == (200, "assessment", "high")
    assert answer.headers["ETag"] == '"2"'
    history = as_role().api("GET", f"{CASES}/{case['case_number']}/history").json["items"]
    assert [entry["type"] for entry in history] == ["case.opened", "case.screened"]
    rebuilt = None
    for entry in foundation.journal.history(case["_id"]):
        rebuilt = model.evolve(rebuilt, entry["type"], entry["data"], entry["occurred_at"])
    stored = foundation.database["cases"].find_one({"_id": case["_id"]})
    assert stored is not None and model.from_document(stored) == rebuilt


def test_of_two_who_screen_at_once_one_wins_and_the_other_is_told_the_version(arrive: Arrive, as_role: As) -> None:
    case = arrive()
    with ThreadPoolExecutor(2) as workers:
        answers = list(workers.map(lambda risk: screen(as_role(), case, risk=risk), ["high", "low"]))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    [lost] = [answer for answer in answers if answer.status_code == 412]
    assert lost.json["current_version"] == 2


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"risk": "enormous"}, 422, "risk"),
        ({"risk": {"$ne": None}}, 422, "risk"),
        ({"screened_on": "2999-01-01"}, 422, "screened_on"),
        ({"screened_on": "2001-01-01"}, 422, "screened_on"),
        ({"case_id": "case-1"}, 422, "case_id"),
        ({"stage": "closed"}, 422, "stage"),
    ],
)
def test_an_impossible_screening_changes_nothing(
    arrive: Arrive, as_role: As, foundation: Foundation, body: dict[str, Any], status: int, field: str
) -> None:
    case = arrive()
    answer = screen(as_role(), case, **body)
    assert answer.status_code == status, answer.text
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert foundation.journal.version(case["_id"]) == 1


def test_a_screened_case_is_not_screened_again(arrive: Arrive, as_role: As) -> None:
    case = arrive()
    screen(as_role(), case)
    answer = screen(as_role(), case, version=2)
    assert (answer.status_code, answer.json["type"]) == (409, "urn:rujukan:problem:already-screened")
    missing = as_role().api("POST", f"{CASES}/{case['case_number']}/screening", {"risk": "high"})
    assert missing.status_code == 428


@pytest.mark.parametrize("role", ["intake_clerk", "partner_agency", "analyst", "administrator"])
def test_others_see_no_case(arrive: Arrive, as_role: As, role: str) -> None:
    case = arrive()
    for path in ("", f"/{case['case_number']}", f"/{case['case_number']}/history", f"/{case['_id']}/identities"):
        assert as_role(role).api("GET", CASES + path).status_code == 403
    assert screen(as_role(role), case).status_code == 403
    assert as_role().api("GET", f"{CASES}/K-00000-00000-0").status_code == 404


def test_identities_open_with_a_trace(arrive: Arrive, as_role: As, mongo: Mongo, prefix: str) -> None:
    case = arrive(names={"name": "Budi Contoh", "school": "SMP Contoh"})
    answer = as_role().api("GET", f"{CASES}/{case['case_number']}/identities")
    assert answer.json == {
        "child": {"name": "Budi Contoh", "school": "SMP Contoh"},
        "report": {"narrative": "Cerita contoh"},
        "closed": {"child": [], "report": []},
        "erased": False,
    }
    entries = mongo.client()[f"{prefix}audit"]["entries"]
    assert entries.count_documents({"subject": case["person_id"]}) == 1
    page = as_role().post(f"/en/cases/{case['case_number']}/identities", {}, page=f"/en/cases/{case['case_number']}")
    assert "Budi Contoh" in page.text
    assert entries.count_documents({"subject": case["person_id"]}) == 2


def test_an_erased_child_is_said_and_its_report_shown(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    """Seen to fail with identities that open the child or nothing."""
    case = arrive(names={"name": "Budi Contoh"})
    foundation.journal.run(
        lambda unit: {"fields": foundation.sealed.erase(unit, case["person_id"])}, actor=system_actor("test")
    )
    answer = as_role().api("GET", f"{CASES}/{case['case_number']}/identities")
    assert (answer.json["child"], answer.json["erased"]) == ({}, True)
    assert answer.json["report"] == {"narrative": "Cerita contoh"}
    page = as_role().post(f"/id/cases/{case['case_number']}/identities", {}, page=f"/id/cases/{case['case_number']}")
    assert "Telah dihapus" in page.text and "Cerita contoh" in page.text


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_case_worker_screens_by_page(arrive: Arrive, as_role: As, foundation: Foundation, language: str) -> None:
    case = arrive()
    worker, page = as_role(), f"/{language}/cases/{case['case_number']}"
    today = datetime.now(UTC) + timedelta(hours=7)
    form = {"version": "1", "risk": "medium", "screened_on": [str(today.day), str(today.month), str(today.year)]}
    empty = worker.post(f"{page}/screening", {"version": "1"}, page=page)
    assert empty.status_code == 422 and 'href="#risk"' in empty.text
    assert worker.post(f"{page}/screening", form, page=page).status_code == 303
    assert foundation.journal.version(case["_id"]) == 2
    assert "govuk-tag--blue" in worker.get(page).text


def test_a_page_that_is_out_of_date_says_so(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    case = arrive(received=datetime.now(UTC) - timedelta(hours=23, minutes=59, seconds=59))
    worker, page = as_role(), f"/en/cases/{case['case_number']}"
    today = datetime.now(UTC) + timedelta(hours=7)
    form = {"version": "0", "risk": "low", "screened_on": [str(today.day), str(today.month), str(today.year)]}
    assert worker.post(f"{page}/screening", form, page=page).status_code == 303
    assert "Somebody else changed this case" in worker.get(page).text
    assert foundation.journal.version(case["_id"]) == 1


def test_the_clock_escalates_what_is_due_once_however_often_it_runs(arrive: Arrive, foundation: Foundation) -> None:
    now = datetime.now(UTC)
    due = arrive(severity="emergency", received=now - timedelta(hours=1, minutes=59, seconds=59))
    later = arrive(severity="low")
    backdated = arrive(severity="emergency", received=now - timedelta(days=100))
    clock = Foundation.start(foundation.settings, lambda: now + timedelta(minutes=5))
    with ThreadPoolExecutor(4) as sweeps:
        escalated = sum(sweeps.map(lambda _: commands.sweep(clock), range(4)))
    assert escalated == 1
    assert commands.sweep(clock) == 0
    assert [entry["type"] for entry in foundation.journal.history(due["_id"])][1:] == ["case.screening_overdue"]
    for case in (later, backdated):
        assert foundation.journal.version(case["_id"]) == 1
