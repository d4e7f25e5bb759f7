"""A case taken over by a newer version: what is called otherwise, what has no place, and its deadlines counted anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.cases.engine import DefinitionError, Event, Refusal, commands, decide, evolve, read
from services.cases.engine.definition import Duration, TakesOver
from services.cases.engine.migration import migrate, unknown_sources
from tests.unit.cases.engine.cases import CLOCK, NURSE, WORKER, WORKFLOWS, Played, shipped

OLD = shipped()
TEXT = (WORKFLOWS / "child_labour_referral.yaml").read_text(encoding="utf-8")


def newer(takes_over: str = "") -> Any:
    """The shipped definition as its second version."""

    return read(TEXT.replace("version: 1\n", f"version: 2\n{takes_over}", 1))


def changed(**changes: Any) -> Any:
    """The same, with parts of the definition replaced."""
    return replace(OLD, version=2, **changes)


def moved(new: Any, played: Played) -> Event | Refusal:
    return migrate(OLD, new, played.case, played.history, "system:test", played.now)


def after(new: Any, played: Played) -> Any:
    event = moved(new, played)
    assert isinstance(event, Event), event
    return evolve(new, played.case, event)


def reasons(new: Any, played: Played) -> list[str]:
    refusal = moved(new, played)
    assert isinstance(refusal, Refusal), refusal
    return list(refusal.codes)


def rule(name: str, **changes: Any) -> Any:
    return {**OLD.deadlines, name: replace(OLD.deadlines[name], **changes)}


def due(case: Any, name: str, subject: str = "") -> Any:
    return next(each for each in case.deadlines if each.key == (name, subject))


def test_what_is_called_otherwise_goes_by_its_new_name():
    """Seen to fail with any of the words left as it was."""
    played = Played().in_implementation()
    played.does(commands.PauseClock, WORKER, pause="school_holiday")
    played.does(commands.TakeStep, WORKER, step="transfer", facts={"transfer_reason": "not_competent"})
    kinds = {"checkup" if name == "health" else name: each for name, each in OLD.referrals.items()}
    kinds["checkup"] = replace(
        kinds["checkup"], name="checkup", response=replace(kinds["checkup"].response, name="response:checkup")
    )
    stages = {"services" if name == "implementation" else name: each for name, each in OLD.stages.items()}
    steps = {
        name: replace(each, origins=tuple("services" if stage == "implementation" else stage for stage in each.origins))
        for name, each in OLD.steps.items()
    }
    steps["hand_over"] = replace(steps.pop("transfer"), name="hand_over", records=("why",))
    facts = {**OLD.facts, "why": replace(OLD.facts["transfer_reason"], name="why", values=("elsewhere", "outside"))}
    new = changed(
        stages=stages,
        steps=steps,
        facts=facts,
        referrals=kinds,
        consents={"share": {}, "services": {}},
        deadlines=rule("review", stages=("services",)),
        takes_over=TakesOver(
            1,
            stages={"implementation": "services"},
            steps={"transfer": "hand_over"},
            facts={"transfer_reason": "why", "needs": None},
            values={"transfer_reason": {"not_competent": "outside"}},
            consents={"disclosure": "share"},
            referrals={"health": "checkup"},
            pauses={"school_holiday": None},
        ),
    )
    case = after(new, played)
    assert (case.definition, case.stage, case.consents) == (new.id, "services", {"services", "share"})
    assert case.awaited is not None and case.awaited.by == WORKER.id
    assert (case.awaited.step, case.awaited.facts) == ("hand_over", {"why": "outside"})
    assert "needs" not in case.facts and case.facts["risk"] == played.case.facts["risk"]
    assert case.pauses == frozenset()
    assert due(case, "review").due_at == due(played.case, "review").due_at


def test_a_referral_keeps_its_agency_its_state_and_its_time_under_another_kind():
    """Seen to fail with the kind's deadlines looked up by the old word."""
    played = Played().in_implementation().refers()
    played.does(commands.Accept, NURSE, referral_id="referral-1")
    kind = replace(
        OLD.referrals["health"],
        name="checkup",
        service=replace(OLD.referrals["health"].service, name="service:checkup"),  # type: ignore[type-var]
    )
    new = changed(
        referrals={**{name: each for name, each in OLD.referrals.items() if name != "health"}, "checkup": kind},
        takes_over=TakesOver(1, referrals={"health": "checkup"}),
    )
    case = after(new, played)
    assert (case.referrals["referral-1"].kind, case.referrals["referral-1"].state) == ("checkup", "accepted")
    assert due(case, "service:checkup", "referral-1").due_at == due(played.case, "service:health", "referral-1").due_at


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("stage_gone", {"stages": {name: each for name, each in OLD.stages.items() if name != "implementation"}}),
        ("fact_gone", {"facts": {name: each for name, each in OLD.facts.items() if name != "risk"}}),
        ("value_gone", {"facts": {**OLD.facts, "risk": replace(OLD.facts["risk"], values=("other",))}}),
        ("consent_gone", {"consents": {"services": {}}}),
        ("kind_gone", {"referrals": {}}),
        ("pause_gone", {"pauses": {}}),
        ("awaited_step_gone", {"steps": {name: each for name, each in OLD.steps.items() if name != "transfer"}}),
    ],
)
def test_what_has_no_place_keeps_the_case_where_it_is(code: str, changes: dict[str, Any]):
    """Each seen to fail with its look left out."""
    played = Played().in_implementation().refers()
    played.does(commands.Revoke, WORKER, referral_id="referral-1", reason="mistake")
    played.does(commands.PauseClock, WORKER, pause="school_holiday")
    played.does(commands.TakeStep, WORKER, step="transfer", facts={"transfer_reason": "not_competent"})
    assert code in reasons(changed(**changes), played)


