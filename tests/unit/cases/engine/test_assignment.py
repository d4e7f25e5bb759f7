"""Whose a case is: taken, taken over, put back, assigned; it stands in nobody's way."""

from __future__ import annotations

from dataclasses import replace

from services.cases.engine import available, commands
from services.cases.engine.explore import _Explorer
from tests.unit.cases.engine.cases import COLLEAGUE, NURSE, SUPERVISOR, WORKER, Played

NORTH, SOUTH = "33.75.01", "33.75.02"


def whose(played: Played) -> tuple[str | None, str | None]:
    return played.case.assigned_to, played.case.left_by


def test_a_case_worker_takes_a_case_and_a_colleague_takes_it_over_and_puts_it_back() -> None:
    """Seen to fail with a `TakeCase` that is refused where somebody has the case: who stands in had no way."""
    played = Played()
    assert played.refused(commands.PutBackCase, WORKER) == ("nobody_has_it",)
    [taken] = played.does(commands.TakeCase, WORKER)
    assert (taken.type, taken.data["account_id"]) == ("case.assigned", WORKER.id)
    assert whose(played) == (WORKER.id, None)
    assert played.refused(commands.TakeCase, WORKER) == ("taken_already",)
    assert played.refused(commands.PutBackCase, COLLEAGUE) == ("taken_by_another",)
    played.does(commands.TakeCase, COLLEAGUE)
    assert whose(played) == (COLLEAGUE.id, None)
    [put_back] = played.does(commands.PutBackCase, COLLEAGUE)
    assert (put_back.data["account_id"], put_back.data["left"]) == (COLLEAGUE.id, False)
    assert whose(played) == (None, None)


def test_a_supervisor_assigns_to_case_workers_only_and_takes_a_case_from_one() -> None:
    """Seen to fail without `assignment.details`: a nurse of an agency had the case."""
    played = Played()
    played.does(commands.AssignCase, SUPERVISOR, to=WORKER)
    assert whose(played) == (WORKER.id, None)
    assert played.refused(commands.AssignCase, SUPERVISOR, to=WORKER) == ("assigned_already",)
    for other in (NURSE, SUPERVISOR):
        assert played.refused(commands.AssignCase, SUPERVISOR, to=other) == ("no_case_worker",)
    played.does(commands.AssignCase, SUPERVISOR, to=COLLEAGUE)
    played.does(commands.PutBackCase, SUPERVISOR)
    assert whose(played) == (None, None)
    assert played.refused(commands.TakeCase, SUPERVISOR) == ("wrong_role",), "they could not open it, and shut it away"
    assert played.refused(commands.AssignCase, WORKER, to=COLLEAGUE) == ("wrong_role",)
    for kind in (commands.TakeCase, commands.PutBackCase):
        assert played.refused(kind, NURSE) == ("wrong_role",)


def test_nobody_has_a_case_that_they_could_not_open() -> None:
    """Seen to fail without the question for the area, in `situation` and in `details`."""
    played, here, there = Played(kecamatan=NORTH), replace(WORKER, areas=(NORTH,)), replace(COLLEAGUE, areas=(SOUTH,))
    assert played.refused(commands.TakeCase, there) == ("not_your_area",)
    assert played.refused(commands.AssignCase, SUPERVISOR, to=there) == ("not_their_area",)
    played.does(commands.TakeCase, here)
    played.does(commands.AssignCase, SUPERVISOR, to=replace(COLLEAGUE, areas=(SOUTH, NORTH)))


def test_steps_stay_open_to_every_case_worker() -> None:
    """No deadline passes because somebody is away. Seen to fail with an `available` that asks whose the case is."""
    played = Played()
    before = {
        (each.command, each.subject)
        for each in available(played.definition, played.case, WORKER, played.now)
        if each.now
    }
    played.does(commands.TakeCase, COLLEAGUE)
    after = {
        (each.command, each.subject)
        for each in available(played.definition, played.case, WORKER, played.now)
        if each.now
    }
    assert after == before and ("take_case", "") in after
    played.step("screen", risk="low")
    assert whose(played) == (COLLEAGUE.id, None)


def test_what_a_case_can_come_to_does_not_depend_on_whose_it_is() -> None:
    """The exploring check has as many states as before. Seen to fail with the holder in the marking of a state, and
    `TakeCase` among the commands that are explored."""
    played = Played()
    played.does(commands.TakeCase, WORKER)
    explorer = _Explorer(played.definition, 1, 1_000)
    assert explorer._marking(played.case) == explorer._marking(Played().case)
    kinds = {type(each) for each in explorer._commands(played.case)}
    assert kinds.isdisjoint({commands.TakeCase, commands.PutBackCase, commands.AssignCase})
