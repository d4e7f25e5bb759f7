"""How a report comes to a case: one that another office hands over to us is confirmed to that office; a further one
about the child of an open case joins it, has to be read in the time in which a new report would have been screened, and
no case ends before."""

from __future__ import annotations

from collections.abc import Iterator

from services.cases.engine import deadlines
from services.cases.engine.commands import JoinReport, Open
from services.cases.engine.definition import Definition, Step
from services.cases.engine.refusals import Reason, reason
from services.cases.engine.state import CONFIRM_TRANSFER, READ_REPORT, Case, Deadline, Event, Task
from shared.ids import derived_id


def situation(definition: Definition, case: Case) -> Iterator[Reason]:
    """Why no report can join now: who is reported after the end gets a case anew."""
    if definition.stages[case.stage].final:
        yield reason("wrong_stage", stage=case.stage)


def confirming(command: Open | JoinReport) -> str:
    """The id of the task to tell the other office that we have what it handed over."""
    named = (command.case_id,) if isinstance(command, Open) else (command.report_id, command.child_id)
    return derived_id("task", *named, CONFIRM_TRANSFER)


def received(command: Open | JoinReport) -> Iterator[Event]:
    """The task, where another office handed the child over to us."""
    if command.transferred:
        yield Event("case.transfer_received", {"task_id": confirming(command)}, command.at)


def joined(definition: Definition, case: Case, command: JoinReport) -> Iterator[Event]:
    """The report joins, with the task of reading it and its deadline."""
    known = {**case.about, **command.about}
    begun = deadlines.of_report(definition, command.report_id, known, command.at, command.now)
    data = {
        "report_id": command.report_id,
        "child_id": command.child_id,
        "person_id": command.person_id,
        "task_id": derived_id("task", command.report_id, command.child_id, READ_REPORT),
        "about": dict(command.about),
        "deadlines": deadlines.written(begun),
    }
    yield Event("case.report_joined", data, command.at)
    yield from received(command)


def leaves(case: Case, report_id: str, child_id: str) -> tuple[tuple[Task, ...], tuple[Deadline, ...]]:
    """The tasks and deadlines of a case without those of a report that is no longer of it."""
    gone = {derived_id("task", report_id, child_id, kind) for kind in (READ_REPORT, CONFIRM_TRANSFER)}
    stay = tuple(task for task in case.tasks if task.task_id not in gone)
    return stay, tuple(each for each in case.deadlines if each.subject != report_id)


def in_the_way(definition: Definition, case: Case, step: Step) -> Iterator[Reason]:
    """What reports keep a step from being taken: one that is not read from the end of the case, and an open case of the
    same child from a second beginning."""
    if not (case.tasks or case.open_elsewhere):
        return
    ends = any(definition.stages[branch.stage].final for branch in step.to)
    if ends and any(case.unread()):
        yield reason("report_unread")
    if case.open_elsewhere and definition.stages[case.stage].final and not ends:
        yield reason("open_elsewhere")
