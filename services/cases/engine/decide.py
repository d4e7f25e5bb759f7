"""`decide(definition, case, command) -> events | refusal`: the whole decision, and nothing but the decision.

A command is first asked why it is not possible (`situation`: who, where, what stands in the way; then `details`: what
the command itself says). `available` asks the first question alone, so that the two can never disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.cases.engine import assignment, deadlines, joining, referrals, succession
from services.cases.engine.commands import (
    Approve,
    AssignCase,
    Command,
    FinishTask,
    GiveConsent,
    JoinReport,
    OnReferral,
    Open,
    PauseClock,
    PutBackCase,
    Reject,
    RequestReferral,
    ResumeClock,
    TakeCase,
    TakeStep,
    Tick,
    WithdrawConsent,
)
from services.cases.engine.definition import Definition, Step
from services.cases.engine.evolve import evolve
from services.cases.engine.guards import Guard
from services.cases.engine.refusals import Reason, Refusal, reason
from services.cases.engine.state import NOTHING_NEW, Case, Deadline, Event


def decide(definition: Definition, case: Case | None, command: Command) -> tuple[Event, ...] | Refusal:
    """The events of a command, none if there is nothing to say, or the refusal with all its reasons."""
    if isinstance(command, Open):
        return () if case is not None else tuple(_opened(definition, command))
    if case is None:
        return Refusal((reason("no_case"),))
    reasons = [*situation(definition, case, command), *details(definition, case, command)]
    if reasons:
        return Refusal(tuple(reasons))
    return tuple(_events(definition, case, command))


def situation(definition: Definition, case: Case, command: Command) -> Iterable[Reason]:
    """Why such a command is not possible now, whatever it says in detail."""
    match command:
        case OnReferral() | RequestReferral():
            return referrals.situation(definition, case, command)
        case TakeStep():
            step = definition.steps.get(command.step)
            if step is None:
                return [reason("unknown_step", step=command.step)]
            return _step_situation(definition, case, step, command)
        case Approve():
            return _approval_situation(definition, case, command)
        case Reject():
            return _rejection_situation(definition, case, command)
        case JoinReport():
            return joining.situation(definition, case)
        case GiveConsent() | WithdrawConsent() | PauseClock() | ResumeClock() | FinishTask():
            return _management(definition, case, command)
        case TakeCase() | PutBackCase() | AssignCase():
            return assignment.situation(case, command)
    return ()


def details(definition: Definition, case: Case, command: Command) -> Iterable[Reason]:
    """What is wrong with what a command says. The clock says nothing but what time it is, and a report that joins may
    have been received before the case opened."""
    if isinstance(command, (Tick, JoinReport)):
        return ()
    misdated = []
    if command.at > command.now:
        misdated.append(reason("in_the_future"))
    if command.at < case.opened_at:
        misdated.append(reason("before_opening"))
    elif command.at < command.now and command.at < (since := succession.earliest(definition, case, command)):
        misdated.append(reason("before_what_it_follows", since=since.isoformat()))
    match command:
        case OnReferral() | RequestReferral():
            return [*misdated, *referrals.details(definition, case, command)]
        case TakeStep() if command.step in definition.steps:
            return [*misdated, *_facts(definition, definition.steps[command.step], command)]
        case AssignCase():
            return [*misdated, *assignment.details(case, command)]
    return misdated


def _events(definition: Definition, case: Case, command: Command) -> Iterable[Event]:
    match command:
        case OnReferral() | RequestReferral():
            return referrals.events(definition, case, command)
        case TakeStep():
            step = definition.steps[command.step]
            if not step.approved_by:
                return [_step_taken(definition, case, step, command.facts, command)]
            data = {"step": step.name, "facts": dict(command.facts), "by": command.by.id}
            return [Event("case.step_proposed", data, command.at)]
        case Approve() if case.awaited is not None:
            step = definition.steps[case.awaited.step]
            return [_step_taken(definition, case, step, case.awaited.facts, command)]
        case Reject() if case.awaited is not None:
            return [Event("case.step_rejected", {"step": case.awaited.step, "by": command.by.id}, command.at)]
        case GiveConsent():
            return [Event("case.consent_given", {"consent": command.consent}, command.at)]
        case WithdrawConsent():
            withdrawn = Event("case.consent_withdrawn", {"consent": command.consent}, command.at)
            return [withdrawn, *referrals.without_consent(definition, case, command.consent, command.at)]
        case PauseClock():
            still = definition.pauses[command.pause].deadlines
            return [Event("case.clock_paused", {"pause": command.pause, "deadlines": list(still)}, command.at)]
        case ResumeClock():
            return [_resumed(definition, case, command)]
        case FinishTask():
            return [Event("case.task_finished", {"task_id": command.task_id}, command.at)]
        case TakeCase() | PutBackCase() | AssignCase():
            return [assignment.event(case, command)]
        case JoinReport():
            return joining.joined(definition, case, command)
        case Tick():
            return _ticked(definition, case, command)
    return ()


def _opened(definition: Definition, command: Open) -> Iterator[Event]:
    begun = deadlines.of_stage(definition, definition.begins, command.about, command.at, command.now)
    data = {
        "case_id": command.case_id,
        "definition": definition.id,
        "stage": definition.begins,
        "about": dict(command.about),
        "deadlines": deadlines.written(begun),
    }
    yield Event("case.opened", data, command.at)
    yield from joining.received(command)


def _step_situation(definition: Definition, case: Case, step: Step, command: TakeStep) -> Iterator[Reason]:
    yield from _role(step.by, command)
    if step.agency_kinds and command.works_for is not None and command.works_for not in step.agency_kinds:
        yield reason("wrong_office", needed=", ".join(step.agency_kinds))
    if case.stage not in step.origins:
        yield reason("wrong_stage", stage=case.stage)
    if case.awaited is not None:
        yield reason("awaits_approval", step=case.awaited.step)
    yield from _conditions(definition, case, step)


def _approval_situation(definition: Definition, case: Case, command: Command) -> Iterator[Reason]:
    if case.awaited is None:
        yield reason("nothing_awaited")
        return
    step = definition.steps[case.awaited.step]
    yield from _role(step.approved_by, command)
    if command.by.id == case.awaited.by:
        yield reason("own_proposal")
    if case.stage not in step.origins:
        yield reason("wrong_stage", stage=case.stage)
    yield from _conditions(definition, case, step)


def _rejection_situation(definition: Definition, case: Case, command: Command) -> Iterator[Reason]:
    """Whoever proposed a step may take it back; all others must be of those who approve."""
    if case.awaited is None:
        yield reason("nothing_awaited")
    elif command.by.id != case.awaited.by:
        yield from _role(definition.steps[case.awaited.step].approved_by, command)


def _conditions(definition: Definition, case: Case, step: Step) -> Iterator[Reason]:
    yield from joining.in_the_way(definition, case, step)
    for consent in step.consents:
        if consent not in case.consents:
            yield reason("no_consent", consent=consent)
    if step.when is not None and not holds(definition, case, step.when):
        yield reason("not_fulfilled", condition=step.when.text)


def _management(definition: Definition, case: Case, command: Command) -> Iterator[Reason]:
    yield from _role(definition.managed_by, command)
    match command:
        case GiveConsent() | WithdrawConsent():
            if command.consent not in definition.consents:
                yield reason("unknown_consent", consent=command.consent)
            elif (command.consent in case.consents) == isinstance(command, GiveConsent):
                given = isinstance(command, GiveConsent)
                yield reason("consent_given" if given else "no_consent", consent=command.consent)
        case PauseClock():
            if command.pause not in definition.pauses:
                yield reason("unknown_pause", pause=command.pause)
            elif command.pause in case.pauses:
                yield reason("paused_already", pause=command.pause)
            if definition.stages[case.stage].final:
                yield reason("wrong_stage", stage=case.stage)
        case ResumeClock():
            if command.pause not in case.pauses:
                yield reason("not_paused", pause=command.pause)
        case FinishTask():
            if command.task_id not in {task.task_id for task in case.tasks}:
                yield reason("unknown_task")


def _role(roles: Sequence[str], command: Command) -> Iterator[Reason]:
    if command.by.role not in roles:
        yield reason("wrong_role", needed=", ".join(roles))


def _facts(definition: Definition, step: Step, command: TakeStep) -> Iterator[Reason]:
    for name in step.records:
        if name not in command.facts:
            yield reason("fact_missing", fact=name)
    for name, value in command.facts.items():
        if name not in step.records and name not in step.may_record:
            yield reason("fact_not_asked", fact=name)
        elif value not in definition.facts[name].values:
            yield reason("fact_unknown_value", fact=name)


def holds(definition: Definition, case: Case, guard: Guard, facts: Mapping[str, str] = NOTHING_NEW) -> bool:
    """Whether a guard holds for a case, with facts that a step adds. Raises GuardFailed."""
    return guard.holds(case.knows(guard.asks, definition.consents, facts))


def _step_taken(definition: Definition, case: Case, step: Step, facts: Any, command: Command) -> Event:
    before, new = case, dict(facts)
    forgotten = [
        name for name, guard in step.forgets.items() if name in case.facts and holds(definition, case, guard, new)
    ]
    if forgotten:
        case = case.but(facts={name: value for name, value in case.facts.items() if name not in forgotten})
    led = (each.stage for each in step.to if each.when is None or holds(definition, case, each.when, new))
    stage = next(led, None)
    data: dict[str, Any] = {"step": step.name, "facts": new, "from_stage": case.stage}
    data["to_stage"] = stage or case.stage
    data["by"] = command.by.id
    if forgotten:
        data["forgets"] = forgotten
    known = {**case.about, **case.facts, **new}
    if stage is not None:
        data["deadlines"] = deadlines.written(deadlines.of_stage(definition, stage, known, command.at, command.now))
    elif recounted := deadlines.recounted(definition, before, known, command.at, command.now):
        data["recounted"] = deadlines.written(recounted)
    return Event("case.step_taken", data, command.at)


def _resumed(definition: Definition, case: Case, command: ResumeClock) -> Event:
    still = {name for pause in case.pauses - {command.pause} for name in definition.pauses[pause].deadlines}
    names = set(definition.pauses[command.pause].deadlines) - still
    runs = [each for each in case.deadlines if each.left is not None and each.name in names]
    return Event(
        "case.clock_resumed",
        {
            "pause": command.pause,
            "deadlines": deadlines.written(deadlines.resumed(definition, each, command.at) for each in runs),
        },
        command.at,
    )


def _ticked(definition: Definition, case: Case, command: Tick) -> Iterator[Event]:
    for what, each in deadlines.reached(case, command.now, command.only):
        for event in _said(definition, case, what, each, command):
            # What follows in the same tick must see it: two referrals that expire together ask two agencies.
            case = evolve(definition, case, event)
            yield event


def _said(definition: Definition, case: Case, what: str, each: Deadline, command: Tick) -> Iterator[Event]:
    if what == deadlines.EXPIRY:
        yield from referrals.expired(definition, case, each.subject, command)
        return
    data: dict[str, Any] = {"name": each.name, "subject": each.subject, "due_at": each.due_at}
    if what == deadlines.AT_RISK:
        yield Event("case.deadline_at_risk", data, command.now)
        return
    rule = definition.rule(each.name)
    data["escalate_to"] = [] if rule is None else list(rule.escalate_to)
    yield Event("case.deadline_breached", data, command.now)
