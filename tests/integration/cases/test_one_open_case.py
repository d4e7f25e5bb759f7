"""A child has at most one open case: a further report joins it, also when two come at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from services.cases import commands, store
from services.cases.app import create_app
from shared.clock import utc_now
from shared.foundation import Foundation
from tests.integration.cases.test_cases import CASES, Arrive, As, assert_stored_is_history, order, screen, types
from tests.support.web import Browser

pytestmark = pytest.mark.mongo


def read(worker: Browser, case: dict[str, Any]) -> Any:
    """Marks the further report as seen to."""
    now = worker.api("GET", f"{CASES}/{case['case_number']}").json
    return order(worker, case, now["version"], "finish_task", now["tasks"][0]["task_id"])


def close(worker: Browser, supervisor: Browser, case: dict[str, Any], reason: str = "not_found") -> Any:
    """Closes a case, with its second person."""
    version = worker.api("GET", f"{CASES}/{case['case_number']}").json["version"]
    said = {"facts": {"closure_reason": reason}}
    assert order(worker, case, version, "take_step", "close", **said).status_code == 200
    return order(supervisor, case, version + 1, "approve")


def test_a_further_report_joins_the_open_case_and_waits_to_be_read(
    arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    case = arrive(severity="low", received=utc_now() - timedelta(days=1))
    again = arrive(severity="emergency", same_as=[case["child_id"]])
    assert again["_id"] == case["_id"] and foundation.database["cases"].count_documents({}) == 1
    assert types(foundation, case) == ["case.opened", "case.report_joined"]
    assert_stored_is_history(foundation, case["_id"])
    shown = as_role().api("GET", f"{CASES}/{case['case_number']}").json
    [joined] = shown["joined"]
    assert [(task["kind"], task["report_id"]) for task in shown["tasks"]] == [("read_report", joined["report_id"])]
    assert {each["report_id"] for each in shown["deadlines"]} == {None, joined["report_id"]}
    found = as_role().api("GET", f"{CASES}?report_id={joined['report_id']}").json
    assert [each["case_number"] for each in found["items"]] == [case["case_number"]]
    page = as_role().get(f"/id/cases/{case['case_number']}")
    assert joined["report_number"] in page.text and "Baca laporan berikutnya" in page.text


def test_an_office_that_hands_over_the_child_of_an_open_case_gets_our_word(
    arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail without the channel at the joining."""
    case = arrive()
    arrive(same_as=[case["child_id"]], channel="transfer_in")
    assert types(foundation, case) == ["case.opened", "case.report_joined", "case.transfer_received"]
    tasks = as_role().api("GET", f"{CASES}/{case['case_number']}").json["tasks"]
    assert sorted(task["kind"] for task in tasks) == ["confirm_transfer", "read_report"]
    assert_stored_is_history(foundation, case["_id"])


def test_a_report_that_is_read_again_joins_once(arrive: Arrive, foundation: Foundation) -> None:
    """`arrive` hands every event to the handler twice; here it also comes in another unit of work. Seen to fail without
    the look at what has joined."""
    case = arrive()
    arrive(same_as=[case["child_id"]])
    [joined] = foundation.database["cases"].find_one({"_id": case["_id"]})["joined"]
    entry = foundation.database["journal"].find_one({"type": "case.report_joined"})
    about = {**entry["data"]["reported"], "kelurahan": "33.75.01.1002", "channel": "walk_in"}
    child = {name: joined[name] for name in ("child_id", "person_id")} | about | {"first_child_id": case["child_id"]}
    report = {**about, **{name: joined[name] for name in ("report_id", "report_number")}, "children": [child]}
    report |= {"received_on": utc_now().date(), "demonstration": True}

    def work(unit: Any) -> None:
        open_of = store.open_of(unit, [case["child_id"]])
        assert commands.open_cases(unit, report, utc_now(), utc_now(), set(), open_of) == 0

    foundation.journal.run(lambda unit: work(unit) or {}, actor=commands.OPENER)
    assert len(foundation.database["cases"].find_one({"_id": case["_id"]})["joined"]) == 1
    assert foundation.database["journal"].count_documents({"type": "case.report_joined"}) == 1


def test_of_two_reports_at_once_one_opens_the_case_and_the_other_joins(arrive: Arrive, foundation: Foundation) -> None:
    """Both have looked before either has committed. Seen to fail without the unique index: two open cases."""
    ended = arrive()
    foundation.database["cases"].update_one({"_id": ended["_id"]}, {"$set": {"open": False}})
    both = threading.Barrier(2)

    def comes(_: int) -> dict[str, Any]:
        first_time = iter([True])
        return arrive(
            same_as=[ended["child_id"]], before_commit=lambda: both.wait(20) if next(first_time, False) else None
        )

    with ThreadPoolExecutor(2) as workers:
        found = list(workers.map(comes, range(2)))
    assert found[0]["_id"] == found[1]["_id"]
    assert foundation.database["cases"].count_documents({"open": True}) == 1
    assert types(foundation, found[0]) == ["case.opened", "case.report_joined"]


