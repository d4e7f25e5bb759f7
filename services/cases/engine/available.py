"""`available(definition, case, actor)`: every command with the reasons why it is or is not possible now.

Pages are drawn from it. It asks the very question that `decide` asks first, so that the two never disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.cases.engine import commands
from services.cases.engine.decide import situation
from services.cases.engine.definition import Definition
from services.cases.engine.refusals import Reason
from services.cases.engine.state import Case
from shared.access.actor import ANONYMOUS, Actor

ON_REFERRAL = {
    "claim": commands.Claim,
    "release": commands.Release,
    "accept": commands.Accept,
    "start_service": commands.StartService,
}


@dataclass(frozen=True)
class Possible:
    """A command by its name, what it is about (a step, consent, kind, pause, task, or referral id), and what stands in
    its way: nothing if it can be given now."""

    command: str
    subject: str
    reasons: tuple[Reason, ...]

    @property
    def now(self) -> bool:
        """Whether it can be given now."""
        return not self.reasons


def available(
    definition: Definition, case: Case, actor: Actor, now: datetime, works_for: str | None = None
) -> list[Possible]:
    """Every command that there is for this case, in the definition's order. `works_for` as in `commands.TakeStep`."""
    return [
        Possible(name, subject, tuple(situation(definition, case, command)))
        for name, subject, command in _all(definition, case, actor, now, works_for)
    ]


def _all(
    definition: Definition, case: Case, actor: Actor, now: datetime, works_for: str | None
) -> Iterator[tuple[str, str, commands.Command]]:
    for step in definition.steps:
        yield "take_step", step, commands.TakeStep(by=actor, at=now, now=now, step=step, works_for=works_for)
    yield "approve", "", commands.Approve(by=actor, at=now, now=now)
    yield "reject", "", commands.Reject(by=actor, at=now, now=now)
    for consent in definition.consents:
        yield "give_consent", consent, commands.GiveConsent(by=actor, at=now, now=now, consent=consent)
        yield "withdraw_consent", consent, commands.WithdrawConsent(by=actor, at=now, now=now, consent=consent)
    for kind in definition.referrals:
        asked = commands.RequestReferral(
            by=actor, at=now, now=now, referral_id="", kind=kind, agency_id="", agency_kind=""
        )
        yield "request_referral", kind, asked
    for referral in case.open_referrals():
        subject = referral.referral_id
        for name, make in ON_REFERRAL.items():
            yield name, subject, make(by=actor, at=now, now=now, referral_id=subject)
        yield "decline", subject, commands.Decline(by=actor, at=now, now=now, referral_id=subject, reason="")
        yield "complete", subject, commands.Complete(by=actor, at=now, now=now, referral_id=subject, outcome="")
        yield "revoke", subject, commands.Revoke(by=actor, at=now, now=now, referral_id=subject, reason="")
    for pause in definition.pauses:
        yield "pause_clock", pause, commands.PauseClock(by=actor, at=now, now=now, pause=pause)
        yield "resume_clock", pause, commands.ResumeClock(by=actor, at=now, now=now, pause=pause)
    for task in case.tasks:
        yield "finish_task", task.task_id, commands.FinishTask(by=actor, at=now, now=now, task_id=task.task_id)
    yield "take_case", "", commands.TakeCase(by=actor, at=now, now=now)
    yield "put_back_case", "", commands.PutBackCase(by=actor, at=now, now=now)
    yield "assign_case", "", commands.AssignCase(by=actor, at=now, now=now, to=ANONYMOUS)
