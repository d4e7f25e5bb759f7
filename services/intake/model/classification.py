"""Says what a child's work is called in law and in statistics, also when facts are missing.

An unknown fact is never taken for a good or a bad one: every value it could have is followed, so the result knows each
class that is still possible and which facts would tell. The rules themselves are data (rules.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from services.intake.model.facts import FACTS, Facts
from services.intake.model.rules import Condition, Rule, Rules, RuleSet, Severities
from shared.domain import codes

#: The class while several are possible.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Result:
    """What one series of rules says.

    `classification` is the class, or `unknown` while several are possible. `possible` has every class that can
    still be true, the worst first; `worst` is the first of them, and `rule`, `version` and `citation` belong to the
    rule behind it. `missing` names the facts on which it still depends, in the order in which to ask for them.
    """

    series: str
    classification: str
    worst: str
    possible: tuple[str, ...]
    missing: tuple[str, ...]
    rule: str
    version: str
    citation: str

    @property
    def settled(self) -> bool:
        """Whether the class is certain whatever the missing facts turn out to be."""
        return self.classification != UNKNOWN


@dataclass(frozen=True)
class Classification:
    """The legal result, the statistical ones by series, and how soon somebody must look (a `severity` code)."""

    legal: Result
    statistical: Mapping[str, Result]
    severity: str


@lru_cache(maxsize=8192)
def classify(facts: Facts, rules: Rules) -> Classification:
    """The classes of a child's work by the rules of one day (`rules_on`). The first rule that matches decides.

    What comes out is kept: many reports have the same facts.
    """
    legal = evaluate(facts, rules.legal)
    statistical = {series: evaluate(facts, rule_set) for series, rule_set in rules.statistical.items()}
    return Classification(legal, statistical, severity(legal, rules.severities))


def severity(legal: Result, severities: Severities) -> str:
    """How soon somebody must look: `emergency`, `high`, `medium` or `low`. The rule is rules/severity.yaml."""
    if legal.settled:
        return severities.by_class[legal.classification]
    mildest = [name for name in legal.possible if name not in severities.not_mildest][-1]
    return min(severities.by_class[mildest], severities.undetermined_at_least, key=list(codes("severity")).index)


def evaluate(facts: Facts, rule_set: RuleSet) -> Result:
    """What one set of rules says of the facts."""
    facts = facts.with_consequences()
    exploration = _Exploration(rule_set)
    possible = exploration.possible(0, facts)
    classes = {rule.classification for rule in possible}
    ordered = tuple(name for name in rule_set.order if name in classes)
    candidates = [rule for rule in rule_set.rules if rule in possible and rule.classification == ordered[0]]
    # Of several rules with one class, cite the one that holds whatever else turns out.
    rule = next((rule for rule in candidates if _decide(rule.condition, facts) is True), candidates[0])
    return Result(
        series=rule_set.series,
        classification=ordered[0] if len(ordered) == 1 else UNKNOWN,
        worst=ordered[0],
        possible=ordered,
        missing=tuple(name for name in FACTS if name in exploration.decisive),
        rule=rule.id,
        version=rule_set.version,
        citation=rule.citation,
    )


class _Exploration:
    """Walks the rules in their order; where a rule depends on an unknown fact, follows each value it could have.

    A rule's outcome changes only at its thresholds, so one value on and between the thresholds stands for all. Facts
    that no later rule asks for are forgotten on the way, which keeps the walk short however little is known.
    """

    def __init__(self, rule_set: RuleSet) -> None:
        self.rules = rule_set.rules
        self.decisive: set[str] = set()
        self._values = _representatives(rule_set)
        self._asked = [
            sorted({test.fact for rule in self.rules[place:] for test in rule.condition.all_tests()})
            for place in range(len(self.rules))
        ]
        self._seen: dict[tuple[Any, ...], frozenset[Rule]] = {}

    def possible(self, place: int, facts: Facts) -> frozenset[Rule]:
        """The rules from `place` on that could be the first to match."""
        key = (place, *(getattr(facts, name) for name in self._asked[place]))
        if key not in self._seen:
            self._seen[key] = self._explore(place, facts)
        return self._seen[key]

    def _explore(self, place: int, facts: Facts) -> frozenset[Rule]:
        rule = self.rules[place]
        answer = _decide(rule.condition, facts)
        if answer is True:
            return frozenset({rule})
        if answer is False:
            return self.possible(place + 1, facts)
        fact = answer
        branches = [
            self._explore(place, replace(facts, **{fact: value}).with_consequences()) for value in self._values[fact]
        ]
        if len({frozenset(found.classification for found in branch) for branch in branches}) > 1:
            self.decisive.add(fact)
        return frozenset().union(*branches)


def _decide(condition: Condition, facts: Facts) -> bool | str:
    """Whether the condition holds; or, while that depends on what is not known, the first fact to learn."""
    unknown = None
    for test in condition.tests:
        known = getattr(facts, test.fact)
        if known is None:
            unknown = unknown or test.fact
        elif not test.holds(known):
            return False
    if condition.alternatives:
        answers = [_decide(alternative, facts) for alternative in condition.alternatives]
        if True not in answers:
            facts_to_learn = [answer for answer in answers if isinstance(answer, str)]
            if not facts_to_learn:
                return False
            unknown = unknown or facts_to_learn[0]
    return unknown or True


@lru_cache(maxsize=32)
def _representatives(rule_set: RuleSet) -> Mapping[str, tuple[Any, ...]]:
    """For every fact that the rules ask for, values that stand for all it could have."""
    tests = [test for rule in rule_set.rules for test in rule.condition.all_tests()]
    found: dict[str, tuple[Any, ...]] = {}
    for fact in {test.fact for test in tests}:
        kinds = {test.kind for test in tests if test.fact == fact}
        if kinds == {"is"}:
            found[fact] = (True, False)
        elif kinds == {"not_empty"}:
            found[fact] = (("any",), ())
        else:
            thresholds = sorted({test.value for test in tests if test.fact == fact})
            found[fact] = tuple(_around(thresholds, whole=fact == "age_years"))
    return found


def _around(thresholds: list[float], whole: bool) -> Iterator[float]:
    """The thresholds, a value below the first, one between each two, one above the last; whole numbers for ages."""
    before: float = 0
    for threshold in thresholds:
        between = (before + threshold) // 2 if whole else (before + threshold) / 2
        if between < threshold and (between > before or before == 0):
            yield between
        yield threshold
        before = threshold
    yield before + 1
