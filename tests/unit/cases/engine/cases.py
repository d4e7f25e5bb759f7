"""Builders for the tests of the engine: the shipped definition, people, and a case played by commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from services.cases.engine import Case, Definition, Event, Refusal, commands, decide, evolve, load
from shared.access.actor import Actor, system_actor

WORKFLOWS = Path(__file__).parents[4] / "services/cases/workflows"
MISTAKES = WORKFLOWS / "mistakes"
#: A Monday, 10.00 WIB.
MONDAY = datetime(2026, 3, 2, 3, tzinfo=UTC)

WORKER = Actor("account-worker", "case_worker", "agency-office")
COLLEAGUE = Actor("account-colleague", "case_worker", "agency-office")
SUPERVISOR = Actor("account-supervisor", "supervisor", "agency-office")
NURSE = Actor("account-nurse", "partner_agency", "agency-health")
DOCTOR = Actor("account-doctor", "partner_agency", "agency-health")
POLICE = Actor("account-police", "partner_agency", "agency-police")
CLOCK = system_actor("cases.clock")
#: What a command is called in `available`, and the field for what it is about.
WORDS: dict[str, tuple[type[commands.Command], str]] = {
    "take_step": (commands.TakeStep, "step"),
    "approve": (commands.Approve, ""),
    "reject": (commands.Reject, ""),
    "give_consent": (commands.GiveConsent, "consent"),
    "withdraw_consent": (commands.WithdrawConsent, "consent"),
    "request_referral": (commands.RequestReferral, "kind"),
    "claim": (commands.Claim, "referral_id"),
    "release": (commands.Release, "referral_id"),
    "accept": (commands.Accept, "referral_id"),
    "decline": (commands.Decline, "referral_id"),
    "start_service": (commands.StartService, "referral_id"),
    "complete": (commands.Complete, "referral_id"),
    "revoke": (commands.Revoke, "referral_id"),
    "pause_clock": (commands.PauseClock, "pause"),
    "resume_clock": (commands.ResumeClock, "pause"),
    "finish_task": (commands.FinishTask, "task_id"),
    "take_case": (commands.TakeCase, ""),
    "put_back_case": (commands.PutBackCase, ""),
    "assign_case": (commands.AssignCase, ""),
}


@cache
def shipped() -> Definition:
    """The definition that is shipped."""
    return load(WORKFLOWS / "child_labour_referral.yaml")


class Played:
    """A case that is played. `now` is the clock; each command happens now unless it says `at`."""

    def __init__(self, definition: Definition | None = None, **about: str) -> None:
        self.definition = definition or shipped()
        self.now = MONDAY
        self.history: list[Event] = []
        self._case: Case | None = None
        self.does(commands.Open, CLOCK, case_id="case-1", about={"severity": "high"} | about)

    @property
    def case(self) -> Case:
        """The case as it stands."""
        assert self._case is not None
        return self._case

    def tries(self, kind: type[commands.Command], by: Actor, /, **said: Any) -> tuple[Event, ...] | Refusal:
        """What a command would come to; nothing changes."""
        rest: dict[str, Any] = {"by": by, "at": self.now, "now": self.now} | said
        return decide(self.definition, self._case, kind(**rest))

    def does(self, kind: type[commands.Command], by: Actor, /, **said: Any) -> tuple[Event, ...]:
        """Gives a command that must be possible."""
        decided = self.tries(kind, by, **said)
        assert not isinstance(decided, Refusal), f"{kind.__name__} {said}: {decided}"
        for event in decided:
            self._case = evolve(self.definition, self._case, event)
            self.history.append(event)
        return decided

    def refused(self, kind: type[commands.Command], by: Actor, /, **said: Any) -> tuple[str, ...]:
        """The codes with which a command is refused. It must be refused."""
        before = self._case
        decided = self.tries(kind, by, **said)
        assert isinstance(decided, Refusal), f"{kind.__name__} {said} was possible"
        assert self._case is before
        return decided.codes

    def step(self, name: str, by: Actor = WORKER, **facts: str) -> Played:
        """Takes a step, with its approval where it needs one."""
        self.does(commands.TakeStep, by, step=name, facts=facts)
        if self.case.awaited is not None:
            self.does(commands.Approve, SUPERVISOR)
        return self

    def consents(self) -> Played:
        """The guardian consents to everything."""
        for consent in self.definition.consents:
            if consent not in self.case.consents:
                self.does(commands.GiveConsent, WORKER, consent=consent)
        return self

    def refers(self, kind: str = "health", to: Actor = NURSE, referral_id: str = "referral-1") -> Played:
        """Asks an agency."""
        self.does(
            commands.RequestReferral,
            WORKER,
            referral_id=referral_id,
            kind=kind,
            agency_id=to.agency_id,
            agency_kind=self.definition.referrals[kind].agency_kinds[0],
        )
        return self

    def after(self, **length: float) -> Played:
        """Time passes; the clock does not look."""
        self.now += timedelta(**length)
        return self

    def tick(self, **said: Any) -> list[str]:
        """The clock looks; what it says, by type."""
        return [event.type for event in self.does(commands.Tick, CLOCK, **said)]

    def in_implementation(self) -> Played:
        """A case of medium risk whose plan is agreed."""
        self.step("screen", risk="medium").step("assess", needs="services", working="working", schooling="none")
        return self.consents().step("agree_plan")
