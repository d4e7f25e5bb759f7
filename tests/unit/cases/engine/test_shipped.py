"""The definition that is shipped holds, and reads as the city's own procedure in both languages."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import pytest

from services.cases.engine import commands
from services.cases.engine.checks import check
from tests.unit.cases.engine.cases import NURSE, POLICE, SUPERVISOR, WORKER, Played, shipped


@pytest.mark.parametrize("parallel", [1, 4])
def test_it_strands_no_case_and_breaks_no_invariant(parallel: int) -> None:
    result = check(shipped(), parallel)
    assert [str(fault) for fault in result.faults] == []
    assert result.states > 300


def test_everything_has_a_name_in_both_languages() -> None:
    definition = shipped()
    named: Iterable[Any] = chain(
        definition.stages.values(),
        definition.steps.values(),
        definition.facts.values(),
        definition.deadlines.values(),
        definition.referrals.values(),
        definition.pauses.values(),
        definition.invariants.values(),
    )
    assert [each.name for each in named if not (each.names["id"].strip() and each.names["en"].strip())] == []


def test_high_risk_gets_emergency_service_before_assessment() -> None:
    played = Played().step("screen", risk="high")
    assert played.case.stage == "emergency"
    assert played.step("give_emergency_service", emergency_service="given").case.stage == "assessment"


def test_a_child_out_of_work_and_back_in_school() -> None:
    played = Played().in_implementation().refers().refers("police", POLICE, "referral-2")
    played.does(commands.Claim, NURSE, referral_id="referral-1")
    played.does(commands.Accept, NURSE, referral_id="referral-1")
    played.does(commands.Accept, POLICE, referral_id="referral-2")
    assert "not_fulfilled" in played.refused(commands.TakeStep, WORKER, step="end_services")
    for member, referral in ((NURSE, "referral-1"), (POLICE, "referral-2")):
        played.does(commands.StartService, member, referral_id=referral)
        played.does(commands.Complete, member, referral_id=referral, outcome="helped")
    played.step("end_services", working="stopped", schooling="school")
    played.step("visit", working="stopped", schooling="school").step("close", closure_reason="goals_reached")
    assert played.case.stage == "closed"
    assert played.case.deadlines == ()
    played.step("reopen", SUPERVISOR_TWO, reopening_reason="works_again")
    assert played.case.stage == "screening"


SUPERVISOR_TWO = type(SUPERVISOR)("account-supervisor-two", "supervisor", "agency-office")
