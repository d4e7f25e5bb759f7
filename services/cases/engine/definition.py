"""What a workflow definition says, as the engine reads it: stages, steps, facts, consents, referrals, deadlines.

Values only; how they are written in YAML and what is wrong with a file is reading.py's, what they do is decide.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from services.cases.engine.guards import Guard
from shared.domain.working_time import (
    add_working_days,
    add_working_hours,
    working_days_before,
    working_days_between,
    working_hours_before,
    working_hours_between,
)

OF_REPORT = "report"
"""What the names of deadlines begin with that a report has which joins a case."""

HOURS, WORKING_HOURS, WORKING_DAYS = "hours", "working_hours", "working_days"
UNITS = (HOURS, WORKING_HOURS, WORKING_DAYS)

Names = Mapping[str, str]
"""What something is called, by language."""


@dataclass(frozen=True)
class Duration:
    """A length of time: clock hours, office hours, or working days (WIB)."""

    amount: float
    unit: str = HOURS

    def after(self, moment: datetime) -> datetime:
        """The moment that lies this long after another."""
        return later(moment, self.amount, self.unit)

    def before(self, moment: datetime) -> datetime:
        """The moment that lies this long before another."""
        if self.unit == WORKING_DAYS:
            return working_days_before(moment, int(self.amount))
        if self.unit == WORKING_HOURS:
            return working_hours_before(moment, self.amount)
        return moment - timedelta(hours=self.amount)

    def between(self, start: datetime, end: datetime) -> Duration:
        """How much of this unit lies between two moments; none if the end is not after the start."""
        if self.unit == WORKING_DAYS:
            return Duration(working_days_between(start, end), WORKING_DAYS)
        if self.unit == WORKING_HOURS:
            return Duration(working_hours_between(start, end), WORKING_HOURS)
        return Duration(max((end - start) / timedelta(hours=1), 0.0))

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit.replace('_', ' ')}"


def later(moment: datetime, amount: float, unit: str) -> datetime:
    """The moment that lies so many of a unit after another."""
    if unit == WORKING_DAYS:
        return add_working_days(moment, int(amount))
    if unit == WORKING_HOURS:
        return add_working_hours(moment, amount)
    return moment + timedelta(hours=amount)


@dataclass(frozen=True)
class Fact:
    """Something that a step records, out of a finite list: a guard may use no other."""

    name: str
    names: Names
    values: tuple[str, ...]
    labels: Mapping[str, Names] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A place where a case can be. Nothing is due in one that is `final`, and only `reopens` steps leave it."""

    name: str
    names: Names
    final: bool = False


@dataclass(frozen=True)
class Branch:
    """Where a step leads if its guard holds; without a guard, always."""

    stage: str
    when: Guard | None = None


@dataclass(frozen=True)
class Step:
    """What somebody can do to a case. Without `to` the case stays where it is.

    `records` must be given, `may_record` can be; `when` is asked before the step, the branches of `to` after its facts
    are in. `forgets` are facts that are no longer true of the case where their condition holds then: what was done for
    an earlier danger is not done for a new one. `by` are the roles that take it, in an agency of one of `agency_kinds`
    (of any, if none is named); `approved_by` are the roles of the second person, none if none is needed.
    """

    name: str
    names: Names
    origins: tuple[str, ...]
    to: tuple[Branch, ...]
    by: tuple[str, ...]
    agency_kinds: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    may_record: tuple[str, ...] = ()
    forgets: Mapping[str, Guard] = field(default_factory=dict)
    when: Guard | None = None
    consents: tuple[str, ...] = ()
    approved_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeadlineRule:
    """How long something may take. `within` is by the value of the fact or attribute `by`, or under "" for all.

    It is at risk `remind` before it is due, breached when due (escalated to these roles, once), and what belongs to it
    (a referral) expires `expires` after that.
    """

    name: str
    names: Names
    stages: tuple[str, ...]
    within: Mapping[str, Duration]
    by: str = ""
    remind: Duration | None = None
    escalate_to: tuple[str, ...] = ()
    expires: Duration | None = None

    def length(self, known: Mapping[str, Any]) -> Duration | None:
        """The length for a case of which so much is known; None if it says nothing of this one."""
        value = str(known.get(self.by)) if self.by else ""
        return self.within.get(value, self.within.get("otherwise"))


@dataclass(frozen=True)
class ReferralKind:
    """A service that another agency gives: which kinds of agency, by which consents, and what of the record it sees.

    `service_kind` is the service as the directory of agencies knows it; None: whoever is of a right kind gives it.
    """

    name: str
    names: Names
    agency_kinds: tuple[str, ...]
    stages: tuple[str, ...]
    consents: tuple[str, ...]
    sees: tuple[str, ...]
    outcomes: Mapping[str, Names]
    response: DeadlineRule
    service: DeadlineRule | None = None
    service_kind: str | None = None


