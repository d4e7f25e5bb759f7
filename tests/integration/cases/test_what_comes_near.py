"""Who must do something in time sees that it comes near, or is over: agencies in their queue and on the referral, case
workers and supervisors in the work queue; in both languages, by the pages."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.cases import commands
from services.cases.app import create_app
from services.directory.morning import message
from shared.access import Actor
from shared.foundation import Foundation
from shared.ids import new_id
from tests.integration.cases.test_cases import Arrive, As, order, screen
from tests.integration.cases.test_referrals import Agency, Referred
from tests.support.web import Browser

pytestmark = [pytest.mark.mongo, pytest.mark.parametrize("language", ["id", "en"])]
NEAR = {"id": "Mendekati tenggat", "en": "Comes near"}
OVER = {"id": "Lewat tenggat", "en": "Overdue"}
STILL = {"id": "Berhenti sementara", "en": "Stands still"}
MINUTE = timedelta(minutes=1)


def at(foundation: Foundation, moment: datetime, role: str, agency_id: str) -> Browser:
    """Somebody at a browser at a moment."""
    app = create_app(replace(foundation, clock=lambda: moment))
    return Browser(app, Actor(new_id("account"), role, agency_id, "session", "Petugas"))


def marks(page: str, language: str) -> list[str]:
    """The marks of a page, as coloured words."""
    tags = re.findall(r'<strong class="govuk-tag[^>]*>([^<]+)</strong>', page)
    return [tag for tag in tags if tag in (NEAR[language], OVER[language], STILL[language])]


def test_an_agency_sees_that_an_answer_comes_near_and_that_it_is_overdue(
    arrive: Arrive, as_role: As, agency: Agency, foundation: Foundation, language: str
) -> None:
    """Seen to fail without `remind_at` in what is stored of a referral. The clock need not have run for it."""
    referred = Referred(arrive, as_role, lambda: agency("legal_aid"), "legal_aid")
    [stored] = foundation.database["referrals"].find({"_id": referred.referral_id})
    expected = [
        (stored["remind_at"] - MINUTE, []),
        (stored["remind_at"], [NEAR[language]]),
        (stored["due_at"] + MINUTE, [OVER[language]]),
    ]
    for moment, shown in expected:
        member = at(foundation, moment, "partner_agency", referred.agency_id)
        for path in ("referrals", f"referrals/{referred.referral_id}"):
            assert marks(member.get(f"/{language}/{path}").text, language) == shown, (moment, path)


def test_a_referral_whose_clock_is_paused_is_not_called_overdue(
    arrive: Arrive, as_role: As, agency: Agency, foundation: Foundation, language: str
) -> None:
    """Seen to fail with a mark that went by the moment alone."""
    case, worker, supervisor = arrive(severity="low"), as_role(), as_role("supervisor")
    assessed = {"needs": "services", "working": "working", "schooling": "none"}
    school = agency("education_office")
    screen(worker, case, risk="low")
    for version, by, command, subject, said in (
        (2, worker, "take_step", "assess", {"facts": assessed}),
        (3, worker, "give_consent", "services", {}),
        (4, worker, "give_consent", "disclosure", {}),
        (5, worker, "take_step", "agree_plan", {"facts": {}}),
        (6, supervisor, "approve", "", {}),
        (7, worker, "request_referral", "education", {"agency_id": school}),
    ):
        answer = order(by, case, version, command, subject, **said)
        assert answer.status_code == 200, answer.text
    [stored] = foundation.database["referrals"].find({"case_id": case["_id"]})
    member = as_role("partner_agency", school)
    accept = member.api(
        "POST", f"/api/v1/referrals/{stored['_id']}/commands", {"command": "accept"}, headers={"If-Match": '"1"'}
    )
    assert accept.status_code == 200, accept.text
    assert order(worker, case, 9, "pause_clock", "school_holiday").status_code == 200
    [stored] = foundation.database["referrals"].find({"case_id": case["_id"]})
    later = at(foundation, stored["due_at"] + MINUTE, "partner_agency", school)
    for path in ("referrals", f"referrals/{stored['_id']}"):
        assert marks(later.get(f"/{language}/{path}").text, language) == [STILL[language]]


def test_the_work_queue_says_what_comes_near_and_offers_what_is_overdue(
    arrive: Arrive, as_role: As, foundation: Foundation, language: str
) -> None:
    """The filter is that to which the e-mail of the morning leads: what was escalated to supervisors. Seen to fail
    without the choice in the page, and without the mark."""
    near = arrive(severity="low")
    screen(as_role(), near, risk="low")
    [stored] = foundation.database["cases"].find({"_id": near["_id"]})
    [deadline] = stored["deadlines"]

    def look(moment: datetime, question: str) -> str:
        commands.sweep(replace(foundation, clock=lambda: moment))
        return at(foundation, moment, "supervisor", new_id("agency")).get(f"/{language}/cases?{question}").text

    page = look(deadline["remind_at"], "stage=assessment")
    assert marks(page, language) == [NEAR[language]]
    [address] = [line.path for line in message.OF_CASES if line.count == "overdue"]
    assert '<select class="govuk-select" id="overdue" name="overdue">' in page
    page = look(deadline["due_at"] + MINUTE, address.partition("?")[2])
    assert near["case_number"] in page
    assert marks(page, language)[0] == OVER[language]
    assert re.search(r'id="overdue".{0,120}<option value="true" selected>', page, re.DOTALL)
