"""The city while cases are played: its time, its people and agencies, and the reports that come in."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime, time, timedelta
from random import Random
from typing import Any

import simpy

from services.cases.engine.definition import Definition
from services.cases.simulation.case import PlayedCase
from services.cases.simulation.figures import Figures, hours_a_day
from services.cases.simulation.result import Result
from shared.domain.working_time import WIB, add_working_hours, calendar, is_working_day

Progress = Callable[[int], None]
Waiting = Generator[simpy.Event, Any, None]


def play(
    definition: Definition, figures: Figures, cases: int, seed: int, progress: Progress = lambda arrived: None
) -> Result:
    """Plays so many cases, and `runs_on` after the last has come. `progress` is told how many have come."""
    return City(definition, figures, cases, seed, progress).run()


class City:
    """Time in whole seconds since the offices open on the first day; a queue for each role and each agency."""

    def __init__(self, definition: Definition, figures: Figures, cases: int, seed: int, progress: Progress) -> None:
        self.definition, self.figures, self.seed = definition, figures, seed
        self.result = Result(definition)
        self.env = simpy.Environment()
        self._start = datetime.combine(figures.begins, calendar().opens, WIB)
        self._cases, self._progress = cases, progress
        self.people = {
            role: simpy.PriorityResource(self.env, capacity=number) for role, number in figures.people.items()
        }
        self.agencies = {
            kind: {
                f"agency-{kind}-{number}": simpy.Resource(self.env, capacity=each.places)
                for number in range(1, each.number + 1)
            }
            for kind, each in figures.referrals.items()
        }

    @property
    def now(self) -> datetime:
        """The moment that it is in the city."""
        return self._start + timedelta(seconds=self.env.now)

    def until(self, moment: datetime) -> simpy.Event:
        """Comes at a moment, at once if it has passed."""
        wait = moment - self.now
        return self.env.timeout(max(0, -(-wait // timedelta(seconds=1))))

    def random(self, *purpose: object) -> Random:
        """Chance of its own for each purpose: two runs that differ in one figure draw the same for all else."""
        return Random("/".join(map(str, (self.seed, *purpose))))  # noqa: S311 - a game of chance, no secret

    def agency(self, kind: str, without: set[str]) -> str | None:
        """The agency with the least to do, without those; None if none is left."""
        busy = {name: each.count + len(each.queue) for name, each in self.agencies[kind].items() if name not in without}
        return min(busy, key=lambda name: busy[name], default=None)

    def suitable(self, kind: str) -> tuple[str, ...]:
        """All agencies of a kind, those with little to do first."""
        there = self.agencies[kind]
        return tuple(sorted(there, key=lambda name: (there[name].count + len(there[name].queue), name)))

    def run(self) -> Result:
        """Everything that happens until the end."""
        self.env.process(self._noons())
        self.env.run(until=self.env.process(self._arrivals()))
        return self.result

    def _arrivals(self) -> Waiting:
        random = self.random("arrivals")
        for number in range(self._cases):
            if number:
                yield self.until(add_working_hours(self.now, random.expovariate(self.figures.per_day) * hours_a_day()))
            case = PlayedCase(self, number)
            self.env.process(case.life())
            self._progress(number + 1)
        yield self.until(self.figures.runs_on.after(self.now, self.random("end")))

    def _noons(self) -> Waiting:
        """Counts who waits, at noon of each working day."""
        day = self.figures.begins
        while True:
            if is_working_day(day):
                yield self.until(datetime.combine(day, time(12), WIB))
                self.result.days.append(day)
                for role, people in self.people.items():
                    self.result.queues[role].append(len(people.queue))
                for kind, agencies in self.agencies.items():
                    self.result.queues[kind].append(sum(len(each.queue) for each in agencies.values()))
            day += timedelta(days=1)
