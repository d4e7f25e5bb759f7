"""A danger judged anew is not waited for by the old period: deadlines that are counted again while a case stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.cases.engine import Event, commands, evolve
from services.cases.engine.definition import Duration
from services.cases.engine.migration import migrate
from services.cases.engine.state import BREACHED, PAUSED, RUNNING, Deadline
from shared.domain.working_time import add_working_days
from tests.unit.cases.engine.cases import WORKER, Played, shipped


def assessed(risk: str = "low") -> Played:
    """A case that waits for its assessment: 3 working days at high risk, 5 at medium, 10 at low."""
    played = Played().step("screen", risk=risk)
    return played.step("give_emergency_service", emergency_service="given") if risk == "high" else played


def assessment(played: Played) -> Deadline:
    return next(each for each in played.case.deadlines if each.name == "assessment")


def judged(played: Played, risk: str, at: datetime | None = None) -> Played:
    played.does(commands.TakeStep, WORKER, step="judge_risk_anew", facts={"risk": risk}, at=at or played.now)
    return played


def test_a_greater_risk_has_the_shorter_period_from_when_it_was_judged() -> None:
    """Seen to fail before: the assessment stayed due ten working days after the screening."""
    played = judged(assessed().after(days=1), "medium")
    assert played.case.stage == "assessment"
    assert assessment(played).due_at == add_working_days(played.now, 5)
    assert assessment(played).remind_at == add_working_days(played.now, 4)
    assert [each["name"] for each in played.history[-1].data["recounted"]] == ["assessment"]


def test_what_ends_sooner_stays() -> None:
    """Judging the risk to be greater gives nobody more time. Seen to fail when whatever has another length was counted
    anew."""
    played = assessed().after(days=10)
    before = assessment(played)
    assert assessment(judged(played, "medium")) == before
    assert "recounted" not in played.history[-1].data


def test_a_smaller_risk_has_the_longer_period() -> None:
    """Seen to fail when what ends sooner always stays."""
    played = judged(assessed("high").after(days=1), "low")
    assert assessment(played).due_at == add_working_days(played.now, 10)


def test_the_same_risk_judged_again_counts_nothing_anew() -> None:
    """Nobody gains time by judging again. Seen to fail when every judgement was counted."""
    played = assessed("medium").after(days=3)
    before = assessment(played)
    assert assessment(judged(played, "medium")) == before


@pytest.mark.parametrize("clock_looked", [True, False])
def test_what_has_passed_is_not_counted_away(clock_looked: bool) -> None:
    """A lower risk takes back no deadline that was missed: the clock says it, or has said it. Seen to fail without
    looking at what has passed: the case had ten days more, and nobody was told."""
    played = assessed("high").after(days=7)
    if clock_looked:
        assert "case.deadline_breached" in played.tick()
    before = assessment(played)
    assert assessment(judged(played, "low")) == before
    played.tick()
    assert assessment(played).phase == BREACHED


def test_what_had_passed_when_it_was_entered_is_watched_again_in_a_greater_danger() -> None:
    """Seen to fail when a deadline that was late stayed late: no supervisor would have heard of it; and
    when the same risk was counted anew too."""
    late = Played().after(days=30)
    late.does(commands.TakeStep, WORKER, step="screen", facts={"risk": "low"}, at=late.now - timedelta(days=29))
    assert assessment(late).phase == "late"
    judged(late, "low")
    assert assessment(late).phase == "late"
    judged(late, "medium")
    assert assessment(late).phase == RUNNING
    assert assessment(late).due_at == add_working_days(late.now, 5)


def test_a_judgement_dated_back_is_breached_and_not_late() -> None:
    """Its deadline may have passed when it is entered: that is said. Seen to fail with a deadline that begins as one of
    a stage does."""
    played = assessed().after(days=13)
    judged(played, "medium", at=played.now - timedelta(days=12))
    assert assessment(played).phase == RUNNING
    assert "case.deadline_breached" in played.tick()


def test_what_stands_still_goes_on_standing_with_what_it_has_now() -> None:
    """Seen to fail when it ran after the judgement, in the middle of a pause."""
    played = assessed().after(days=1)
    played.does(commands.PauseClock, WORKER, pause="waiting_for_family")
    judged(played.after(days=1), "medium")
    still = assessment(played)
    assert (still.phase, still.left and still.left.amount) == (PAUSED, 5)
    played.after(days=20).does(commands.ResumeClock, WORKER, pause="waiting_for_family")
    assert assessment(played).due_at == add_working_days(played.now, 5)


def test_a_pause_is_not_dated_before_what_it_holds_was_counted_anew() -> None:
    """It would leave more of it than there ever was. Seen to fail without asking when that was."""
    played = judged(assessed().after(days=4), "medium").after(days=1)
    refused = played.refused(commands.PauseClock, WORKER, pause="waiting_for_family", at=played.now - timedelta(days=3))
    assert refused == ("before_what_it_follows",)


def test_a_judgement_entered_after_a_pause_that_came_later_leaves_what_was_left_then() -> None:
    """Seen to fail with a deadline that stood still from the judgement on: the days between were given twice."""
    played = assessed().after(days=4)
    played.does(commands.PauseClock, WORKER, pause="waiting_for_family")
    judged(played, "medium", at=played.now - timedelta(days=2))
    assert assessment(played).left is not None and assessment(played).left.amount == 3  # type: ignore[union-attr]


def test_a_newer_version_counts_from_the_judgement_too() -> None:
    """Seen to fail with a migration that counts from the beginning of the stage."""
    played = judged(assessed().after(days=3), "medium").after(days=1)
    old = shipped()
    new = replace(old, version=2)
    event = migrate(old, new, played.case, played.history, "system:test", played.now)
    assert isinstance(event, Event)
    moved = evolve(new, played.case, event)
    assert [each for each in moved.deadlines if each.name == "assessment"] == [assessment(played)]


def test_a_newer_version_goes_by_what_was_known_after_the_judgement() -> None:
    """What that forgot is not known any more. Seen to fail when it was."""
    played = judged(assessed("high").after(days=1), "low")
    old = shipped()
    within = {"given": Duration(1, "working_days"), "otherwise": Duration(7, "working_days")}
    anew = replace(old.deadlines["assessment"], by="emergency_service", within=within)
    new = replace(old, version=2, deadlines={**old.deadlines, "assessment": anew})
    event = migrate(old, new, played.case, played.history, "system:test", played.now)
    assert isinstance(event, Event)
    due = next(each["due_at"] for each in event.data["deadlines"] if each["name"] == "assessment")
    assert due == add_working_days(played.now, 7)
