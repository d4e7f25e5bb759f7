"""Whose a case is: a case worker takes it, also over from a colleague, and puts it back; a supervisor assigns it.

Who may do so say the rights. It changes nothing that a guard or a step asks for: work waits for nobody who is away.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.cases.engine.commands import AssignCase, PutBackCase, TakeCase
from services.cases.engine.refusals import Reason, reason
from services.cases.engine.state import Case, Event
from shared.access.rights import may, rights

TAKE, ASSIGN = "case.take", "case.assign"
OnAssignment = TakeCase | PutBackCase | AssignCase


def situation(case: Case, command: OnAssignment) -> Iterator[Reason]:
    """Why such a command is not possible now."""
    if not any(may(command.by, right) for right in _allowing(command)):
        yield reason(
            "wrong_role", needed=", ".join(role for right in _allowing(command) for role in rights()[right].roles)
        )
        return
    match command:
        case TakeCase() if case.assigned_to == command.by.id:
            yield reason("taken_already")
        case TakeCase() if not may(command.by, TAKE, case.about):
            yield reason("not_your_area", kecamatan=case.about.get("kecamatan", ""))
        case PutBackCase() if case.assigned_to is None:
            yield reason("nobody_has_it")
        case PutBackCase() if case.assigned_to != command.by.id and not may(command.by, ASSIGN):
            yield reason("taken_by_another", who=str(case.assigned_to))


def details(case: Case, command: OnAssignment) -> Iterator[Reason]:
    """What is wrong with whom a case is assigned to."""
    if isinstance(command, AssignCase):
        to = command.to
        if not may(to, TAKE):
            yield reason("no_case_worker")
        elif not may(to, TAKE, case.about):
            yield reason("not_their_area", kecamatan=case.about.get("kecamatan", ""))
        elif case.assigned_to == to.id:
            yield reason("assigned_already")


def event(case: Case, command: OnAssignment) -> Event:
    """What a possible command makes happen."""
    match command:
        case AssignCase():
            return Event("case.assigned", {"account_id": command.to.id, "by": command.by.id}, command.at)
        case TakeCase():
            return Event("case.assigned", {"account_id": command.by.id, "by": command.by.id}, command.at)
    return Event("case.put_back", {"account_id": str(case.assigned_to), "left": False, "by": command.by.id}, command.at)


def _allowing(command: OnAssignment) -> tuple[str, ...]:
    match command:
        case TakeCase():
            return (TAKE,)
        case AssignCase():
            return (ASSIGN,)
    return (TAKE, ASSIGN)