def test_a_case_that_could_never_end_stays():
    """Seen to fail without the look at what can still follow."""
    steps = {
        name: replace(each, origins=tuple(stage for stage in each.origins if stage != "monitoring"))
        for name, each in OLD.steps.items()
    }
    played = Played().in_implementation().step("end_services", working="stopped", schooling="school")
    assert reasons(changed(steps=steps), played) == ["strands"]
    assert isinstance(moved(changed(steps=steps), Played()), Event)


def test_a_case_in_which_what_must_never_be_is_true_stays():
    """Seen to fail without the look at the invariants."""
    never = OLD.invariants["no_end_with_an_open_referral"].never
    broken = replace(OLD.invariants["no_end_with_an_open_referral"], never=type(never)("stage == 'implementation'"))
    assert reasons(changed(invariants={"new": broken}), Played().in_implementation()) == ["breaks"]


def test_a_longer_deadline_counts_from_when_it_began_and_is_no_longer_breached():
    """Seen to fail with the time counted from the move, and with the phase kept."""
    played = Played()
    began = played.now
    played.now = began + timedelta(hours=30)
    played.does(commands.Tick, CLOCK)
    assert due(played.case, "screening").phase == "breached"
    new = changed(deadlines=rule("screening", by="", within={"otherwise": Duration(96)}))
    found = due(after(new, played), "screening")
    assert (found.due_at, found.phase) == (began + timedelta(hours=96), "running")


def test_a_shorter_deadline_that_has_passed_is_said_by_the_clock_once():
    """Seen to fail with what has passed marked as late: nobody would hear of it."""
    played = Played()
    played.now += timedelta(hours=10)
    new = changed(deadlines=rule("screening", by="", within={"otherwise": Duration(8)}))
    case = after(new, played)
    tick = commands.Tick(by=CLOCK, at=played.now, now=played.now)
    said = decide(new, case, tick)
    assert not isinstance(said, Refusal)
    assert [event.type for event in said] == ["case.deadline_breached"]
    assert decide(new, evolve(new, case, said[0]), tick) == ()


def test_what_was_said_of_a_deadline_is_not_said_again():
    """Seen to fail with every deadline taken over as running."""
    played = Played()
    played.now += timedelta(hours=30)
    played.does(commands.Tick, CLOCK)
    case = after(changed(), played)
    assert decide(changed(), case, commands.Tick(by=CLOCK, at=played.now, now=played.now)) == ()
    assert case.next_at is None


def _planned() -> tuple[Played, datetime]:
    """A case in planning, and when it came there."""
    played = Played().step("screen", risk="low").step("assess", needs="services", working="working", schooling="none")
    return played, played.now


def test_time_in_which_a_deadline_stood_still_does_not_count():
    """Seen to fail with the pauses left out of the count."""
    played, began = _planned()
    played.now = began + timedelta(days=1)
    played.does(commands.PauseClock, WORKER, pause="waiting_for_family")
    played.now = began + timedelta(days=8)
    played.does(commands.ResumeClock, WORKER, pause="waiting_for_family")
    played.now = began + timedelta(days=9)
    new = changed(deadlines=rule("plan", within={"otherwise": Duration(72)}, remind=None))
    assert due(after(new, played), "plan").due_at == began + timedelta(hours=72, days=7)


