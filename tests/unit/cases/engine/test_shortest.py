"""The story of a fault has as few commands as can be: held against a search of its own, one command after the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.cases.engine import Definition, DefinitionError, load
from services.cases.engine.checks import check
from services.cases.engine.decide import holds
from services.cases.engine.definition import Invariant
from services.cases.engine.guards import Guard
from tests.unit.cases.engine import plain
from tests.unit.cases.engine.cases import MISTAKES, shipped

#: Each comes true by ways of different lengths, some by a service, which the check goes through in one.
NEVER = (
    "'police' in completed || (stage == 'monitoring' && consents.services && consents.disclosure)",
    "'police' in completed",
    "'police' in completed || stage == 'monitoring'",
    "referrals.exists(r, r.state == 'in_service') || (stage == 'closed' && risk == 'low')",
    "size(referrals) == 0 && 'police' in completed && consents.services",
    "stage == 'planning' && 'health' in completed",
)


def lengths(definition: Definition) -> list[tuple[int, int | None]]:
    """Of each invariant that does not hold: how long the check's story is, and how long the shortest."""
    found = []
    for fault in check(definition).faults:
        for each in definition.invariants.values():
            if fault.message == f"does not hold: {each.names['en']}":
                shortest = plain.nearest(definition, lambda case, never=each.never: holds(definition, case, never))
                found.append((len(fault.story), shortest))
    return found


@pytest.mark.parametrize("never", NEVER)
def test_no_shorter_story_is_found_in_the_shipped_definition(never: str) -> None:
    definition = shipped()
    told_apart = {"risk": ("high", "low"), "needs": ("services", "follow_up")}
    facts = definition.facts.items()
    small = replace(
        definition,
        facts={name: replace(each, values=told_apart.get(name, each.values[:1])) for name, each in facts},
        steps={name: each for name, each in definition.steps.items() if name not in ("transfer", "reopen", "visit")},
        referrals={name: definition.referrals[name] for name in ("health", "police")},
        invariants={"given": Invariant("given", {"id": "", "en": "Given"}, Guard(never))},
    )
    [(told, shortest)] = lengths(small)
    assert told == shortest


def test_nor_in_any_mistake() -> None:
    seen = 0
    for file in sorted(MISTAKES.glob("*.yaml")):
        try:
            definition = load(file)
        except DefinitionError:
            continue
        for told, shortest in lengths(definition):
            assert told == shortest, file.name
            seen += 1
    assert seen >= 4
