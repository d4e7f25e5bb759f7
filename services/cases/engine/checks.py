"""Proving a definition before it is used: what only shows when it runs, each fault with the shortest story of it.

The explorer drives the engine itself, so a story is a list of commands that really can be given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.cases.engine import classes
from services.cases.engine.decide import holds
from services.cases.engine.definition import Definition
from services.cases.engine.explore import Marking, Move, Space, explore
from services.cases.engine.guards import GuardFailed
from services.cases.engine.positions import Fault, Path, at
from services.cases.engine.stories import told

PARALLEL = 4


@dataclass(frozen=True)
class Checked:
    """The result: its faults in the order of the file, how many states and moves were gone through, and the stories'
    commands by fault, so that a test can play them."""

    faults: tuple[Fault, ...]
    states: int
    moves: int
    ways: tuple[tuple[Fault, tuple[Move, ...]], ...] = ()


def check(definition: Definition, parallel: int = PARALLEL) -> Checked:
    """Goes through all that can happen with at most `parallel` open referrals. Raises TooManyStates."""
    space = explore(definition, parallel)
    # Where a condition cannot be answered, what cannot be reached because of it is not said too.
    found = list(_failed(definition, space)) or [
        *_unreached(definition, space),
        *_never_due(definition, space),
        *_stranded(definition, space),
        *_broken(definition, space),
    ]
    faults = []
    ways = []
    for path, message, way in found:
        fault = Fault(*at(dict(definition.marks), path), message, tuple(told(definition, way)))
        faults.append(fault)
        if way:
            ways.append((fault, tuple(way)))
    return Checked(tuple(sorted(faults)), len(space.nodes), space.moves, tuple(ways))


Found = Iterator[tuple[Path, str, list[Move]]]


def _unreached(definition: Definition, space: Space) -> Found:
    """Stages, steps, branches, referrals and deadlines that can never come about."""
    stages = {marking[0] for marking in space.nodes}
    for stage in definition.stages:
        if stage not in stages:
            yield ("stages", stage), f"no case can come to the stage {stage!r}", []
    for step in definition.steps.values():
        origins = {origin for name, origin, _ in space.taken if name == step.name}
        if not origins:
            yield ("steps", step.name), f"the step {step.name!r} can never be taken", []
            continue
        for number, origin in enumerate(step.origins):
            if origin in stages and origin not in origins:
                yield ("steps", step.name, "from", number), f"{step.name!r} can never be taken from {origin!r}", []
        branches = {number for name, _, number in space.taken if name == step.name}
        reached = {step.to[number].stage for number in branches if number is not None}
        for number, branch in enumerate(step.to):
            if number not in branches:
                by_it = " by this branch, only by others" if branch.stage in reached else ""
                yield ("steps", step.name, "to", number), f"{step.name!r} never leads to {branch.stage!r}{by_it}", []
    represented = classes.kind_classes(definition)
    for kind in definition.referrals:
        if represented[kind] not in space.requested:
            yield ("referrals", kind), f"the referral {kind!r} can never be requested", []
    for name in definition.deadlines:
        if name not in space.began and not any(name == lacking for lacking, _ in space.lacking):
            yield ("deadlines", name), f"the deadline {name!r} never begins", []


def _never_due(definition: Definition, space: Space) -> Found:
    """Deadlines that do not begin when they should, for nobody has recorded by what they differ."""
    for (name, where), (_, here, moves) in space.lacking.items():
        rule = definition.rule(name)
        what, _, kind = name.partition(":")
        path: Path = ("referrals", kind, what, "by") if kind else ("deadlines", name, "by")
        when = f"when {kind!r} is {'requested' if what == 'response' else 'accepted'}" if kind else f"with {where!r}"
        if rule is not None:
            message = f"does not begin {when}: nobody has recorded {rule.by!r} by then"
            yield path, message, [] if here is None else [*space.way(here), *moves]


def _stranded(definition: Definition, space: Space) -> Found:
    """States from which no end can be reached: the nearest one of each stage."""
    ends = {marking for marking in space.nodes if definition.stages[marking[0]].final}
    if not any(stage.final for stage in definition.stages.values()):
        yield ("stages",), "no stage is final: a case could never be closed", []
        return
    leads_to_an_end = _backwards(space, ends)
    told_of: set[str] = set()
    for marking in space.nodes:  # in the order of their distance
        if marking not in leads_to_an_end and marking[0] not in told_of:
            told_of.add(marking[0])
            yield ("stages", marking[0]), f"a case in {marking[0]!r} may never come to an end", space.way(marking)


def _backwards(space: Space, ends: Iterable[Marking]) -> set[Marking]:
    before: dict[Marking, list[Marking]] = {}
    for marking, node in space.nodes.items():
        for following in node.following:
            before.setdefault(following, []).append(marking)
    reached = set(ends)
    waiting = list(reached)
    while waiting:
        for marking in before.get(waiting.pop(), ()):
            if marking not in reached:
                reached.add(marking)
                waiting.append(marking)
    return reached


def _broken(definition: Definition, space: Space) -> Found:
    """Invariants that do not hold: the nearest state in which what must never be is."""
    for invariant in definition.invariants.values():
        path: Path = ("invariants", invariant.name, "never")
        for marking, node in space.nodes.items():
            try:
                broken = holds(definition, node.case, invariant.never)
            except GuardFailed as error:
                yield path, f"cannot be answered: {error}", space.way(marking)
                break
            if broken:
                yield path, f"does not hold: {invariant.names['en']}", space.way(marking)
                break


def _failed(definition: Definition, space: Space) -> Found:
    """Conditions that could not be answered, each once."""
    seen: set[str] = set()
    for marking, command, error in space.failed:
        if error.text not in seen:
            seen.add(error.text)
            step = getattr(command, "step", "")
            path: Path = ("steps", step) if step else ("steps",)
            yield path, f"cannot be answered: {error}", space.way(marking)
