"""The workflow definitions that this city has: new cases open on the newest version, each case stays on its own.

They are the YAML files of workflows/, whatever their names; a version that cases are on must stay there. One that was
put there later is found when it is first asked for, so that cases can be moved to it while everything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from services.cases.engine import Case, Definition, Event, load

DIRECTORY = Path(__file__).with_name("workflows")
FIGURES = "simulation.yaml"
"""No definition: what `rujukan workflow simulate` assumes of the city. It lies beside the definitions."""
BRINGS_A_DEFINITION = ("case.opened", "case.migrated")


class NoDefinition(LookupError):
    """A case is on a version that this process does not have: it cannot say what may be done. Nothing is changed."""


@cache
def known() -> Mapping[str, Definition]:
    """Every version by its id, the newest last. Raises ValueError for files that cannot stand beside each other."""
    return _read(DIRECTORY)


def current() -> Definition:
    """The version that new cases open on."""
    return list(known().values())[-1]


def find(workflow: str) -> Definition | None:
    """The version with this id; None if this city no longer has it."""
    if workflow not in known():
        known.cache_clear()
    return known().get(workflow)


def of(workflow: str) -> Definition:
    """The version with this id, as a case keeps it. Raises NoDefinition."""
    found = find(workflow)
    if found is None:
        raise NoDefinition(workflow)
    return found


def after(case: Case | None, event: Event) -> Definition:
    """The version by which an event changes a case: the one that it brings, or the case's own."""
    if event.type in BRINGS_A_DEFINITION or case is None:
        return of(event.data["definition"])
    return of(case.definition)


def newest_first() -> list[Definition]:
    """Every version."""
    return list(known().values())[::-1]


def stages() -> dict[str, Mapping[str, str]]:
    """The stages of every version with their names, those of the current one first."""
    names: dict[str, Mapping[str, str]] = {}
    for definition in newest_first():
        for stage in definition.stages.values():
            names.setdefault(stage.name, stage.names)
    return names


def _read(directory: Path) -> Mapping[str, Definition]:
    files = sorted(file for file in directory.glob("*.yaml") if file.name != FIGURES)
    found = [(file, load(file)) for file in files]
    if not found:
        raise ValueError(f"{directory}: there is no workflow definition")
    for file, each in found:
        if each.name != found[0][1].name:
            raise ValueError(f"{file.name}: is of the workflow {each.name!r}, others are of {found[0][1].name!r}")
        if not any(each.begins in rule.stages for rule in each.deadlines.values()):
            raise ValueError(f"{file.name}: a case begins in {each.begins!r}, where nothing is ever due")
    twice = [file.name for file, each in found if sum(each.id == other.id for _, other in found) > 1]
    if twice:
        raise ValueError(f"{' and '.join(twice)} are the same version: give the newer one a higher 'version'")
    return {each.id: each for each in sorted((each for _, each in found), key=lambda each: each.version)}
