"""What would change: the same cases with one more case worker, and with one deadline longer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from services.cases.engine.definition import HOURS, WORKING_DAYS, DeadlineRule, Definition, Duration
from services.cases.simulation.figures import Figures, hours_a_day
from services.cases.simulation.play import play
from services.cases.simulation.result import Result

Told = Callable[[str, int], None]


@dataclass(frozen=True)
class Variant:
    """A run, and what it says is different in it."""

    what: str
    result: Result


def compared(
    definition: Definition,
    figures: Figures,
    cases: int,
    seed: int,
    deadline: tuple[str, int] | None = None,
    told: Told = lambda what, arrived: None,
) -> list[Variant]:
    """The run as it is given, then each with one difference. All draw the same cases and the same chances.

    `deadline`: its name, and how many days longer; without one, a day more for the one that is breached most often.
    Raises KeyError for a deadline that there is not, ValueError if nothing would be left of it.
    """
    role = definition.managed_by[0]
    longer_one = None if deadline is None else longer(definition, *deadline)

    def run(what: str, definition: Definition = definition, figures: Figures = figures) -> Variant:
        return Variant(what, play(definition, figures, cases, seed, lambda arrived: told(what, arrived)))

    given = run("as given")
    more = {**figures.people, role: figures.people[role] + 1}
    found = [given, run(f"one more {role}", figures=replace(figures, people=more))]
    if deadline is None and given.result.most_broken is not None:
        deadline = given.result.most_broken, 1
        longer_one = longer(definition, *deadline)
    if deadline is not None and longer_one is not None:
        name, days = deadline
        found.append(run(f"{name} {days:+d} day{'s' if abs(days) > 1 else ''}", definition=longer_one))
    return found


def longer(definition: Definition, name: str, days: int) -> Definition:
    """A definition in which one deadline is so many days longer: working days, or days by the clock where it counts in
    hours. Raises KeyError for a deadline that there is not, ValueError if nothing would be left of it."""
    rule = definition.rule(name)
    if rule is None:
        raise KeyError(name)
    changed = _longer(rule, days)
    what, _, kind = name.partition(":")
    if not kind:
        return replace(definition, deadlines={**definition.deadlines, name: changed})
    referral = definition.referrals[kind]
    referral = replace(referral, response=changed) if what == "response" else replace(referral, service=changed)
    return replace(definition, referrals={**definition.referrals, kind: referral})


def _longer(rule: DeadlineRule, days: int) -> DeadlineRule:
    within = {value: _more(each, days) for value, each in rule.within.items()}
    if any(each.amount <= 0 for each in within.values()):
        raise ValueError(f"{rule.name}: nothing would be left of it")
    return replace(rule, within=within)


def _more(length: Duration, days: int) -> Duration:
    day = {HOURS: 24.0, WORKING_DAYS: 1.0}.get(length.unit, hours_a_day())
    return replace(length, amount=length.amount + days * day)
