"""A command may be dated back, but not before what it follows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.cases.engine import commands
from services.cases.engine.state import BREACHED, LATE, RUNNING
from shared.access.actor import Actor
from tests.unit.cases.engine.cases import CLOCK, MONDAY, NURSE, SUPERVISOR, WORKER, Played

TEACHER = Actor("account-teacher", "partner_agency", "agency-education")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def asked() -> Played:
    """A case of which a health centre was asked on the tenth day, on the eleventh now."""
    played = Played().in_implementation().after(days=10).refers()
    return played.after(days=1)


def proposed() -> Played:
    """A plan was proposed on the fifth day."""
    played = (
        Played().step("screen", risk="medium").step("assess", needs="services", working="working", schooling="none")
    )
    played.consents().after(days=5).does(commands.TakeStep, WORKER, step="agree_plan", facts={})
    return played.after(days=1)


def screened() -> Played:
    """Screened on the third day."""
    return Played().after(days=3).step("screen", risk="medium").after(days=1)


def consented() -> Played:
    """In implementation since the first day, and the consent was given anew on the fourth."""
    played = Played().in_implementation().after(days=2)
    played.does(commands.WithdrawConsent, WORKER, consent="services")
    played.after(days=2).does(commands.GiveConsent, WORKER, consent="services")
    return played.after(days=1)


def paused() -> Played:
    """The clock stands still since the second day."""
    played = Played().after(days=2)
    played.does(commands.PauseClock, WORKER, pause="school_holiday")
    return played.after(days=2)


def taught() -> Played:
    """A school has taken the child on the sixth day, in a stage that began on the first."""
    played = Played().in_implementation().refers("education", TEACHER).after(days=6)
    played.does(commands.Accept, TEACHER, referral_id="referral-1")
    return played.after(days=1)


ASSESSED = {"needs": "services", "working": "working", "schooling": "none"}
REQUEST = {"referral_id": "referral-2", "kind": "health", "agency_id": "agency-x", "agency_kind": "health_centre"}
FOLLOWS: list[tuple[str, Any, type[commands.Command], Actor, dict[str, Any], timedelta]] = [
    ("an answer and the request", asked, commands.Accept, NURSE, {"referral_id": "referral-1"}, 10 * DAY),
    ("an agreement and the proposal", proposed, commands.Approve, SUPERVISOR, {}, 5 * DAY),
    ("taking back and the proposal", proposed, commands.Reject, WORKER, {}, 5 * DAY),
    ("a step and its stage", screened, commands.TakeStep, WORKER, {"step": "assess", "facts": ASSESSED}, 3 * DAY),
    ("a pause and the stage", screened, commands.PauseClock, WORKER, {"pause": "school_holiday"}, 3 * DAY),
    ("a pause and what it holds", taught, commands.PauseClock, WORKER, {"pause": "school_holiday"}, 6 * DAY),
    ("a request and the consent for it", consented, commands.RequestReferral, WORKER, REQUEST, 4 * DAY),
    ("a withdrawal and the consent", consented, commands.WithdrawConsent, WORKER, {"consent": "services"}, 4 * DAY),
    ("running on and the pause", paused, commands.ResumeClock, WORKER, {"pause": "school_holiday"}, 2 * DAY),
]


@pytest.mark.parametrize(
    ("begin", "kind", "by", "said", "since"), [each[1:] for each in FOLLOWS], ids=[e[0] for e in FOLLOWS]
)
def test_nothing_happened_before_what_it_follows(
    begin: Any, kind: type[commands.Command], by: Actor, said: dict[str, Any], since: timedelta
) -> None:
    """Seen to fail for each without its line in `_followed` (for an answer: without the question in `earliest`)."""
    played = begin()
    assert played.refused(kind, by, **said, at=MONDAY + since - HOUR) == ("before_what_it_follows",)
    assert played.does(kind, by, **said, at=MONDAY + since)


def test_an_agency_cannot_date_its_acceptance_back_until_its_deadline_is_late_and_silent() -> None:
    """Seen to fail without `earliest`: the deadline of the service was late at once, and is never escalated then."""
    played = asked().after(days=20)
    assert played.refused(commands.Accept, NURSE, referral_id="referral-1", at=MONDAY + DAY) == (
        "before_what_it_follows",
    )
    played.does(commands.Accept, NURSE, referral_id="referral-1", at=played.now - DAY)
    [service] = [each for each in played.case.deadlines if each.name.startswith("service:")]
    assert service.phase == RUNNING != LATE
    played.after(days=30).tick()
    [service] = [each for each in played.case.deadlines if each.name.startswith("service:")]
    assert service.phase == BREACHED


def test_what_two_agencies_did_may_be_told_in_any_order() -> None:
    """Each is held against its own referral. Seen to fail with one moment for the whole case."""
    played = Played().in_implementation().refers()
    played.refers("education", TEACHER, "referral-2").after(days=3)
    played.does(commands.Accept, TEACHER, referral_id="referral-2", at=MONDAY + 2 * DAY)
    played.does(commands.Accept, NURSE, referral_id="referral-1", at=MONDAY + DAY)


def test_what_is_given_now_is_not_held_against_a_clock_that_was_set_back() -> None:
    """Seen to fail without the look at `now`: nobody could work on the case until the clock had caught up."""
    played = asked().after(days=-5)
    assert played.does(commands.Accept, NURSE, referral_id="referral-1")
    assert CLOCK.role