def test_reports_that_come_in_the_other_order_make_one_case_too(arrive: Arrive, foundation: Foundation) -> None:
    """Partitions are read side by side: the later report may come first."""
    first = arrive()
    foundation.database["cases"].delete_many({})
    later = arrive(same_as=[first["child_id"]])
    again = arrive(same_as=[first["child_id"]])
    assert later["_id"] == again["_id"]


def test_children_of_one_report_join_each_their_own_case(arrive: Arrive, foundation: Foundation) -> None:
    one, two = arrive(), arrive()
    arrive(same_as=[one["child_id"], two["child_id"]])
    assert [len(each["joined"]) for each in foundation.database["cases"].find()] == [1, 1]


def test_a_case_does_not_end_before_the_report_is_read(arrive: Arrive, as_role: As) -> None:
    """Seen to fail with the reason left out of the conditions of a step."""
    case, worker, supervisor = arrive(), as_role(), as_role("supervisor")
    arrive(same_as=[case["child_id"]])
    refused = order(worker, case, 2, "take_step", "close", facts={"closure_reason": "not_found"})
    assert (refused.status_code, refused.json["reasons"][0]["code"]) == (409, "report_unread")
    assert "belum dibaca" in refused.json["detail"]
    assert read(worker, case).status_code == 200
    assert close(worker, supervisor, case).json["stage"] == "closed"


def test_after_the_end_a_report_opens_a_new_case_and_the_old_one_stays_shut(
    arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail without the look for another open case: the index refuses, and nobody is told why."""
    case, worker, supervisor = arrive(), as_role(), as_role("supervisor")
    close(worker, supervisor, case)
    new = arrive(same_as=[case["child_id"]])
    assert new["_id"] != case["_id"] and types(foundation, new) == ["case.opened"]
    page = worker.get(f"/id/cases/{new['case_number']}")
    assert case["case_number"] in page.text
    version = worker.api("GET", f"{CASES}/{case['case_number']}").json["version"]
    reopen = {"facts": {"reopening_reason": "new_report"}}
    refused = order(worker, case, version, "take_step", "reopen", **reopen)
    assert (refused.status_code, refused.json["reasons"][0]["code"]) == (409, "open_elsewhere")
    offered = worker.api("GET", f"{CASES}/{case['case_number']}/available").json["items"]
    [again] = [each for each in offered if each["subject"] == "reopen"]
    assert not again["possible"] and again["reasons"][0]["code"] == "open_elsewhere"
    close(worker, supervisor, new)
    assert order(worker, case, version, "take_step", "reopen", **reopen).status_code == 200


def test_a_reopening_that_was_proposed_before_is_not_agreed_to(arrive: Arrive, as_role: As) -> None:
    case, worker, supervisor = arrive(), as_role(), as_role("supervisor")
    close(worker, supervisor, case)
    version = worker.api("GET", f"{CASES}/{case['case_number']}").json["version"]
    reopen = {"facts": {"reopening_reason": "new_report"}}
    assert order(worker, case, version, "take_step", "reopen", **reopen).status_code == 200
    arrive(same_as=[case["child_id"]])
    refused = order(supervisor, case, version + 1, "approve")
    assert (refused.status_code, refused.json["reasons"][0]["code"]) == (409, "open_elsewhere")


def test_the_time_of_a_report_that_nobody_reads_is_escalated(arrive: Arrive, foundation: Foundation) -> None:
    case = arrive(severity="low")
    arrive(severity="emergency", same_as=[case["child_id"]])
    later = utc_now() + timedelta(hours=3)
    object.__setattr__(foundation, "clock", lambda: later)
    assert commands.sweep(foundation) == 1
    breached = foundation.database["journal"].find_one({"type": "case.deadline_breached"})
    assert breached["data"]["deadline"] == "report:screening" and breached["data"]["report_id"].startswith("report-")
    assert commands.sweep(foundation) == 0
    assert_stored_is_history(foundation, case["_id"])


def test_cases_from_before_children_were_recognised_are_found_again(
    arrive: Arrive, foundation: Foundation, as_role: As
) -> None:
    cases = foundation.database["cases"]
    case, ended = arrive(), arrive()
    screen(as_role(), ended, risk="low")
    cases.update_many({}, {"$unset": {"first_child_id": "", "open": ""}})
    cases.update_one({"_id": ended["_id"]}, {"$set": {"stage": "closed"}})
    store.ensure_indexes(foundation.database)
    create_app(foundation)
    assert arrive(same_as=[case["child_id"]])["_id"] == case["_id"]
    assert arrive(same_as=[ended["child_id"]])["_id"] != ended["_id"]
