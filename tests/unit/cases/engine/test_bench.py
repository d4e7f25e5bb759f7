"""The engine's bench, tiny: both sides go the whole way, and every figure is there. What it measures is no test's."""

from __future__ import annotations

from services.cases.definitions import current as workflow
from tests.performance import engine, spiff

TINY = engine.Sizes(played=1, stored=1, rounds=1, parallel=1)


def test_both_sides_carry_a_case_from_report_to_closure_by_as_many_commands() -> None:
    """Fails when a command is left out of `engine.story` or of `spiff.SAID`."""
    told = list(engine.story(engine.NOW))
    assert len(told) == spiff.COMMANDS
    for definition in (workflow(), engine.without_deadlines(workflow())):
        case = engine.play(definition, told)
        assert case.stage == "closed"
        assert {each.outcome for each in case.referrals.values()} == {"helped"}
    other = spiff.play()
    assert other.completed
    assert other.last_task.data["outcome_education"] == "helped"


def test_every_figure_in_memory_is_measured() -> None:
    for figure in engine.in_memory(TINY):
        assert figure.ratio is not None and figure.ratio > 0
    assert [figure.unit for figure in engine.checked(TINY)] == ["s", "states"]
