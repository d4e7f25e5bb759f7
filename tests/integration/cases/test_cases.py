"""A case from its opening on, through API and page, and its deadlines, against the real mongod."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.cases import commands, definitions, lateness, model, store
from services.cases.engine import evolve
from services.cases.handlers import handlers
from shared.access import system_actor
from shared.events import Event
from shared.foundation import Foundation
from shared.journal import Context
from tests.support.servers import Mongo
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
CASES = "/api/v1/cases"
As = Callable[..., Browser]
Arrive = Callable[..., dict[str, Any]]


def order(worker: Browser, case: dict[str, Any], version: int, command: str, subject: str = "", **body: Any) -> Any:
    """Gives a command on a case by API."""
    said = {"command": command, "subject": subject, **body}
    path = f"{CASES}/{case['case_number']}/commands"
    return worker.api("POST", path, said, headers={"If-Match": f'"{version}"'})


def screen(worker: Browser, case: dict[str, Any], version: int = 1, risk: str = "high", **body: Any) -> Any:
    return order(worker, case, version, "take_step", "screen", **{"facts": {"risk": risk}, **body})


def types(foundation: Foundation, case: dict[str, Any]) -> list[str]:
    return [entry["type"] for entry in foundation.journal.history(case["_id"])]


def assert_stored_is_history(foundation: Foundation, case_id: str) -> None:
    """What is stored is what the history makes of the case."""
    rebuilt = None
    for entry in foundation.journal.history(case_id):
        event = model.from_entry(entry)
        rebuilt = evolve(definitions.after(rebuilt, event), rebuilt, event)
    stored = foundation.database["cases"].find_one({"_id": case_id})
    assert stored is not None and model.from_document(stored)[1] == rebuilt


def test_a_report_of_two_children_opens_two_cases_each_once(arrive: Arrive, foundation: Foundation) -> None:
    case = arrive(children=2)
    assert foundation.database["cases"].count_documents({"report_id": case["report_id"]}) == 2
    assert types(foundation, case) == ["case.opened"]


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
    assert as_role().api("GET", f"{CASES}?awaiting=true").json["total"] == 0
    assert as_role().get("/id/cases?awaiting=true&stage=").status_code == 200


def test_a_transfer_waits_for_our_word_to_the_other_office(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    """Seen to fail without the channel in what is kept of the report."""
    case, worker = arrive(channel="transfer_in", severity="low"), as_role()
    assert types(foundation, case) == ["case.opened", "case.transfer_received"]
    page = worker.get(f"/id/cases/{case['case_number']}").text
    assert "Pelimpahan masuk" in page
    shown = worker.api("GET", f"{CASES}/{case['case_number']}").json
    [task] = shown["tasks"]
    assert (shown["channel"], task["kind"], task["referral_id"]) == ("transfer_in", "confirm_transfer", None)
    done = order(worker, case, 2, "finish_task", task["task_id"])
    assert (done.status_code, done.json["tasks"]) == (200, [])
    assert_stored_is_history(foundation, case["_id"])
    walked_in = arrive(severity="low")
    assert types(foundation, walked_in) == ["case.opened"]
    assert "Pelimpahan masuk" not in worker.get(f"/id/cases/{walked_in['case_number']}").text


def test_a_case_worker_screens_a_case_and_the_state_is_its_history(
    arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    case = arrive()
    answer = screen(as_role(), case, risk="low")
    assert (answer.status_code, answer.json["stage"], answer.json["facts"]) == (200, "assessment", {"risk": "low"})
    assert answer.headers["ETag"] == '"2"'
    history = as_role().api("GET", f"{CASES}/{case['case_number']}/history").json["items"]
    assert [entry["type"] for entry in history] == ["case.opened", "case.step_taken"]
    assert_stored_is_history(foundation, case["_id"])


def test_a_high_risk_goes_to_emergency_service_first(arrive: Arrive, as_role: As) -> None:
    assert screen(as_role(), arrive()).json["stage"] == "emergency"


def test_a_corrected_child_is_corrected_in_its_case_and_its_referrals(
    arrive: Arrive, as_role: As, agency: Callable[..., str], foundation: Foundation
) -> None:
    """Once, with the urgency by which the queue goes; what is due stays due when it was. Seen to fail without the
    handler, without `all_referrals`, and (history) without `case.corrected` in `evolve`."""
    case, worker = arrive(severity="low"), as_role()
    screen(worker, case)
    for version, consent in ((2, "services"), (3, "disclosure")):
        assert order(worker, case, version, "give_consent", consent).status_code == 200
    asked = order(worker, case, 4, "request_referral", "health", agency_id=agency())
    assert asked.status_code == 200, asked.text
    before = foundation.database["cases"].find_one({"_id": case["_id"]})
    now = before["opened_at"]
    names = ("child_id", "person_id", "sex", "age_band", "legal_class", "statistical_class", "severity")
    child = {name: case[name] for name in names} | {"school_attendance": "unknown"}
    data = {"report_id": case["report_id"], "child": {**child, "severity": "emergency", "age_band": "age_5_12"}}
    for version in (2, 3):  # the second time there is nothing to change
        event = Event("e", "report.corrected", "intake", case["report_id"], version, 1, now, now, data, "worker", "c")
        foundation.journal.transact(
            lambda unit, one=event: handlers(foundation)["report.corrected"](one, unit),  # type: ignore[misc]
            Context(system_actor("test").id),
        )
    assert types(foundation, case)[-2:] == ["referral.requested", "case.corrected"]
    after = foundation.database["cases"].find_one({"_id": case["_id"]})
    assert (after["severity"], after["urgency"], after["age_band"]) == ("emergency", 0, "age_5_12")
    assert (after["deadlines"], after["due_at"]) == (before["deadlines"], before["due_at"])
    [referral] = foundation.database["referrals"].find({"case_id": case["_id"]})
    assert referral["severity"] == "emergency"
    assert_stored_is_history(foundation, case["_id"])
    assert worker.get(f"/en/cases/{case['case_number']}").text.count("corrected on request") == 1


def test_a_correction_of_a_report_that_joined_changes_nothing_of_the_case(
    arrive: Arrive, foundation: Foundation
) -> None:
    """Seen to fail without the look at what has joined: there is no such case, and the event would be parked."""
    case = arrive(severity="low")
    arrive(same_as=[case["child_id"]])
    joined = foundation.database["cases"].find_one({"_id": case["_id"]})["joined"][0]
    codes = {name: joined[name] for name in commands.CORRECTABLE} | {"severity": "emergency"}
    now, child = case["opened_at"], {"child_id": joined["child_id"], **codes}
    data = {"report_id": joined["report_id"], "child": child}
    event = Event("e", "report.corrected", "intake", joined["report_id"], 2, 1, now, now, data, "worker", "c")
    foundation.journal.transact(
        lambda unit: handlers(foundation)["report.corrected"](event, unit), Context(system_actor("test").id)
    )
    assert types(foundation, case) == ["case.opened", "case.report_joined"]
    kept = foundation.database["cases"].find_one({"_id": case["_id"]})
    assert (kept["severity"], kept["joined"][0]["severity"]) == ("low", "emergency")


def test_of_two_who_screen_at_once_one_wins_and_the_other_is_told_the_version(arrive: Arrive, as_role: As) -> None:
    case = arrive()
    with ThreadPoolExecutor(2) as workers:
        answers = list(workers.map(lambda risk: screen(as_role(), case, risk=risk), ["high", "low"]))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    [lost] = [answer for answer in answers if answer.status_code == 412]
    assert lost.json["current_version"] == 2


def test_the_same_command_twice_is_one_command(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    """Seen to fail without the Idempotency-Key handed to the journal: the second is refused."""
    case, worker = arrive(), as_role()
    said = {"command": "take_step", "subject": "screen", "facts": {"risk": "low"}}
    headers = {"If-Match": '"1"', "Idempotency-Key": "one-and-the-same"}
    path = f"{CASES}/{case['case_number']}/commands"
    answers = [worker.api("POST", path, said, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert foundation.journal.version(case["_id"]) == 2


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"facts": {"risk": "enormous"}}, 422, "facts.risk"),
        ({"facts": {}}, 422, "facts.risk"),
        ({"facts": {"risk": {"$ne": None}}}, 422, "facts.risk.value"),
        ({"facts": {"risk": "low", "needs": "services"}}, 422, "facts.needs"),
        ({"occurred_on": "2999-01-01"}, 422, "occurred_on"),
        ({"occurred_on": "2001-01-01"}, 422, "occurred_on"),
        ({"subject": "promote"}, 422, "subject"),
        ({"subject": "Budi Contoh"}, 422, "subject"),
        ({"command": "delete"}, 422, "command"),
        ({"command": "accept", "subject": "referral-" + "a" * 32}, 422, "command"),
        ({"case_id": "case-1"}, 422, "case_id"),
        ({"stage": "closed"}, 422, "stage"),
    ],
)
def test_an_impossible_command_changes_nothing(
    arrive: Arrive, as_role: As, foundation: Foundation, body: dict[str, Any], status: int, field: str
) -> None:
    case = arrive()
    said = {"command": "take_step", "subject": "screen", "facts": {"risk": "high"}, **body}
    path = f"{CASES}/{case['case_number']}/commands"
    answer = as_role().api("POST", path, said, headers={"If-Match": '"1"'})
    assert answer.status_code == status, answer.text
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert foundation.journal.version(case["_id"]) == 1


def test_a_step_of_another_stage_is_refused_with_all_its_reasons(arrive: Arrive, as_role: As) -> None:
    case = arrive()
    screen(as_role(), case)
    answer = screen(as_role(), case, version=2)
    assert (answer.status_code, answer.json["type"]) == (409, "urn:rujukan:problem:not-possible-now")
    assert [reason["code"] for reason in answer.json["reasons"]] == ["wrong_stage"]
    planned = order(as_role(), case, 2, "take_step", "agree_plan")
    assert [reason["code"] for reason in planned.json["reasons"]] == ["wrong_stage", "no_consent"]
    path = f"{CASES}/{case['case_number']}/commands"
    assert as_role().api("POST", path, {"command": "take_step", "subject": "screen"}).status_code == 428


def test_what_is_said_to_be_possible_can_be_done_and_the_rest_is_refused_for_the_reasons_said(
    arrive: Arrive, as_role: As
) -> None:
    """Seen to fail with an `available` that leaves out the consents."""
    case, worker = arrive(), as_role()
    items = worker.api("GET", f"{CASES}/{case['case_number']}/available").json["items"]
    for item in items:
        if item["command"] in ("request_referral", "assign_case"):
            continue
        answer = order(worker, case, 1, item["command"], item["subject"], facts={})
        refused = {reason["code"] for reason in answer.json.get("reasons", ())}
        if item["possible"]:
            assert answer.status_code in (200, 422), (item, answer.text)
            if answer.status_code == 200:
                case = arrive()
        else:
            assert refused == {reason["code"] for reason in item["reasons"]}, (item, answer.text)
    assert {item["command"] for item in items} >= {"take_step", "approve", "give_consent", "pause_clock"}
    assert all(item["name"] and (item["possible"] or item["reasons"]) for item in items)


def test_nobody_closes_a_case_alone(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    case, supervisor = arrive(), as_role("supervisor")
    proposed = order(supervisor, case, 1, "take_step", "close", facts={"closure_reason": "not_found"})
    assert (proposed.json["stage"], proposed.json["awaited"]["step"]) == ("screening", "close")
    assert as_role().api("GET", f"{CASES}?awaiting=true").json["total"] == 1
    own = order(supervisor, case, 2, "approve")
    assert (own.status_code, own.json["reasons"][0]["code"]) == (403, "own_proposal")
    assert order(as_role(), case, 2, "approve").status_code == 403
    closed = order(as_role("supervisor"), case, 2, "approve")
    assert (closed.json["stage"], closed.json["due_at"], closed.json["deadlines"]) == ("closed", None, [])
    assert_stored_is_history(foundation, case["_id"])


@pytest.mark.parametrize("role", ["intake_clerk", "partner_agency", "analyst", "administrator"])
def test_others_see_no_case(arrive: Arrive, as_role: As, role: str) -> None:
    case = arrive()
    for path in ("", *(f"/{case['case_number']}{part}" for part in ("", "/history", "/available", "/identities"))):
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


def day(moment: datetime) -> list[str]:
    """A day as the form takes it, in WIB."""
    local = moment + timedelta(hours=7)
    return [str(local.day), str(local.month), str(local.year)]


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_case_worker_screens_by_page(arrive: Arrive, as_role: As, foundation: Foundation, language: str) -> None:
    case = arrive()
    worker, page = as_role(), f"/{language}/cases/{case['case_number']}"
    step = f"{page}/commands/take_step?about=screen"
    assert step.replace("&", "&amp;") in worker.get(page).text
    form = {"version": "1", "fact_risk": "medium", "occurred_on": day(datetime.now(UTC))}
    empty = worker.post(step, {"version": "1"}, page=step)
    assert empty.status_code == 422 and 'href="#fact_risk"' in empty.text
    early = worker.post(step, {**form, "occurred_on": ["1", "1", "2001"]}, page=step)
    assert early.status_code == 422 and 'href="#occurred_on-day"' in early.text
    assert worker.post(step, form, page=step).status_code == 303
    assert foundation.journal.version(case["_id"]) == 2
    assert "govuk-tag--blue" in worker.get(page).text
    again = worker.get(step)
    assert again.status_code == 303, "what is not possible any more is said on the case's page"


def test_a_page_that_is_out_of_date_says_so(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    case = arrive()
    worker, page = as_role(), f"/en/cases/{case['case_number']}"
    step = f"{page}/commands/take_step?about=screen"
    form = {"version": "0", "fact_risk": "low", "occurred_on": day(datetime.now(UTC))}
    assert worker.post(step, form, page=step).status_code == 303
    assert "Somebody else changed this" in worker.get(page).text
    assert foundation.journal.version(case["_id"]) == 1
    assert worker.get(f"{page}/commands/promote").status_code == 404


def test_the_clock_escalates_what_is_due_once_however_often_it_runs(arrive: Arrive, foundation: Foundation) -> None:
    now = datetime.now(UTC)
    due = arrive(severity="emergency", received=now - timedelta(hours=1, minutes=59, seconds=50))
    later = arrive(severity="low")
    backdated = arrive(severity="emergency", received=now - timedelta(days=100))
    clock = Foundation.start(foundation.settings, lambda: now + timedelta(minutes=5))
    with ThreadPoolExecutor(4) as sweeps:
        escalated = sum(sweeps.map(lambda _: commands.sweep(clock), range(4)))
    assert escalated == 1
    assert commands.sweep(clock) == 0
    assert types(foundation, due)[1:] == ["case.deadline_breached"]
    for case in (later, backdated):
        assert foundation.journal.version(case["_id"]) == 1
    assert_stored_is_history(foundation, due["_id"])


def test_a_month_of_the_clock_loses_nothing_with_restarts_and_pauses_between(
    arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """A frozen clock is moved over every deadline in uneven steps, two sweeps at a time, each by a process of its own:
    every deadline is said once, at risk before breached. Seen to fail with `next_at` left as it was
    (looked at for ever), and with a breach that leaves the phase of its deadline as it was (said again)."""
    now = datetime.now(UTC).replace(microsecond=0)
    cases = [arrive(severity=severity) for severity in ("emergency", "high", "medium", "low")]
    for case in cases[2:]:
        screen(as_role(), case, risk="medium")
    for hours in (1, 3, 20, 30, 2, 400, 0, 300):
        now += timedelta(hours=hours)
        moment = now
        clocks = [Foundation.start(foundation.settings, lambda at=moment: at) for _ in range(2)]  # type: ignore[misc]
        with ThreadPoolExecutor(2) as sweeps:
            list(sweeps.map(commands.sweep, clocks))
    assert store.due(foundation.database, now, 10) == [], "what was said is not looked at again"
    for number, case in enumerate(cases):
        said = [
            (entry["type"], entry["data"]["deadline"])
            for entry in foundation.journal.history(case["_id"])
            if "deadline" in entry["data"]
        ]
        expected = [("case.deadline_breached", "screening")]
        if number > 1:
            expected = [("case.deadline_at_risk", "assessment"), ("case.deadline_breached", "assessment")]
        assert said == expected or (number > 1 and said == expected[1:]), said
        assert_stored_is_history(foundation, case["_id"])


def test_a_case_that_cannot_be_decided_on_keeps_no_other_waiting(
    arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail with a sweep that ends at the first error: no deadline after it would ever be said."""
    now = datetime.now(UTC)
    broken, whole = (arrive(received=now - timedelta(hours=hours)) for hours in (23.9, 23.8))
    foundation.database["cases"].update_one({"_id": broken["_id"]}, {"$unset": {"stage": ""}})
    clock = Foundation.start(foundation.settings, lambda: now + timedelta(hours=1))
    assert commands.sweep(clock) == 1
    assert types(foundation, whole)[1:] == ["case.deadline_breached"]
    assert lateness.look(foundation.database, clock.clock()).failing == (broken["_id"],)


def test_the_clock_looks_at_no_case_that_is_not_due(arrive: Arrive, foundation: Foundation) -> None:
    """Seen to fail with an index of dates only, which the planner does not use: every case was looked at."""
    now = datetime.now(UTC)
    for severity in ("emergency", "low", "low", "low"):
        arrive(severity=severity)
    due = foundation.database["cases"].find({"next_at": {"$lte": now + timedelta(hours=3)}}, sort=[("next_at", 1)])
    assert due.explain()["executionStats"]["totalDocsExamined"] == 1


def test_the_page_shows_where_the_case_is_in_the_procedure(arrive: Arrive, as_role: As) -> None:
    case = arrive()
    page = f"/id/cases/{case['case_number']}"
    assert "<svg" in as_role().get(page).text
    assert "&lt;svg" not in as_role().get(page).text


def test_another_page_of_the_queue_shows_the_same_stage(arrive: Arrive, as_role: As) -> None:
    """Seen to fail with the first stage chosen only where the address says nothing at all."""
    case, worker = arrive(), as_role()
    screen(worker, case)
    assert case["case_number"] not in worker.get("/id/cases?page=1").text
    assert case["case_number"] in worker.get("/id/cases?stage=").text
