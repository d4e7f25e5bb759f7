"""What a command follows: it can be dated back, but not before that.

Paper is entered later, and out of order: what two agencies did in the same week is told as their papers come. So a
command is held against what it follows, no more: a step against the beginning of its stage, an answer against what
the referral went through before, an agreement against the proposal. Else an agency could date its acceptance back until
its own deadline had passed before it was entered, of which nobody is reminded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from services.cases.engine.commands import (
    Approve,
    Command,
    GiveConsent,
    OnReferral,
    PauseClock,
    Reject,
    RequestReferral,
    ResumeClock,
    TakeStep,
    WithdrawConsent,
)
from services.cases.engine.definition import Definition
from services.cases.engine.state import Case, Event

STAGE, RECOUNTED = "stage", "recounted"
_BY_NAME = {
    "case.consent_given": "consent",
    "case.consent_withdrawn": "consent",
    "case.clock_paused": "pause",
    "case.clock_resumed": "pause",
}


def begins(event: Event) -> str | None:
    """Of what an event is the last thing that happened, under the name that it has in `Case.since`; None of nothing."""
    if event.type.startswith("referral."):
        return str(event.data["referral_id"])
    if event.type == "case.step_taken":
        return STAGE if "deadlines" in event.data else RECOUNTED if "recounted" in event.data else None
    kind = _BY_NAME.get(event.type)
    return None if kind is None else f"{kind}:{event.data[kind]}"


def earliest(definition: Definition, case: Case, command: Command) -> datetime:
    """The moment before which such a command cannot have happened: the last of what it follows."""
    moment = case.opened_at
    if isinstance(command, OnReferral):  # most commands, and one question
        return case.since.get(command.referral_id, moment)
    for known in _followed(definition, case, command):
        if known is not None and known > moment:
            moment = known
    return moment


def _followed(definition: Definition, case: Case, command: Command) -> Iterator[datetime | None]:
    since = case.since
    match command:
        case TakeStep():
            yield since.get(STAGE)
            step = definition.steps.get(command.step)
            yield from () if step is None else _given(case, step.consents)
        case RequestReferral():
            yield since.get(STAGE)
            kind = definition.referrals.get(command.kind)
            yield from () if kind is None else _given(case, kind.consents)
        case Approve() | Reject():
            if case.awaited is not None:
                yield case.awaited.at
                yield from _given(case, definition.steps[case.awaited.step].consents)
        case GiveConsent() | WithdrawConsent():
            yield since.get(f"consent:{command.consent}")
        case PauseClock():
            # Dated before what it holds, a pause would leave more of a deadline than it ever had.
            yield since.get(STAGE)
            yield since.get(RECOUNTED)
            yield from _paused(definition, case, command.pause)
        case ResumeClock():
            yield from _paused(definition, case, command.pause)


def _paused(definition: Definition, case: Case, pause: str) -> Iterator[datetime | None]:
    yield case.since.get(f"pause:{pause}")
    held = definition.pauses[pause].deadlines if pause in definition.pauses else ()
    yield from (case.since.get(each.subject) for each in case.deadlines if each.name in held)


def _given(case: Case, consents: Iterable[str]) -> Iterator[datetime | None]:
    return (case.since.get(f"consent:{consent}") for consent in consents)
