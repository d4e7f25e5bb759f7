"""The queues say of each row what whoever reads it can do next, and show alone what waits for them; real mongod."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from services.cases import commands, definitions, store
from shared.clock import utc_now
from shared.foundation import Foundation
from tests.integration.cases.test_cases import CASES, Arrive, As, order, screen
from tests.integration.cases.test_referrals import Agency, Referred
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
LINK = re.compile(r'<a class="govuk-link app-touch" href="([^"]+)#(do-[^"]+|next)">([^<]+)<')
CLOSING: dict[str, Any] = {"facts": {"closure_reason": "no_child_labour"}}


def offered(page: str, place: str) -> dict[str, str]:
    """What the row of a thing offers: the anchor on its own page -> in words."""
    return {anchor: unescape(words) for path, anchor, words in LINK.findall(page) if path.endswith(place)}


def ids(page: str) -> set[str]:
    return set(re.findall(r' id="([^"]+)"', page))


def waiting(person: Browser) -> set[str]:
    """The numbers of the cases that wait for somebody, by API; the page shows the same."""
    found = person.api("GET", f"{CASES}?waits_for_me=true").json["items"]
    numbers = {each["case_number"] for each in found}
    page = person.get("/en/cases?waits_for_me=true").text
    assert set(re.findall(r'translate="no" href="/en/cases/([^"]+)"', page)) == numbers
    others = person.api("GET", f"{CASES}?waits_for_me=false").json["items"]
    assert not numbers & {each["case_number"] for each in others}
    return numbers


@pytest.fixture
def proposed(arrive: Arrive, as_role: As) -> tuple[dict[str, Any], Browser]:
    """A case that a supervisor wants to close, and that supervisor."""
    case, supervisor = arrive(severity="low"), as_role("supervisor")
    assert order(supervisor, case, 1, "take_step", "close", **CLOSING).status_code == 200
    return case, supervisor


def test_a_row_offers_what_its_reader_can_do_next(arrive: Arrive, as_role: As) -> None:
    """In words, as a link to the place on the case's page; what waits first, then the steps that do not end the case.
    Seen to fail without `_ends`, without `each.now`, and without the anchors."""
    case, new, worker = arrive(channel="transfer_in", severity="low"), arrive(severity="low"), as_role()
    screen(worker, case, version=2, risk="low")
    queue, place = worker.get("/en/cases?stage=").text, f"/cases/{case['case_number']}"
    row = offered(queue, place)
    assert [words for anchor, words in row.items() if anchor != "next"] == [
        "Mark as seen to: Tell the other office that we have the case",
        "Judge the risk anew",
        "Complete the assessment",
    ]
    assert list(offered(queue, new["case_number"]).values())[:-1] == ["Screen"], "not to close it, or give it away"
    assert set(row) <= ids(worker.get(f"/en{place}").text)
    items = worker.api("GET", f"{CASES}/{case['case_number']}/available").json["items"]
    possible = [each for each in items if each["possible"] and each["command"] not in commands.OF_AN_AGENCY]
    assert row["next"] == f"And {len(possible) - 3} more"
    assert "Assessment<br>" in queue


def test_what_its_reader_cannot_do_is_not_offered(proposed: tuple[dict[str, Any], Browser], as_role: As) -> None:
    """Nobody agrees to their own proposal. Seen to fail with the first commands of a row whether possible or not."""
    case, supervisor = proposed
    place = f"/cases/{case['case_number']}"
    assert "do-approve-" in offered(as_role("supervisor").get("/en/cases?stage=").text, place)
    for person in (supervisor, as_role()):
        assert "do-approve-" not in offered(person.get("/en/cases?stage=").text, place)


def test_a_deadline_that_was_late_when_entered_is_not_the_next_one(arrive: Arrive, as_role: As) -> None:
    """It was shown as overdue where another ran, though nobody could do anything about it. Seen to fail with the
    earliest of all."""
    case = arrive(severity="low")
    arrive(severity="emergency", received=utc_now() - timedelta(days=30), same_as=[case["child_id"]])
    page = as_role().get("/en/cases?stage=").text
    assert "Screening<br>" in page and "A further report" not in page
    assert ">Overdue</strong>" not in page and ">Entered late</strong>" not in page


def test_what_waits_for_whom(
    proposed: tuple[dict[str, Any], Browser],
    arrive: Arrive,
    as_role: As,
    foundation: Foundation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A task and a deadline that passed wait for those who lead cases, a decision for whoever may take it. Seen to fail
    without each part of `_waits_for`."""
    case, supervisor = proposed
    colleague, worker = as_role("supervisor"), as_role()
    arrive(severity="low")
    task = arrive(severity="low", channel="transfer_in")["case_number"]
    assert waiting(colleague) == {case["case_number"], task}
    assert waiting(supervisor) == waiting(worker) == {task}
    late = arrive(severity="emergency")["case_number"]
    commands.sweep(replace(foundation, clock=lambda: utc_now() + timedelta(hours=3)))
    assert waiting(worker) == {task, late}
    assert waiting(colleague) == {case["case_number"], task, late}
    led_by_others = replace(definitions.current(), managed_by=("case_worker",))
    monkeypatch.setattr(definitions, "newest_first", lambda: [led_by_others])
    assert waiting(colleague) == {case["case_number"], late}


def test_what_waits_is_found_by_indexes(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    """Seen to fail without the indexes of tasks and of what is overdue."""
    for _ in range(30):
        arrive(severity="low")
    arrive(severity="low", channel="transfer_in")
    for role in ("supervisor", "case_worker"):
        actor = as_role(role).actor
        assert actor is not None
        wanted = {"$and": [{"$or": store._waits_for(actor)}]}
        plan = foundation.database["cases"].find(wanted).explain()
        assert plan["executionStats"]["totalDocsExamined"] <= 2, plan["queryPlanner"]["winningPlan"]


def test_cases_of_a_page_are_read_as_each_alone(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    """Also an ended one whose child has another case. Seen to fail with `open_elsewhere` left as it is stored."""
    worker, supervisor = as_role(), as_role("supervisor")
    ended = []
    for _ in range(2):
        case = arrive(severity="low")
        order(worker, case, 1, "take_step", "close", **CLOSING)
        assert order(supervisor, case, 2, "approve").json["stage"] == "closed"
        ended.append(case)
    arrive(severity="low", same_as=[ended[0]["child_id"]])
    documents = list(foundation.database["cases"].find({}, sort=[("_id", 1)]))
    alone = [store.read(foundation.database, each)[1] for each in documents]
    assert store.read_all(foundation.database, documents) == alone
    assert sorted(each.open_elsewhere for each in alone) == [False, False, True]


def test_an_agencys_queue_offers_the_answers_that_can_be_given(arrive: Arrive, as_role: As, agency: Agency) -> None:
    """Also to whoever has taken it over, and nothing to those who only read. Seen to fail without `each.now`."""
    referred = Referred(arrive, as_role, agency)
    first, second, place = referred.member(), referred.member(), f"/referrals/{referred.referral_id}"
    assert offered(first.get("/en/referrals").text, place) == {
        "do-claim": "Take over",
        "do-accept": "Accept",
        "do-decline": "Decline",
    }
    assert referred.answer(first, 1, "claim").status_code == 200
    for member in (first, second):
        row = offered(member.get("/en/referrals").text, place)
        items = member.api("GET", f"/api/v1{place}/available").json["items"]
        assert set(row) == {f"do-{each['command']}" for each in items if each["possible"]}
        assert set(row) <= ids(member.get(f"/en{place}").text)
    assert "What you can do" not in referred.worker.get("/en/referrals").text
