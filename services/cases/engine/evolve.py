"""`evolve(definition, case, event) -> case`: what a fact makes of a case. It refuses nothing and asks no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.cases.engine import deadlines, joining, succession
from services.cases.engine.definition import Definition
from services.cases.engine.state import (
    ACCEPTED,
    BREACHED,
    CONFIRM_TRANSFER,
    DECLINED,
    DONE,
    EXPIRED,
    IN_SERVICE,
    PAUSED,
    READ_REPORT,
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
    changes = _CHANGES[event.type](definition, case, event)
    changes["version"] = case.version + 1
    begun = succession.begins(event)
    if begun is not None:
        changes["since"] = {**case.since, begun: event.at}
    return case.changed(changes)


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


# --- What each type of event changes: the new values by field of the case --------------------------------------------

Changes = dict[str, Any]


def _step_proposed(_: Definition, __: Case, event: Event) -> Changes:
    data = event.data
    return {"awaited": Awaited(data["step"], dict(data["facts"]), data["by"], event.at)}


def _step_rejected(_: Definition, __: Case, ___: Event) -> Changes:
    return {"awaited": None}


def _step_taken(definition: Definition, case: Case, event: Event) -> Changes:
    data = event.data
    facts = {**case.facts, **data["facts"]}
    for name in data.get("forgets", ()):
        del facts[name]
    changes: Changes = {"stage": data["to_stage"], "facts": facts, "awaited": None}
    if "deadlines" not in data:  # it stays where it is, and so does what is due, but for what is counted anew
        if "recounted" in data:
            anew = {each.key: each for each in _begun(definition, case, case.pauses, event, "recounted")}
            changes["deadlines"] = tuple(({each.key: each for each in case.deadlines} | anew).values())
        return changes
    pauses = frozenset() if definition.stages[data["to_stage"]].final else case.pauses
    stay = tuple(each for each in case.deadlines if each.subject)
    changes.update(pauses=pauses, deadlines=stay + _begun(definition, case, pauses, event))
    return changes


def _begun(
    definition: Definition, case: Case, pauses: frozenset[str], event: Event, those: str = "deadlines"
) -> tuple[Deadline, ...]:
    """The deadlines that an event begins. One that a pause of the case holds stands still from its beginning, or from
    the pause's, if that happened later: what is entered is not always in order."""
    begun = deadlines.read(event.data.get(those, ()))
    if not pauses:
        return begun

    def held(each: Deadline) -> Deadline:
        since = [
            case.since.get(f"pause:{pause}", event.at)
            for pause in pauses
            if each.name in definition.pauses[pause].deadlines
        ]
        return deadlines.paused(definition, each, max(event.at, min(since))) if since else each

    return tuple(map(held, begun))


def _migrated(definition: Definition, case: Case, event: Event) -> Changes:
    """`definition` is the version that the case has come to."""
    data = event.data
    awaited = data["awaited"]
    return {
        "definition": data["definition"],
        "stage": data["stage"],
        "facts": dict(data["facts"]),
        "consents": frozenset(data["consents"]),
        "pauses": frozenset(data["pauses"]),
        "referrals": {key: each.but(kind=data["kinds"][key]) for key, each in case.referrals.items()},
        "awaited": None
        if awaited is None or case.awaited is None
        else Awaited(awaited["step"], dict(awaited["facts"]), case.awaited.by, case.awaited.at),
        "deadlines": deadlines.moved(definition, data["deadlines"]),
    }


def _corrected(_: Definition, case: Case, event: Event) -> Changes:
    return {"about": {name: event.data.get(name, value) for name, value in case.about.items()}}


def _consent_given(_: Definition, case: Case, event: Event) -> Changes:
    return {"consents": case.consents | {event.data["consent"]}}


def _consent_withdrawn(_: Definition, case: Case, event: Event) -> Changes:
    return {"consents": case.consents - {event.data["consent"]}}


def _clock_paused(definition: Definition, case: Case, event: Event) -> Changes:
    still = event.data["deadlines"]
    running = (deadlines.paused(definition, each, event.at) if each.name in still else each for each in case.deadlines)
    return {"pauses": case.pauses | {event.data["pause"]}, "deadlines": tuple(running)}


def _clock_resumed(_: Definition, case: Case, event: Event) -> Changes:
    running = {each.key: each for each in deadlines.read(event.data["deadlines"])}

    def run(each: Deadline) -> Deadline:
        again = running.get(each.key)
        return each if again is None or each.phase != PAUSED else again.but(phase=each.before)

    return {"pauses": case.pauses - {event.data["pause"]}, "deadlines": tuple(map(run, case.deadlines))}


def _assigned(_: Definition, __: Case, event: Event) -> Changes:
    return {"assigned_to": event.data["account_id"], "left_by": None}


def _put_back(_: Definition, __: Case, event: Event) -> Changes:
    return {"assigned_to": None, "left_by": event.data["account_id"] if event.data["left"] else None}


def _transfer_received(_: Definition, case: Case, event: Event) -> Changes:
    return {"tasks": (*case.tasks, Task(event.data["task_id"], CONFIRM_TRANSFER, ""))}


