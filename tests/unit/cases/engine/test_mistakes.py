"""Every kind of mistake in a definition, with its message, its place, and the story that shows it.

The files under services/cases/workflows/mistakes read as documentation: each begins with what the check says of it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.cases.engine import DefinitionError, Fault, Refusal, decide, evolve, load, read
from services.cases.engine.checks import Checked, check
from services.cases.engine.decide import holds
from services.cases.engine.explore import OPENING
from tests.unit.cases.engine.cases import MISTAKES

FILES = sorted(MISTAKES.glob("*.yaml"))
SAYS = re.compile(r"# says (\d+):(\d+): (.*)")
STORY = re.compile(r"#   \d+\. (.*)")


def promised(file: Path) -> list[Fault]:
    """What the head of a file says that the check says."""
    faults: list[Fault] = []
    for line in file.read_text().splitlines():
        if said := SAYS.fullmatch(line):
            faults.append(Fault(int(said[1]), int(said[2]), said[3]))
        elif told := STORY.fullmatch(line):
            last = faults[-1]
            faults[-1] = Fault(last.line, last.column, last.message, (*last.story, told[1]))
    return faults


def found(file: Path) -> tuple[list[Fault], Checked | None]:
    try:
        result = check(load(file))
    except DefinitionError as error:
        return error.faults, None
    return list(result.faults), result


def test_there_are_many_kinds_of_mistake() -> None:
    assert len(FILES) >= 25


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_mistake_is_told_with_its_place_and_story(file: Path) -> None:
    assert promised(file), f"{file.name} does not say what it is a mistake of"
    assert found(file)[0] == promised(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_counter_example_really_happens_when_it_is_played(file: Path) -> None:
    faults, result = found(file)
    played = 0
    for fault, way in result.ways if result else ():
        definition = load(file)
        opened = decide(definition, None, OPENING)
        assert not isinstance(opened, Refusal)
        case = evolve(definition, None, opened[0])
        for move in way:
            decided = decide(definition, case, move.command)
            assert decided == move.events, f"{fault.message}: {move.command} came to {decided}"
            for event in move.events:
                case = evolve(definition, case, event)
        broken = [each for each in definition.invariants.values() if each.names["en"] in fault.message]
        for invariant in broken:
            assert holds(definition, case, invariant.never), f"{fault.message}: it holds at the end of the story"
        if "never come to an end" in fault.message:
            assert not definition.stages[case.stage].final
        played += 1
    assert played == sum(1 for fault in faults if fault.story)


def test_an_empty_file_is_no_definition() -> None:
    with pytest.raises(DefinitionError) as error:
        read("")
    assert [str(fault) for fault in error.value.faults] == ["1:1: the file is empty"]


@pytest.mark.parametrize("text", ["- a list", "just text", "42", "steps: {}\nstages: []"])
def test_what_is_no_definition_at_all_gets_messages_not_an_exception_of_ours(text: str) -> None:
    with pytest.raises(DefinitionError) as error:
        read(text)
    assert error.value.faults
