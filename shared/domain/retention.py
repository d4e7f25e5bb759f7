"""How long what identifies somebody is kept, from retention.yaml: rules, and which of them fits an ended case.

It knows no database and erases nothing; intake proposes by it, a person decides.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from shared.domain.data import FOLDER, DomainDataError, names, read
from shared.domain.working_time import wib_date

_WHEN = ("enforcement", "stages", "reasons")
_RULE = {"id", "en", "when", "months", "basis", "unconfirmed"}
LONGEST_MONTHS = 600


@dataclass(frozen=True)
class Ended:
    """An ended case, as far as the rules ask: the stage, the reasons that were recorded, the services that were given.

    A service is `kind:outcome` (`police:helped`); all are words of the workflow.
    """

    stage: str
    reasons: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rule:
    """One rule. None in a condition means that it does not ask.

    `names` and `legal_basis` are by language; `unconfirmed` says that no source confirmed the period.
    """

    rule: str
    names: Mapping[str, str]
    months: int
    legal_basis: Mapping[str, str]
    source: str
    unconfirmed: bool
    enforcement: bool | None
    stages: frozenset[str] | None
    reasons: frozenset[str] | None

    @property
    def always(self) -> bool:
        """Whether it fits every ended case."""
        return self.enforcement is None and self.stages is None and self.reasons is None

    def over_on(self, ended_at: datetime) -> date:
        """The last day (WIB) of the period of what ended at this moment."""
        return months_after(wib_date(ended_at), self.months)


@dataclass(frozen=True)
class Retention:
    """The content of retention.yaml. `enforced_by` are the services (`kind:outcome`) by which the law is enforced."""

    version: int
    wait_hours: int
    enforced_by: frozenset[str]
    rules: Mapping[str, Rule]

    def rule_for(self, ended: Ended) -> Rule:
        """The first rule that fits; there is always one."""
        return next(rule for rule in self.rules.values() if self._fits(rule, ended))

    @property
    def shortest(self) -> int:
        """The shortest period, in months: before that nothing can be over."""
        return min(rule.months for rule in self.rules.values())

    @property
    def longest(self) -> int:
        """The longest period, in months."""
        return max(rule.months for rule in self.rules.values())

    def _fits(self, rule: Rule, ended: Ended) -> bool:
        enforced = not self.enforced_by.isdisjoint(ended.services)
        return (
            rule.enforcement in (None, enforced)
            and (rule.stages is None or ended.stage in rule.stages)
            and (rule.reasons is None or not rule.reasons.isdisjoint(ended.reasons))
        )


@cache
def retention() -> Retention:
    """The rules. Raises DomainDataError for a file that says what cannot be."""
    return parse(read(FOLDER / "retention.yaml"))


def parse(file: Mapping[str, Any]) -> Retention:
    """The rules of a file that was read. Raises DomainDataError, which names the entry."""
    _only(file, {"version", "wait_hours", "enforcement", "bases", "rules"}, "retention.yaml")
    enforcement = file["enforcement"]
    _only(enforcement, {"kinds", "outcomes"}, "retention.yaml: enforcement")
    rules = {name: _rule(name, entry, file["bases"]) for name, entry in file["rules"].items()}
    if not rules or [name for name, rule in rules.items() if rule.always] != list(rules)[-1:]:
        raise DomainDataError("retention.yaml: of the rules the last, and only it, has no `when`")
    return Retention(
        version=_whole(file["version"], 1, 10_000, "retention.yaml: version"),
        wait_hours=_whole(file["wait_hours"], 1, 24 * 90, "retention.yaml: wait_hours"),
        enforced_by=frozenset(
            f"{kind}:{outcome}" for kind in enforcement["kinds"] for outcome in enforcement["outcomes"]
        ),
        rules=rules,
    )


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or the last of that month where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _rule(name: str, entry: Mapping[str, Any], bases: Mapping[str, Any]) -> Rule:
    where = f"retention.yaml: rules.{name}"
    _only(entry, _RULE, where)
    if entry["basis"] not in bases:
        raise DomainDataError(f"{where}: there is no basis {entry['basis']!r}")
    when = entry.get("when", {})
    _only(when, set(_WHEN), f"{where}.when")
    if not isinstance(when.get("enforcement"), bool | None):
        raise DomainDataError(f"{where}: enforcement is true or false")
    basis = bases[entry["basis"]]
    return Rule(
        rule=name,
        names=names(entry, where),
        months=_whole(entry["months"], 1, LONGEST_MONTHS, f"{where}: months"),
        legal_basis=names(basis, f"retention.yaml: bases.{entry['basis']}"),
        source=basis["source"],
        unconfirmed=entry.get("unconfirmed", False),
        enforcement=when.get("enforcement"),
        stages=_words(when.get("stages"), where),
        reasons=_words(when.get("reasons"), where),
    )


def _only(entry: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Refuses a key that nobody reads: a condition that is misspelt would fit everything."""
    if unknown := sorted(set(entry) - set(known)):
        raise DomainDataError(f"{where}: {', '.join(map(str, unknown))} is not known here")


def _whole(value: Any, least: int, most: int, where: str) -> int:
    if type(value) is not int or not least <= value <= most:
        raise DomainDataError(f"{where}: a whole number from {least} to {most}")
    return value


def _words(value: Any, where: str) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise DomainDataError(f"{where}: a list of words")
    return frozenset(value)
