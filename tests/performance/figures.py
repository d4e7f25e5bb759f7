"""What a measurement says: a value, its unit, its floor and its goal; and the file in which figures are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured value. `floor` is what it is compared with, `ratio` value/floor; `goal` and `met` where asked."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    goal: str | None = None
    met: bool | None = None


def at_most(name: str, value: float, unit: str, goal: float) -> Figure:
    """A figure that should not exceed its goal."""
    return Figure(name, round(value, 3), unit, goal=f"at most {goal:g}", met=value <= goal)


def share(name: str, value: float, floor: float, unit: str, goal: float | None = None) -> Figure:
    """A figure as a share of its floor, which should be at least the goal."""
    ratio = round(value / floor, 3) if floor else None
    wanted = f"at least {goal:g} of the floor" if goal is not None else None
    met = None if goal is None or ratio is None else ratio >= goal
    return Figure(name, round(value, 1), unit, floor=round(floor, 1), ratio=ratio, goal=wanted, met=met)


LITTLE, MUCH = 10_000, 1_000_000


def grown(
    what: str, unit: str, fill: Callable[[int], None], measured: Callable[[int], tuple[float, float]]
) -> list[Figure]:
    """The same figure with LITTLE and with MUCH there already, each beside its floor; what the second is of the first.

    `fill(n)` adds n entries to what is there; `measured(n)` gives value and floor with n entries there.
    """
    found, there = [], 0
    for entries in (LITTLE, MUCH):
        fill(entries - there)
        there = entries
        found.append(share(f"{what}, {entries:,} entries before it", *measured(entries), unit))
    little, much = (figure.ratio or 0.0 for figure in found)
    return [*found, share(f"{what}, with the many entries beside the few", much, little, "of the floor", 0.9)]


def keep(path: Path, measured: Sequence[Figure], at: datetime) -> None:
    """Puts figures that were measured `at` a moment (aware) into a JSON file, each in the place of its earlier one.

    A figure is known by its name; those that were not measured this time stay, with the time of their own measurement.
    Raises ValueError for a file that is none of ours.
    """
    figures = {figure["name"]: figure for figure in json.loads(path.read_text("utf-8"))} if path.exists() else {}
    measured_at = at.isoformat(timespec="seconds")
    figures |= {figure.name: {**asdict(figure), "measured_at": measured_at} for figure in measured}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(list(figures.values()), indent=2) + "\n", "utf-8")
    beside.replace(path)