@dataclass(frozen=True)
class Invariant:
    """What must hold in every state that a case can reach: `never` must be false there."""

    name: str
    names: Names
    never: Guard


@dataclass(frozen=True)
class Pause:
    """A reason for which deadlines of a case stand still, and which."""

    name: str
    names: Names
    deadlines: tuple[str, ...]


@dataclass(frozen=True)
class TakesOver:
    """How cases of an older version come to this one: the words that are called otherwise there, by their old word.

    A word that is not named keeps its name; one that leads to None is dropped. `values` are of an old fact.
    """

    version: int
    stages: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str | None] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    consents: Mapping[str, str | None] = field(default_factory=dict)
    referrals: Mapping[str, str] = field(default_factory=dict)
    pauses: Mapping[str, str | None] = field(default_factory=dict)
    deadlines: Mapping[str, str] = field(default_factory=dict)

    def stage(self, name: str) -> str:
        """What an old stage is called."""
        return self.stages.get(name, name)

    def value(self, fact: str, value: str) -> str:
        """What a value of an old fact is called."""
        return self.values.get(fact, {}).get(value, value)

    def translated(self, facts: Mapping[str, str]) -> dict[str, str]:
        """Old facts in new words, without those that are dropped."""
        named = {fact: self.facts.get(fact, fact) for fact in facts}
        return {name: self.value(fact, facts[fact]) for fact, name in named.items() if name is not None}

    def deadline(self, name: str) -> str:
        """What an old deadline is called: a stage's, that of a kind of referral, or of a report that joined."""
        what, _, kind = name.partition(":")
        if what == OF_REPORT:
            return f"{what}:{self.deadlines.get(kind, kind)}"
        return f"{what}:{self.referrals.get(kind, kind)}" if kind else self.deadlines.get(name, name)


@dataclass(frozen=True)
class Definition:
    """One version of a workflow. `begins` is the stage of a new case; the reasons are codes."""

    name: str
    version: int
    names: Names
    begins: str
    stages: Mapping[str, Stage]
    facts: Mapping[str, Fact]
    consents: Mapping[str, Names]
    steps: Mapping[str, Step]
    deadlines: Mapping[str, DeadlineRule]
    referrals: Mapping[str, ReferralKind]
    pauses: Mapping[str, Pause]
    invariants: Mapping[str, Invariant]
    managed_by: tuple[str, ...]
    answered_by: tuple[str, ...]
    decline_reasons: Mapping[str, Names]
    revoke_reasons: Mapping[str, Names]
    takes_over: TakesOver | None = None
    marks: Mapping[tuple[str | int, ...], tuple[int, int]] = field(default_factory=dict, repr=False, compare=False)
    """Line and column (from 1) of what stands at a path of the file: how a fault found later gets its place."""

    @property
    def id(self) -> str:
        """Name and version, as a case keeps it."""
        return f"{self.name}@{self.version}"

    @cached_property
    def of_stage(self) -> Mapping[str, Sequence[DeadlineRule]]:
        """Stage -> the rules of the deadlines that begin with it."""
        rules = self.deadlines.values()
        return {stage: [rule for rule in rules if stage in rule.stages] for stage in self.stages}

    def rule(self, name: str) -> DeadlineRule | None:
        """A deadline's rule by its name: a stage's, `response:<kind>` and `service:<kind>`, or `report:<deadline>`."""
        what, _, kind = name.partition(":")
        if not kind:
            return self.deadlines.get(name)
        if what == OF_REPORT:
            return None if kind not in self.deadlines else replace(self.deadlines[kind], name=name)
        referral = self.referrals.get(kind)
        if referral is None:
            return None
        return referral.response if what == "response" else referral.service

    def rules(self) -> list[DeadlineRule]:
        """The rules of all deadlines that there are: of stages, of referrals, of reports that join a case."""
        of_kinds = (rule for kind in self.referrals.values() for rule in (kind.response, kind.service))
        return [*self.deadlines.values(), *(rule for rule in of_kinds if rule is not None), *self.of_reports()]

    def of_reports(self) -> list[DeadlineRule]:
        """The rules of a report that joins a case: it is read in the time in which a new one is screened."""
        rules = (
            self.rule(f"{OF_REPORT}:{each.name}") for each in self.deadlines.values() if self.begins in each.stages
        )
        return [rule for rule in rules if rule is not None]