def test_a_deadline_that_stands_still_goes_on_standing_with_what_is_left():
    """Seen to fail with it taken over as running."""
    played, began = _planned()
    played.now = began + timedelta(days=1)
    played.does(commands.PauseClock, WORKER, pause="waiting_for_family")
    played.now = began + timedelta(days=20)
    new = changed(deadlines=rule("plan", within={"otherwise": Duration(72)}, remind=None))
    found = due(after(new, played), "plan")
    assert (found.phase, found.left) == ("paused", Duration(48))


def test_a_pause_that_no_longer_holds_a_deadline_ends_with_the_move():
    """Seen to fail with the pause of the old version going on."""
    played, began = _planned()
    played.now = began + timedelta(days=1)
    played.does(commands.PauseClock, WORKER, pause="waiting_for_family")
    played.now = began + timedelta(days=3)
    pauses = {**OLD.pauses, "waiting_for_family": replace(OLD.pauses["waiting_for_family"], deadlines=("assessment",))}
    new = changed(pauses=pauses, deadlines=rule("plan", within={"otherwise": Duration(72)}, remind=None))
    found = due(after(new, played), "plan")
    assert (found.phase, found.due_at) == ("running", played.now + timedelta(hours=48))


def test_what_had_passed_before_it_was_entered_stays_as_it_was():
    """Seen to fail with such a deadline taken over with a reminder, and as standing still since a pause that was dated
    back, too: after that it would have run, and been escalated."""
    played = Played()
    opened = played.now
    played.now = opened + timedelta(days=60)
    at = opened + timedelta(hours=1)
    played.does(commands.TakeStep, WORKER, step="screen", facts={"risk": "low"}, at=at)
    assert due(played.case, "assessment").phase == "late"
    assert after(changed(), played) == played.case.but(definition=changed().id, version=played.case.version + 1)
    played.does(commands.PauseClock, WORKER, pause="waiting_for_family", at=at + timedelta(hours=1))
    assert after(changed(), played) == played.case.but(definition=changed().id, version=played.case.version + 1)


def test_a_second_move_counts_on_from_the_first():
    """Seen to fail with the history read as if the first had not been."""
    played, began = _planned()
    played.now = began + timedelta(days=1)
    played.does(commands.PauseClock, WORKER, pause="waiting_for_family")
    second = changed(deadlines=rule("plan", within={"otherwise": Duration(72)}, remind=None))
    event = moved(second, played)
    assert isinstance(event, Event)
    case = evolve(second, played.case, event)
    now = played.now + timedelta(days=5)
    third = replace(second, version=3)
    again = migrate(second, third, case, [*played.history, event], "system:test", now)
    assert isinstance(again, Event)
    assert evolve(third, case, again) == case.but(definition=third.id, version=case.version + 1)


@pytest.mark.parametrize(
    ("takes_over", "message"),
    [
        ("takes_over: {version: 2}\n", "version 2 takes over cases of an older version only"),
        ("takes_over: {version: 1, stages: {planning: plan}}\n", "there is no stage 'plan'"),
        ("takes_over: {version: 1, values: {risk: {high: severe}}}\n", "risk is never 'severe'"),
        ("takes_over: {version: 1, deadlines: {plan: late}}\n", "there is no deadline 'late'"),
        ("takes_over: {version: 1, stages: {planning: null}}\n", "takes_over.stages.planning"),
    ],
)
def test_a_wrong_takeover_is_told_with_its_place(takes_over: str, message: str):
    """Seen to fail without the look at what `takes_over` names."""
    with pytest.raises(DefinitionError) as error:
        newer(takes_over)
    [fault] = error.value.faults
    assert message in fault.message
    assert TEXT.replace("version: 1\n", f"version: 2\n{takes_over}", 1).splitlines()[fault.line - 1].startswith("takes")


def test_a_word_that_the_old_version_never_had_is_told():
    """Seen to fail with nothing looked up."""
    new = newer("takes_over: {version: 1, stages: {palnning: planning}, facts: {risks: risk}}\n")
    assert [message for _, message in unknown_sources(OLD, new)] == [
        "version 1 has no stage 'palnning'",
        "version 1 has no fact 'risks'",
    ]
