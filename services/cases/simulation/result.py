"""What was seen while cases were played, and what it comes to: waits by stage, deadlines, queues."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.cases.engine.definition import Definition


@dataclass
class Result:
    """One run. Times are working days.

    `stays`: stage -> how long each stay was that has ended; `free`: stage -> how long each piece of work there waited
    for somebody free. `begun`, `breached`: deadline -> how often. `queues`: who is waited for -> how many waited, at
    noon of each working day of `days`. `arrived` is `closed` and `open` together.
    """

    definition: Definition
    arrived: int = 0
    closed: int = 0
    ways: list[float] = field(default_factory=list)
    came: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    stays: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    free: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    begun: Counter[str] = field(default_factory=Counter)
    at_risk: Counter[str] = field(default_factory=Counter)
    breached: Counter[str] = field(default_factory=Counter)
    days: list[date] = field(default_factory=list)
    queues: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def open(self) -> int:
        """Cases that are in a stage that is not final, when the run ends."""
        return sum(number for stage, number in self.there.items() if not self.definition.stages[stage].final)

    @property
    def most_broken(self) -> str | None:
        """The deadline that is breached most often, the one that was first if several are; None if none ever is."""
        return max(self.breached, key=lambda name: self.breached[name], default=None)

    def stages(self) -> list[dict[str, Any]]:
        """A row for each stage that is not final, in the definition's order."""
        return [
            {
                "stage": name,
                "came": self.came[name],
                "still_there": self.there[name],
                "stayed_median": middle(self.stays[name]),
                "stayed_p90": ninth(self.stays[name]),
                "waited_median": middle(self.free[name]),
                "waited_p90": ninth(self.free[name]),
            }
            for name, stage in self.definition.stages.items()
            if not stage.final and self.came[name]
        ]

    def deadlines(self) -> list[dict[str, Any]]:
        """A row for each deadline that began, the most often breached first."""
        rows = [
            {
                "deadline": name,
                "begun": self.begun[name],
                "at_risk": self.at_risk[name],
                "breached": self.breached[name],
                "share": round(self.breached[name] / self.begun[name], 3),
            }
            for name in self.begun
        ]
        return sorted(rows, key=lambda row: (-row["breached"], row["deadline"]))

    def lines(self) -> list[dict[str, Any]]:
        """A row for each queue: people by role, agencies by kind of referral."""
        return [
            {
                "waiting_for": name,
                "on_average": round(statistics.fmean(each), 1),
                "longest": max(each),
                "at_the_end": each[-1],
            }
            for name, each in self.queues.items()
            if each
        ]

    def summary(self) -> dict[str, Any]:
        """The whole run in a row, to be compared with others."""
        begun = sum(self.begun.values())
        return {
            "arrived": self.arrived,
            "closed": self.closed,
            "open": self.open,
            "to_closure_median": middle(self.ways),
            "to_closure_p90": ninth(self.ways),
            "breached": sum(self.breached.values()),
            "share": round(sum(self.breached.values()) / begun, 3) if begun else 0.0,
        }


def middle(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return round(statistics.median(values), 2) if values else None


def ninth(values: Sequence[float]) -> float | None:
    """The smallest value that at least nine tenths of all do not exceed; None of nothing."""
    return round(sorted(values)[math.ceil(0.9 * len(values)) - 1], 2) if values else None
