"""What was done for an earlier danger is not done for a new one: facts that a step forgets."""

from __future__ import annotations

import pytest

from tests.unit.cases.engine.cases import Played

FOLLOW_UP = {"needs": "follow_up", "working": "stopped", "schooling": "school"}
STOPPED = {"working": "stopped", "schooling": "school"}


def in_danger() -> Played:
    """A case of high risk that has had its emergency service and is at its assessment."""
    played = Played().step("screen", risk="high").step("give_emergency_service", emergency_service="given")
    assert played.case.stage == "assessment"
    return played


def closed_and_reopened() -> Played:
    """A year later the child is in danger again."""
    played = (
        in_danger().step("assess", **FOLLOW_UP).step("visit", **STOPPED).step("close", closure_reason="goals_reached")
    )
    played.after(days=400).step("reopen", reopening_reason="new_report")
    return played.step("screen", risk="low")


def judged_low() -> Played:
    """The danger is over."""
    return in_danger().step("judge_risk_anew", risk="low")


@pytest.mark.parametrize("begin", [closed_and_reopened, judged_low])
def test_a_danger_that_comes_again_goes_to_emergency_service_again(begin: object) -> None:
    """Seen to fail without `forgets` at `reopen` and at `judge_risk_anew`: what was given before stood in the way, and
    the check could not see it, for the fact was there."""
    assert callable(begin)
    played = begin()
    assert "emergency_service" not in played.case.facts
    played.step("judge_risk_anew", risk="high")
    assert played.case.stage == "emergency"


def test_while_the_danger_lasts_its_service_is_remembered() -> None:
    """Seen to fail with a condition that always holds: the case went back to emergency service."""
    played = in_danger().step("judge_risk_anew", risk="high")
    assert (played.case.stage, played.case.facts["emergency_service"]) == ("assessment", "given")


def test_what_is_forgotten_is_told_by_the_event() -> None:
    """Who hears of it later need not know the definition. Seen to fail when `evolve` alone forgot."""
    played = in_danger()
    played.step("judge_risk_anew", risk="low")
    assert played.history[-1].data["forgets"] == ["emergency_service"]
    played.step("judge_risk_anew", risk="medium")
    assert "forgets" not in played.history[-1].data
