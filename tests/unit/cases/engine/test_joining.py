"""A further report about the child of an open case: it joins, is read in time, and keeps the case open until then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.cases.engine import commands, evolve
from services.cases.engine.migration import migrate
from services.cases.engine.state import BREACHED, CONFIRM_TRANSFER, LATE, READ_REPORT, RUNNING, Event
from tests.unit.cases.engine.cases import CLOCK, NURSE, SUPERVISOR, WORKER, Played

REPORT = "report-2"


def joins(played: Played, severity: str = "emergency", **said: Any) -> Event:
    """The child is reported again."""
    told: dict[str, Any] = {"report_id": REPORT, "child_id": "child-2", "person_id": None} | said
    [event] = played.does(commands.JoinReport, CLOCK, **told, about={"severity": severity})
    return event


def test_it_is_read_in_the_time_in_which_a_new_report_of_its_urgency_is_screened() -> None:
    played = Played(severity="low").step("screen", risk="low")
    joins(played)
    [of_report] = [each for each in played.case.deadlines if each.subject == REPORT]
    assert (of_report.name, of_report.due_at) == ("report:screening", played.now + timedelta(hours=2))
    assert [(task.kind, task.subject) for task in played.case.tasks] == [(READ_REPORT, REPORT)]
    assert played.case.stage == "assessment", "the case stays where it is"


def test_the_office_that_hands_the_child_over_gets_our_word_also_where_a_case_is_open() -> None:
    """Seen to fail without `transferred` at the joining: only a case that it opened asked for the word."""
    played = Played(severity="low")
    told: dict[str, Any] = {"child_id": "child-2", "person_id": None, "transferred": True}
    for number in (2, 3):
        events = played.does(commands.JoinReport, CLOCK, **told, report_id=f"report-{number}")
        assert [event.type for event in events] == ["case.report_joined", "case.transfer_received"]
    words = [task.task_id for task in played.case.tasks if task.kind == CONFIRM_TRANSFER]
    assert len(set(words)) == 2, "a word for each"
    played.does(commands.FinishTask, WORKER, task_id=words[0])
    assert [task.task_id for task in played.case.tasks if task.kind == CONFIRM_TRANSFER] == words[1:]


def test_the_deadline_of_a_report_that_nobody_reads_is_escalated_once() -> None:
    played = Played(severity="low").step("screen", risk="low")
    joins(played)
    assert played.after(hours=3).tick() == ["case.deadline_breached"]
    assert played.history[-1].data == {
        "name": "report:screening",
        "subject": REPORT,
        "due_at": played.now - timedelta(hours=1),
        "escalate_to": ["supervisor"],
    }
    assert played.tick() == []


def test_one_that_was_received_before_the_case_opened_joins_and_is_late_not_breached() -> None:
    """Paper is entered later, in whatever order."""
    played = Played()
    joins(played, at=played.now - timedelta(days=3))
    [of_report] = [each for each in played.case.deadlines if each.subject == REPORT]
    assert of_report.phase == LATE and played.tick() == []


def test_once_it_is_seen_to_its_deadline_is_over() -> None:
    played = Played()
    before = played.case
    task_id = joins(played).data["task_id"]
    assert played.refused(commands.FinishTask, NURSE, task_id=task_id) == ("wrong_role",)
    played.does(commands.FinishTask, WORKER, task_id=task_id)
    assert (played.case.tasks, played.case.deadlines) == (before.tasks, before.deadlines)


def test_no_case_ends_with_a_report_that_nobody_has_read() -> None:
    """Also when it comes between the proposal and the second person's word."""
    played = Played()
    joins(played)
    close = {"step": "close", "facts": {"closure_reason": "not_found"}}
    assert played.refused(commands.TakeStep, WORKER, **close) == ("report_unread",)
    played.does(commands.FinishTask, WORKER, task_id=played.case.tasks[0].task_id)
    played.does(commands.TakeStep, WORKER, **close)
    joins(played, report_id="report-3")
    assert played.refused(commands.Approve, SUPERVISOR) == ("report_unread",)
    played.does(commands.FinishTask, WORKER, task_id=played.case.tasks[0].task_id)
    played.does(commands.Approve, SUPERVISOR)
    told = {"report_id": "report-4", "child_id": "child-4", "person_id": None}
    assert played.refused(commands.JoinReport, CLOCK, **told) == ("wrong_stage",)


def test_a_case_begins_no_second_time_while_another_of_the_child_is_open() -> None:
    played = Played()
    played.step("close", closure_reason="not_found")
    elsewhere = played.case.but(open_elsewhere=True)
    played._case = elsewhere
    again = {"step": "reopen", "facts": {"reopening_reason": "new_report"}}
    assert played.refused(commands.TakeStep, WORKER, **again) == ("open_elsewhere",)
    played._case = elsewhere.but(open_elsewhere=False)
    played.does(commands.TakeStep, WORKER, **again)
    played._case = played.case.but(open_elsewhere=True)
    assert played.refused(commands.Approve, SUPERVISOR) == ("open_elsewhere",)


def test_a_migration_carries_what_is_unread_in_the_time_of_its_own_urgency() -> None:
    """Seen to fail with the case's urgency in the place of the report's, and without the reports among what runs."""
    played = Played(severity="low")
    joins(played)
    newer = replace(played.definition, version=played.definition.version + 1)
    event = migrate(played.definition, newer, played.case, played.history, "system:test", played.now)
    assert isinstance(event, Event)
    carried = evolve(newer, played.case, event).deadlines
    assert [(each.name, each.subject, each.phase) for each in carried] == [
        ("screening", "", RUNNING),
        ("report:screening", REPORT, RUNNING),
    ]
    assert carried == played.case.deadlines
    played.after(hours=3).tick()
    assert BREACHED in {each.phase for each in played.case.deadlines}
