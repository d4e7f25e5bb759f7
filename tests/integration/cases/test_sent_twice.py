"""A form that is sent twice (a second click, a page that was slow) is one command: one event, and both are told that it
is recorded.

Seen to fail with None in the place of the form's command in pages.py, referrals_pages.py, and glass_pages.py (to break,
to end, to review) each: the second was told that it came too late; without `answer_of`: 404 for what a command ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from flask import Flask

from shared.foundation import Foundation
from tests.integration.cases.test_cases import Arrive, As, day, order, types
from tests.integration.cases.test_referrals import Agency, Referred
from tests.support.web import ORIGIN, Browser, page_token

pytestmark = pytest.mark.mongo


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the last form of a page."""
    fields = re.findall(r'<input[^>]*type="hidden"[^>]*>', page[page.rindex("<form") :])
    pairs = ((re.findall(rf'{name}="([^"]*)"', field)[0] for name in ("name", "value")) for field in fields)
    return {name: unescape(value) for name, value in pairs}


def send(person: Browser, path: str, form: dict[str, Any]) -> str:
    """Sends a form as it stands; returns the page that follows."""
    answer = person.client.post(path, data=form, headers=person.headers(), base_url=ORIGIN)
    assert answer.status_code == 303, answer.text
    return person.get(answer.headers["Location"]).text


def twice(person: Browser, page: str, action: str | None = None, **entered: Any) -> list[str]:
    """Sends the last form of a page twice as it was shown once; returns the pages that follow."""
    form = {**hidden(person.get(page).text), **entered}
    return [send(person, action or page, form) for _time in range(2)]


def well(page: str) -> bool:
    """Whether a page tells that something was done."""
    return "govuk-notification-banner--success" in page


def assert_done(told: Sequence[str]) -> None:
    assert [well(page) for page in told] == [True, True]


def test_a_step_is_taken_once(arrive: Arrive, as_role: As, foundation: Foundation, app: Flask) -> None:
    """What was entered otherwise after going back is another command, and comes too late. Seen to fail with a key that
    left out what was entered: KeyReused."""
    case, worker = arrive(), as_role()
    step = f"/en/cases/{case['case_number']}/commands/take_step?about=screen"
    form = {**hidden(worker.get(step).text), "fact_risk": "low", "occurred_on": day(datetime.now(UTC))}
    assert_done([send(worker, step, form), send(worker, step, form)])
    assert not well(send(worker, step, {**form, "fact_risk": "medium"}))
    assert not well(send(worker, step, {**form, "key": "another-page"}))
    another = as_role()
    assert not well(send(another, step, {**form, "csrf_token": page_token(another, app)})), "the key of somebody else"
    assert types(foundation, case) == ["case.opened", "case.step_taken"]


def test_a_task_is_seen_to_once(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    """The task is gone when the second comes. One that never was is still not found."""
    case, worker = arrive(channel="transfer_in", severity="low"), as_role()
    [task] = foundation.database["cases"].find_one({"_id": case["_id"]})["tasks"]
    path = f"/en/cases/{case['case_number']}/commands/finish_task?about="
    form = hidden(worker.get(path + task["task_id"]).text)
    told = [send(worker, path + task["task_id"], form) for _time in range(2)]
    assert_done(told)
    assert "Recorded: Mark as seen to: Tell the other office" in told[0] and "It is recorded." in told[1]
    assert types(foundation, case) == ["case.opened", "case.transfer_received", "case.task_finished"]
    never = path + "task-" + "0" * 32
    answer = worker.client.post(never, data=form, headers=worker.headers(), base_url=ORIGIN)
    assert answer.status_code == 404, "its key was of another address"


def test_an_agency_answers_once(arrive: Arrive, as_role: As, agency: Agency, foundation: Foundation) -> None:
    """Also the last answer, after which the referral is open no more."""
    referred = Referred(arrive, as_role, agency)
    member, page = referred.member(), f"/en/referrals/{referred.referral_id}/commands"
    today = day(datetime.now(UTC))
    assert_done(twice(member, f"{page}/claim"))
    assert_done(twice(member, f"{page}/accept", occurred_on=today))
    assert_done(twice(member, f"{page}/start_service", occurred_on=today))
    assert_done(twice(member, f"{page}/complete", occurred_on=today, outcome="partly"))
    answers = [each for each in types(foundation, referred.case) if each.startswith("referral.")]
    told = ("requested", "claimed", "accepted", "service_started", "completed")
    assert answers == [f"referral.{each}" for each in told]


def test_the_glass_is_broken_ended_and_reviewed_once(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    case, supervisor, colleague = arrive(severity="low"), as_role("supervisor"), as_role("supervisor")
    reason = {"reason": "danger_now", "sure": "y"}
    assert_done(twice(supervisor, f"/en/break-glass/new?case={case['case_number']}", **reason))
    [grant] = foundation.database["grants"].find({})
    page = f"/en/break-glass/{grant['_id']}"
    assert_done(twice(supervisor, page, f"{page}/end"))
    assert_done(twice(colleague, page, f"{page}/review", result="justified"))
    told = [entry["type"] for entry in foundation.journal.history(grant["_id"])]
    assert told == ["access.glass_broken", "access.glass_ended", "access.glass_reviewed"]


def test_two_who_take_the_same_step_are_two(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    """A key makes no conflict go away: what somebody else has done meanwhile is said."""
    case, worker = arrive(), as_role()
    step = f"/en/cases/{case['case_number']}/commands/take_step?about=screen"
    form = {**hidden(worker.get(step).text), "fact_risk": "low", "occurred_on": day(datetime.now(UTC))}
    order(as_role(), case, 1, "give_consent", "services")
    told = send(worker, step, form)
    assert not well(told) and "Somebody else changed this" in told
