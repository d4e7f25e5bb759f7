"""What is assumed about a city: how many cases come, who works there, how long things take, what is chosen how often.

Values only; how they are written in YAML is reading.py's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from services.cases.engine.definition import HOURS, WORKING_DAYS, Duration
from shared.domain.working_time import add_working_hours, calendar, working_hours_between

P90 = 1.2815515655446004
"""How many standard deviations the ninth decile of a normal distribution lies above its middle."""


def hours_a_day() -> float:
    """How many hours the offices are open on a working day."""
    city = calendar()
    return (city.closes.hour - city.opens.hour) + (city.closes.minute - city.opens.minute) / 60


def working_days(start: datetime, end: datetime) -> float:
    """How many days of office time lie between two moments."""
    return working_hours_between(start, end) / hours_a_day()


@dataclass(frozen=True)
class Length:
    """A length of time that differs: half are shorter than `median`, one in ten is longer than `p90` (log-normal).

    Both are in `unit`. If they are equal it is always the same.
    """

    median: float
    p90: float
    unit: str

    def after(self, moment: datetime, random: Random) -> datetime:
        """The moment that lies such a length after another, in whole seconds."""
        amount = self.median
        if self.p90 > self.median:
            amount = random.lognormvariate(math.log(self.median), math.log(self.p90 / self.median) / P90)
        if self.unit == HOURS:
            later = Duration(amount).after(moment)
        else:
            later = add_working_hours(moment, amount * (hours_a_day() if self.unit == WORKING_DAYS else 1))
        return later if not later.microsecond else later.replace(microsecond=0) + timedelta(seconds=1)


Weights = Mapping[str, float]
"""By name; what is chosen twice as often has twice the weight."""


@dataclass(frozen=True)
class Work:
    """A step: it is begun no sooner than `after` it was chosen, takes somebody `work`, and records these facts."""

    work: Length
    after: Length | None = None
    facts: Mapping[str, Weights] = field(default_factory=dict)


@dataclass(frozen=True)
class Agencies:
    """The agencies of a kind of referral: so many, with `places` each for what they serve at a time.

    `needed`: stage -> the share of the cases that need it there. A referral waits for a place, then `answer` until it
    is accepted or declined (a share), `begin` until the service starts, and `service` until it ends.
    """

    needed: Weights
    number: int
    places: int
    answer: Length
    begin: Length
    service: Length
    declines: float
    outcomes: Weights


@dataclass(frozen=True)
class Figures:
    """All of them. Lengths of people's work are office time; `people` is by role."""

    begins: date
    runs_on: Length
    per_day: float
    about: Mapping[str, Weights]
    people: Mapping[str, int]
    choices: Mapping[str, Weights]
    steps: Mapping[str, Work]
    approval: Length
    rejected: float
    consent: Length
    request: Length
    referrals: Mapping[str, Agencies]
