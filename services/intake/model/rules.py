"""The rules of classification, read from services/intake/rules/ and checked: legal, statistical, severity.

How they are applied to facts, with some of them unknown, is in classification.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from operator import ge, gt, le, lt
from pathlib import Path
from typing import Any

from services.intake.model.facts import FACTS
from shared.domain import DomainDataError, codes
from shared.domain.data import read

FOLDER = Path(__file__).parent.parent / "rules"
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {"at_least": ge, "above": gt, "at_most": le, "below": lt}
_NUMBERS = ("age_years", "hours_per_day", "hours_per_week", "chores_hours_per_week")
_LISTS = ("worst_forms", "hazards")


class RulesError(ValueError):
    """A rule file says something that cannot be; the message names the file and the rule."""


@dataclass(frozen=True)
class Test:
    """One test of one fact. `kind` is `is` (true or false), `not_empty`, or a comparison with a number."""

    fact: str
    kind: str
    value: Any = None

    def holds(self, known: Any) -> bool:
        """Whether a known value of the fact passes."""
        if self.kind == "is":
            return bool(known is self.value)
        return bool(known) if self.kind == "not_empty" else COMPARISONS[self.kind](known, self.value)


@dataclass(frozen=True)
class Condition:
    """All the tests must hold, and, where there are alternatives, at least one of them."""

    tests: tuple[Test, ...] = ()
    alternatives: tuple[Condition, ...] = ()

    def all_tests(self) -> Iterator[Test]:
        """Every test in it, those of the alternatives included."""
        yield from self.tests
        for alternative in self.alternatives:
            yield from alternative.all_tests()


@dataclass(frozen=True)
class Rule:
    """A rule: if the condition holds, the work is of this class, by this citation."""

    id: str
    classification: str
    citation: str
    condition: Condition


@dataclass(frozen=True, eq=False)
class RuleSet:
    """One version of one series of rules, in the order in which they are tried. Compared by identity."""

    series: str
    version: str
    valid_from: date
    source: str
    unconfirmed: bool
    rules: tuple[Rule, ...]
    #: Classes, the worst first.
    order: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Severities:
    """The rule of severity; see rules/severity.yaml for what each part means."""

    version: str
    by_class: Mapping[str, str]
    undetermined_at_least: str
    not_mildest: frozenset[str]


@dataclass(frozen=True, eq=False)
class Rules:
    """All the rules that hold on one day. `statistical` is by series (`bps`, `sdg_8_7_1`)."""

    legal: RuleSet
    statistical: Mapping[str, RuleSet]
    severities: Severities


def rules_on(day: date) -> Rules:
    """The rules that hold on a day (WIB). Before the first version of a series its first version stands in.

    Raises RulesError when a rule file is wrong.
    """
    chosen: dict[str, RuleSet] = {}
    for rule_set in _all_rule_sets():
        if rule_set.series not in chosen or rule_set.valid_from <= day:
            chosen[rule_set.series] = rule_set
    return _bundle(tuple(chosen.values()))


@cache
def _bundle(rule_sets: tuple[RuleSet, ...]) -> Rules:
    by_series = {rule_set.series: rule_set for rule_set in rule_sets}
    return Rules(by_series.pop("legal"), by_series, _severities())


@cache
def _all_rule_sets() -> tuple[RuleSet, ...]:
    """Every version of every series, each series in the order of its validity."""
    legal = [_rule_set(entry, "legal", tuple(_severities().by_class)) for entry in read(FOLDER / "legal.yaml")]
    order = tuple(code for code in codes("statistical_class") if code != "unknown")
    statistical = [_rule_set(entry, "statistical", order) for entry in read(FOLDER / "statistical.yaml")]
    return tuple(sorted(legal + statistical, key=lambda rule_set: (rule_set.series, rule_set.valid_from)))


@cache
def _severities() -> Severities:
    file = read(FOLDER / "severity.yaml")
    if set(file["by_class"]) != set(codes("legal_class")) - {"unknown"}:
        raise RulesError("severity.yaml: by_class must name every legal class once")
    unknown = {*file["by_class"].values(), file["undetermined_at_least"]} - set(codes("severity"))
    if unknown:
        raise RulesError(f"severity.yaml: no such severity: {', '.join(sorted(unknown))}")
    return Severities(file["version"], file["by_class"], file["undetermined_at_least"], frozenset(file["not_mildest"]))


def _rule_set(entry: Mapping[str, Any], kind: str, order: tuple[str, ...]) -> RuleSet:
    rules = tuple(_rule(rule, order) for rule in entry["rules"])
    where = f"{kind}.yaml: {entry['series']} {entry['version']}"
    if len({rule.id for rule in rules}) != len(rules):
        raise RulesError(f"{where}: two rules have one id")
    if rules[-1].condition != Condition():
        raise RulesError(f"{where}: the last rule must match always, so that every work has a class")
    return RuleSet(
        entry["series"],
        entry["version"],
        entry["valid_from"],
        entry["source"],
        entry.get("unconfirmed", False),
        rules,
        order,
    )


def _rule(entry: Mapping[str, Any], order: tuple[str, ...]) -> Rule:
    if entry["class"] not in order:
        raise RulesError(f"{entry['id']}: no such class: {entry['class']}")
    try:
        condition = _condition(entry["when"])
    except DomainDataError as error:
        raise RulesError(f"{entry['id']}: {error}") from error
    return Rule(entry["id"], entry["class"], entry["citation"], condition)


def _condition(when: Mapping[str, Any]) -> Condition:
    tests = [test for name, wanted in when.items() if name != "any" for test in _tests(name, wanted)]
    return Condition(tuple(tests), tuple(_condition(part) for part in when.get("any", ())))


def _tests(fact: str, wanted: Any) -> Iterator[Test]:
    if fact in _NUMBERS and isinstance(wanted, Mapping) and wanted and set(wanted) <= set(COMPARISONS):
        yield from (Test(fact, kind, value) for kind, value in wanted.items())
    elif fact in _LISTS and wanted == "not_empty":
        yield Test(fact, "not_empty")
    elif fact in FACTS and fact not in _NUMBERS + _LISTS and isinstance(wanted, bool):
        yield Test(fact, "is", wanted)
    else:
        raise DomainDataError(f"no such test: {fact}: {wanted}")
