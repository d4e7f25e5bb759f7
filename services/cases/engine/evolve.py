"""`evolve(definition, case, event) -> case`: what a fact makes of a case. It refuses nothing and asks no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.cases.engine import deadlines
from services.cases.engine.definition import Definition
from services.cases.engine.state import (
    ACCEPTED,
    BREACHED,
    DECLINED,
    DONE,
    EXPIRED,
    IN_SERVICE,
    PAUSED,
    REMINDED,
    REVOKED,
    Awaited,
    Case,
    Deadline,
    Event,
    Referral,
    Task,
)


def evolve(definition: Definition, case: Case | None, event: Event) -> Case:
    """The case after an event. Raises KeyError for a type that no case has, ValueError without a case to change."""
    if event.type == "case.opened":
        return _opened(event)
    if case is None:
        raise ValueError(f"{event.type} before case.opened")
    return _CHANGES[event.type](definition, case, event).but(version=case.version + 1)


def _opened(event: Event) -> Case:
    data = event.data
    return Case(
        case_id=data["case_id"],
        definition=data["definition"],
        stage=data["stage"],
        opened_at=event.at,
        about=dict(data["about"]),
        deadlines=deadlines.read(data["deadlines"]),
    )


def _step_proposed(_: Definition, case: Case, event: Event) -> Case:
    data = event.data
    return case.but(awaited=Awaited(data["step"], dict(data["facts"]), data["by"], event.at))


def _step_rejected(_: Definition, case: Case, __: Event) -> Case:
    return case.but(awaited=None)


def _step_taken(definition: Definition, case: Case, event: Event) -> Case:
    data = event.data
    after = case.but(stage=data["to"], facts={**case.facts, **data["facts"]}, awaited=None)
    if "deadlines" not in data:  # it stays where it is, and so does what is due
        return after
    if definition.stages[data["to"]].final:
        after = after.but(pauses=frozenset())
    of_referrals = tuple(each for each in case.deadlines if each.subject)
    return after.but(deadlines=(*of_referrals, *_begun(definition, after, event)))


def _begun(definition: Definition, case: Case, event: Event) -> tuple[Deadline, ...]:
    """The deadlines that an event begins; those that a pause of the case holds stand still from the beginning."""
    begun = deadlines.read(event.data.get("deadlines", ()))
    if not case.pauses:
        return begun
    still = {name for pause in case.pauses for name in definition.pauses[pause].deadlines}
    return tuple(deadlines.paused(definition, each, event.at) if each.name in still else each for each in begun)


def _consent_given(_: Definition, case: Case, event: Event) -> Case:
    return case.but(consents=case.consents | {event.data["consent"]})


def _consent_withdrawn(_: Definition, case: Case, event: Event) -> Case:
    return case.but(consents=case.consents - {event.data["consent"]})


def _clock_paused(definition: Definition, case: Case, event: Event) -> Case:
    still = event.data["deadlines"]
    return case.but(
        pauses=case.pauses | {event.data["pause"]},
        deadlines=tuple(
            deadlines.paused(definition, each, event.at) if each.name in still else each for each in case.deadlines
        ),
    )


def _clock_resumed(_: Definition, case: Case, event: Event) -> Case:
    running = {each.key: each for each in deadlines.read(event.data["deadlines"])}

    def run(each: Deadline) -> Deadline:
        again = running.get(each.key)
        return each if again is None or each.phase != PAUSED else again.but(phase=each.before)

    return case.but(pauses=case.pauses - {event.data["pause"]}, deadlines=tuple(map(run, case.deadlines)))


def _task_raised(_: Definition, case: Case, event: Event) -> Case:
    task = Task(event.data["task_id"], event.data["kind"], event.data["subject"])
    return case.but(tasks=(*case.tasks, task))


def _task_finished(_: Definition, case: Case, event: Event) -> Case:
    return case.but(tasks=tuple(task for task in case.tasks if task.task_id != event.data["task_id"]))


def _deadline_phase(phase: str) -> Change:
    def change(_: Definition, case: Case, event: Event) -> Case:
        key = event.data["name"], event.data["subject"]
        changed = (each.but(phase=phase) if each.key == key else each for each in case.deadlines)
        return case.but(deadlines=tuple(changed))

    return change


def _requested(definition: Definition, case: Case, event: Event) -> Case:
    data = event.data
    referral = Referral(data["referral_id"], data["kind"], data["agency_id"], tried=tuple(data["tried"]))
    # Whoever asks again has seen to the task of finding somebody for this kind of service.
    tasks = tuple(task for task in case.tasks if _kind_of(case, task) != referral.kind)
    return case.but(
        referrals={**case.referrals, referral.referral_id: referral},
        deadlines=(*case.deadlines, *_begun(definition, case, event)),
        tasks=tasks,
    )


def _referral(**changes: Any) -> Change:
    """A change of one referral. Whatever state it comes to, the deadline of the state before is over."""

    def change(definition: Definition, case: Case, event: Event) -> Case:
        referral = case.referrals[event.data["referral_id"]]
        after = referral.but(**changes)
        if "outcome" in event.data:
            after = after.but(outcome=event.data["outcome"])
        running = case.deadlines
        if after.state != referral.state:
            stays = "service:" if after.state == IN_SERVICE else None
            running = tuple(
                each
                for each in running
                if each.subject != referral.referral_id or (stays is not None and each.name.startswith(stays))
            )
        return case.but(
            referrals={**case.referrals, referral.referral_id: after},
            deadlines=(*running, *_begun(definition, case, event)),
        )

    return change


def _claimed(definition: Definition, case: Case, event: Event) -> Case:
    return _referral(claimed_by=event.data["by"])(definition, case, event)


def _accepted(definition: Definition, case: Case, event: Event) -> Case:
    return _referral(state=ACCEPTED, claimed_by=event.data["by"])(definition, case, event)


def _kind_of(case: Case, task: Task) -> str | None:
    referral = case.referrals.get(task.subject)
    return None if referral is None else referral.kind


Change = Callable[[Definition, Case, Event], Case]

_CHANGES: Mapping[str, Change] = {
    "case.step_proposed": _step_proposed,
    "case.step_rejected": _step_rejected,
    "case.step_taken": _step_taken,
    "case.consent_given": _consent_given,
    "case.consent_withdrawn": _consent_withdrawn,
    "case.clock_paused": _clock_paused,
    "case.clock_resumed": _clock_resumed,
    "case.task_raised": _task_raised,
    "case.task_finished": _task_finished,
    "case.deadline_at_risk": _deadline_phase(REMINDED),
    "case.deadline_breached": _deadline_phase(BREACHED),
    "referral.requested": _requested,
    "referral.claimed": _claimed,
    "referral.released": _referral(claimed_by=None),
    "referral.accepted": _accepted,
    "referral.declined": _referral(state=DECLINED),
    "referral.expired": _referral(state=EXPIRED),
    "referral.service_started": _referral(state=IN_SERVICE),
    "referral.completed": _referral(state=DONE),
    "referral.revoked": _referral(state=REVOKED),
}
