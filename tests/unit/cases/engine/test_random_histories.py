"""Any history of commands, possible and impossible ones: what always holds, whatever people do in whatever order.

Each property was seen to fail: with `situation` left out of `decide` (available and decide disagree), with a phase that
a breach does not change (a deadline is escalated twice), with an ended referral that keeps its deadline, with a guard
left out of the definition (an invariant is broken).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.cases.engine import Case, Event, Refusal, available, commands, decide, earliest, evolve
from services.cases.engine.decide import holds
from services.cases.engine.migration import migrate
from services.cases.engine.state import BREACHED, ENDED, PAUSED
from shared.access.actor import ROLES, Actor
from tests.unit.cases.engine.cases import CLOCK, WORDS, Played, shipped

DEFINITION = shipped()
NEXT = replace(DEFINITION, version=DEFINITION.version + 1)
AGENCIES = ("agency-one", "agency-two")
ACTORS = [Actor(f"account-{role}-{number}", role, agency) for role in ROLES for number, agency in enumerate(AGENCIES)]
actors = strategies.sampled_from(ACTORS)
hours = strategies.integers(0, 400)


def sorted_deadlines(case: Case) -> Case:
    """The case with its deadlines in one order: which of them was written first says nothing."""
    return case.but(deadlines=tuple(sorted(case.deadlines, key=lambda each: each.key)))


class Histories(RuleBasedStateMachine):
    """One case and everybody who may want something of it."""

    case: Case
    now: datetime
    history: list[Event]
    said: list[tuple[str, str, str, datetime]]
    """What the clock has said of a deadline: (what, name, subject, due)."""
    late: bool
    """Whether something was entered later than it happened."""

    @initialize(severity=strategies.sampled_from(["emergency", "high", "medium", "low"]), far=strategies.booleans())
    def opens(self, severity: str, far: bool) -> None:
        """A report has come in; half of the cases are already at their services, where most can happen."""
        played = Played(severity=severity)
        if far:
            played.in_implementation()
        self.now, self.history, self.case, self.said = played.now, played.history, played.case, []
        self.late = False

    @rule(data=strategies.data())
    def does_what_is_possible(self, data: strategies.DataObject) -> None:
        """Somebody gives a command that their page offers: it must be taken."""
        offered: dict[str, list[tuple[Actor, str]]] = {}
        for actor in ACTORS:
            for each in available(DEFINITION, self.case, actor, self.now):
                if each.now:
                    offered.setdefault(each.command, []).append((actor, each.subject))
        name = data.draw(strategies.sampled_from(sorted(offered)))
        actor, subject = data.draw(strategies.sampled_from(offered[name]))
        decided = self._decide(self._command(name, subject, actor, data))
        assert not isinstance(decided, Refusal), f"{name} {subject} was offered to {actor}, and refused: {decided}"

    @rule(back=strategies.integers(1, 60), data=strategies.data())
    def tells_what_happened_before(self, back: int, data: strategies.DataObject) -> None:
        """Paper is entered, of days ago: it is taken, or refused for its date alone: what it follows came later."""
        offered = [
            (actor, each) for actor in ACTORS for each in available(DEFINITION, self.case, actor, self.now) if each.now
        ]
        actor, each = data.draw(strategies.sampled_from(offered))
        now = self._command(each.command, each.subject, actor, data)
        command = replace(now, at=self.now - timedelta(hours=back * 6))
        first = earliest(DEFINITION, self.case, command)
        decided = self._decide(command)
        if isinstance(decided, Refusal):
            assert set(decided.codes) <= {"before_opening", "before_what_it_follows"} and command.at < first
        else:
            assert command.at >= first
            self.late = True

    @invariant()
    def no_deadline_that_stands_still_has_more_than_it_ever_had(self) -> None:
        """A pause that is dated back takes nothing from the clock."""
        for each in self.case.deadlines:
            rule_of = DEFINITION.rule(each.name)
            if each.left is not None and rule_of is not None and each.before != BREACHED:
                assert each.left.amount <= max(length.amount for length in rule_of.within.values())

    @rule(actor=actors, data=strategies.data())
    def tries_what_is_not_possible(self, actor: Actor, data: strategies.DataObject) -> None:
        """Somebody gives a command that their page shows as impossible: it is refused for just those reasons."""
        closed = [each for each in available(DEFINITION, self.case, actor, self.now) if not each.now]
        each = data.draw(strategies.sampled_from(closed))
        before = self.case
        decided = self._decide(self._command(each.command, each.subject, actor, data))
        assert isinstance(decided, Refusal), f"{each} was not offered, and taken"
        assert decided.reasons[: len(each.reasons)] == each.reasons
        assert self.case is before

    @rule(length=hours, next_agency=strategies.booleans())
    def time_passes(self, length: int, next_agency: bool) -> None:
        """The clock looks, and looks again: the second time it has nothing to say."""
        self.now += timedelta(hours=length)
        suitable = dict.fromkeys(self.case.referrals, AGENCIES) if next_agency else {}
        tick = commands.Tick(by=CLOCK, at=self.now, now=self.now, suitable=suitable)
        decided = self._decide(tick)
        assert not isinstance(decided, Refusal)
        for event in decided:
            if event.type in ("case.deadline_at_risk", "case.deadline_breached"):
                data = event.data
                once = (event.type, data["name"], data["subject"], data["due_at"])
                assert once not in self.said, f"{once} is said twice"
                self.said.append(once)
        assert decide(DEFINITION, self.case, tick) == ()
        assert self.case.next_at is None or self.case.next_at > self.now

    @rule(severity=strategies.sampled_from(["emergency", "low"]), late=hours, transferred=strategies.booleans())
    def the_child_is_reported_again(self, severity: str, late: int, transferred: bool) -> None:
        """It joins while the case is open, whenever the report was received; after the end it is refused."""
        at = self.now - timedelta(hours=late)
        joins = commands.JoinReport(
            by=CLOCK,
            at=at,
            now=self.now,
            report_id=f"report-{len(self.history)}",
            child_id="child-again",
            person_id=None,
            about={"severity": severity},
            transferred=transferred,
        )
        before = self.case
        if isinstance(self._decide(joins), Refusal):
            assert DEFINITION.stages[before.stage].final and self.case is before

    @invariant()
    def nothing_ends_with_a_report_that_nobody_has_read(self) -> None:
        """A case with an unread report is open, and the report has its deadline."""
        unread = [task.subject for task in self.case.unread()]
        assert not unread or not DEFINITION.stages[self.case.stage].final
        assert unread == [each.subject for each in self.case.deadlines if each.subject in unread]

    @precondition(lambda self: not self.late)  # a history does not say when something was entered
    @rule()
    def a_new_version_that_says_the_same_changes_nothing(self) -> None:
        """Taken over by it, the case is as it was: every deadline at the same moment, in the same phase."""
        event = migrate(DEFINITION, NEXT, self.case, self.history, "system:test", self.now)
        assert isinstance(event, Event)
        same = self.case.but(definition=NEXT.id, version=self.case.version + 1)
        assert sorted_deadlines(evolve(NEXT, self.case, event)) == sorted_deadlines(same)

    @invariant()
    def the_history_makes_the_case(self) -> None:
        """Evolving over the history gives the stored state."""
        case = None
        for event in self.history:
            case = evolve(DEFINITION, case, event)
        assert case == self.case

    @invariant()
    def what_must_never_be_is_not(self) -> None:
        """The definition's invariants hold in every state."""
        for each in DEFINITION.invariants.values():
            assert not holds(DEFINITION, self.case, each.never), each.name

    @invariant()
    def two_people_agreed_to_what_needs_two(self) -> None:
        """A step that needs approval was proposed by somebody else than who approved it."""
        proposals = [each for each in self.history if each.type == "case.step_proposed"]
        for event in self.history:
            if event.type == "case.step_taken" and DEFINITION.steps[event.data["step"]].approved_by:
                assert any(each.data["step"] == event.data["step"] for each in proposals)
        last = self.history[-1]
        if last.type == "case.step_taken" and DEFINITION.steps[last.data["step"]].approved_by:
            assert proposals[-1].data["by"] != last.data["by"]

    @invariant()
    def what_is_over_has_no_deadline(self) -> None:
        """A deadline belongs to the case, to a referral that is open, or to an unread report; a closed case has none of
        its own."""
        unread = {task.subject for task in self.case.unread()}
        for each in self.case.deadlines:
            if each.subject in self.case.referrals:
                assert self.case.referrals[each.subject].state not in ENDED
            elif each.subject:
                assert each.subject in unread
            else:
                assert not DEFINITION.stages[self.case.stage].final
            assert (each.phase == PAUSED) == (each.left is not None)

    def _decide(self, command: commands.Command) -> tuple[Event, ...] | Refusal:
        decided = decide(DEFINITION, self.case, command)
        if not isinstance(decided, Refusal):
            for event in decided:
                self.case = evolve(DEFINITION, self.case, event)
                self.history.append(event)
        return decided

    def _command(self, name: str, subject: str, actor: Actor, data: strategies.DataObject) -> commands.Command:
        kind, field = WORDS[name]
        said: dict[str, Any] = {"by": actor, "at": self.now, "now": self.now}
        if field:
            said[field] = subject
        return kind(**said, **self._rest(name, subject, data))

    def _rest(self, name: str, subject: str, data: strategies.DataObject) -> Mapping[str, Any]:
        def one_of(values: Any) -> Any:
            return data.draw(strategies.sampled_from(list(values)))

        if name == "take_step":
            step = DEFINITION.steps[subject]
            return {"facts": {fact: one_of(DEFINITION.facts[fact].values) for fact in step.records}}
        if name == "request_referral":
            busy = {each.agency_id for each in self.case.open_referrals() if each.kind == subject}
            free = [agency for agency in AGENCIES if agency not in busy] or [f"agency-{len(self.history)}"]
            return {
                "referral_id": f"referral-{len(self.history)}",
                "agency_id": one_of(free),
                "agency_kind": DEFINITION.referrals[subject].agency_kinds[0],
            }
        if name == "assign_case":
            workers = [each for each in ACTORS if each.role == "case_worker"]
            return {"to": one_of(each for each in workers if each.id != self.case.assigned_to)}
        if name == "decline":
            return {"reason": one_of(DEFINITION.decline_reasons)}
        if name == "revoke":
            return {"reason": one_of(DEFINITION.revoke_reasons)}
        if name == "complete":
            return {"outcome": one_of(DEFINITION.referrals[self.case.referrals[subject].kind].outcomes)}
        return {}


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