def _task_raised(_: Definition, case: Case, event: Event) -> Changes:
    task = Task(event.data["task_id"], event.data["kind"], event.data["subject"])
    return {"tasks": (*case.tasks, task)}


def _task_finished(_: Definition, case: Case, event: Event) -> Changes:
    finished = event.data["task_id"]
    read = {task.subject for task in case.unread() if task.task_id == finished}
    return {
        "tasks": tuple(task for task in case.tasks if task.task_id != finished),
        "deadlines": tuple(each for each in case.deadlines if each.subject not in read),
    }


def _report_joined(definition: Definition, case: Case, event: Event) -> Changes:
    task = Task(event.data["task_id"], READ_REPORT, event.data["report_id"])
    begun = _begun(definition, case, case.pauses, event)
    return {"tasks": (*case.tasks, task), "deadlines": case.deadlines + begun}


def _report_separated(_: Definition, case: Case, event: Event) -> Changes:
    """Of the report that opened the case there is nothing to take away."""
    tasks, running = joining.leaves(case, event.data["report_id"], event.data["child_id"])
    return {"tasks": tasks, "deadlines": running}


def _deadline_phase(phase: str) -> Change:
    def change(_: Definition, case: Case, event: Event) -> Changes:
        key = event.data["name"], event.data["subject"]
        changed = (each.but(phase=phase) if each.key == key else each for each in case.deadlines)
        return {"deadlines": tuple(changed)}

    return change


def _requested(definition: Definition, case: Case, event: Event) -> Changes:
    data = event.data
    referral = Referral(data["referral_id"], data["kind"], data["agency_id"], tried=tuple(data["tried"]))
    return {
        "referrals": {**case.referrals, referral.referral_id: referral},
        "deadlines": case.deadlines + _begun(definition, case, case.pauses, event),
        # Whoever asks again has seen to the task of finding somebody for this kind of service.
        "tasks": tuple(task for task in case.tasks if _kind_of(case, task) != referral.kind),
    }


def _claimed(_: Definition, case: Case, event: Event) -> Changes:
    return _with_referral(case, event, claimed_by=event.data["by"])


def _released(_: Definition, case: Case, event: Event) -> Changes:
    return _with_referral(case, event, claimed_by=None)


def _accepted(definition: Definition, case: Case, event: Event) -> Changes:
    changes = _with_referral(case, event, state=ACCEPTED, claimed_by=event.data["by"])
    return changes | {"deadlines": _left(case, event) + _begun(definition, case, case.pauses, event)}


def _service_started(_: Definition, case: Case, event: Event) -> Changes:
    return _with_referral(case, event, state=IN_SERVICE) | {"deadlines": _left(case, event, stays="service:")}


def _completed(_: Definition, case: Case, event: Event) -> Changes:
    changes = _with_referral(case, event, state=DONE, outcome=event.data["outcome"])
    return changes | {"deadlines": _left(case, event)}


def _ended(state: str) -> Change:
    def change(_: Definition, case: Case, event: Event) -> Changes:
        return _with_referral(case, event, state=state) | {"deadlines": _left(case, event)}

    return change


def _with_referral(case: Case, event: Event, **changes: Any) -> Changes:
    name = event.data["referral_id"]
    return {"referrals": {**case.referrals, name: case.referrals[name].changed(changes)}}


def _left(case: Case, event: Event, stays: str | None = None) -> tuple[Deadline, ...]:
    """The deadlines without those of the referral's state before, which is over; `stays` is the beginning of a name."""
    name = event.data["referral_id"]
    return tuple(
        each for each in case.deadlines if each.subject != name or (stays is not None and each.name.startswith(stays))
    )


def _kind_of(case: Case, task: Task) -> str | None:
    referral = case.referrals.get(task.subject)
    return None if referral is None else referral.kind


Change = Callable[[Definition, Case, Event], Changes]

_CHANGES: Mapping[str, Change] = {
    "case.step_proposed": _step_proposed,
    "case.step_rejected": _step_rejected,
    "case.step_taken": _step_taken,
    "case.migrated": _migrated,
    "case.corrected": _corrected,
    "case.consent_given": _consent_given,
    "case.consent_withdrawn": _consent_withdrawn,
    "case.clock_paused": _clock_paused,
    "case.clock_resumed": _clock_resumed,
    "case.report_joined": _report_joined,
    "case.report_separated": _report_separated,
    "case.assigned": _assigned,
    "case.put_back": _put_back,
    "case.transfer_received": _transfer_received,
    "case.task_raised": _task_raised,
    "case.task_finished": _task_finished,
    "case.deadline_at_risk": _deadline_phase(REMINDED),
    "case.deadline_breached": _deadline_phase(BREACHED),
    "referral.requested": _requested,
    "referral.claimed": _claimed,
    "referral.released": _released,
    "referral.accepted": _accepted,
    "referral.declined": _ended(DECLINED),
    "referral.expired": _ended(EXPIRED),
    "referral.service_started": _service_started,
    "referral.completed": _completed,
    "referral.revoked": _ended(REVOKED),
}
