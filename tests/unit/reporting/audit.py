"""What a reader can conclude from a released table, computed exactly: a linear programme per hidden number.

The reader knows every number shown, every sum that was given for part of a year, what each mark means, and which hidden
numbers are no small ones (the marks tell). Shares no code with the product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
from scipy.optimize import linprog

Place = tuple[int, int]


@dataclass(frozen=True)
class Release:
    """A table with totals in its last row and column: a number, "small" or "withheld" in each place."""

    cells: Sequence[Sequence[int | str]]
    #: Further sums that were given: places -> what they add up to.
    sums: Mapping[tuple[Place, ...], int]

    def ranges(self) -> dict[Place, tuple[float, float]]:
        """For each hidden place the least and the greatest number that fits everything the reader knows."""
        rows, columns = len(self.cells), len(self.cells[0])
        number = {(row, column): row * columns + column for row in range(rows) for column in range(columns)}
        equations, results = [], []

        def equation(plus: Sequence[Place], minus: Sequence[Place], result: int) -> None:
            line = numpy.zeros(rows * columns)
            line[[number[place] for place in plus]] = 1
            line[[number[place] for place in minus]] = -1
            equations.append(line)
            results.append(result)

        for row in range(rows):
            equation([(row, column) for column in range(columns - 1)], [(row, columns - 1)], 0)
        for column in range(columns):
            equation([(row, column) for row in range(rows - 1)], [(rows - 1, column)], 0)
        for places, result in self.sums.items():
            equation(places, [], result)
        bounds = [self._bounds((row, column)) for row in range(rows) for column in range(columns)]
        found = {}
        for place, index in number.items():
            if isinstance(self.cells[place[0]][place[1]], int):
                continue
            goal = numpy.zeros(rows * columns)
            goal[index] = 1
            edges = []
            for direction in (1, -1):
                answer = linprog(direction * goal, A_eq=numpy.array(equations), b_eq=results, bounds=bounds)
                # 3: unbounded, a reader knows no limit on that side
                edges.append(answer.fun * direction if answer.status == 0 else direction * -numpy.inf)
                assert answer.status in (0, 3), f"the release contradicts itself: {answer.message}"
            found[place] = (edges[0], edges[1])
        return found

    def _bounds(self, place: Place) -> tuple[float, float | None]:
        cell = self.cells[place[0]][place[1]]
        if cell == "small":
            return 1, 4
        if cell == "withheld":
            is_total = place[0] == len(self.cells) - 1 or place[1] == len(self.cells[0]) - 1
            return 1 if is_total else 5, None
        return cell, cell
