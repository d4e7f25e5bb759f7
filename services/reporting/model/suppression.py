"""Which numbers of a table are hidden so that no small one can be read, or computed from the others.

A table here is one calendar year: kecamatan by month with all totals. Numbers from 1 to 4 are hidden, then as many
others as it takes. The promise, for whoever knows every number shown, every mark, and this program: a number marked
SMALL may still be any of 1, 2, 3, 4; a small total keeps at least four possible values; no hidden number is certain.

How: the hidden numbers may change together along a closed path that turns alternately in rows and columns, one step up
here and one down there, so that every sum that is shown stays as it is. For each small number such paths are searched
for, the cheapest first, and all numbers on them are hidden. Each search ends with another table that fits everything
shown, which proves the promise; hiding more later cannot undo it. (Network-flow method of cell suppression; tests
check the result with linear programmes.) Zeros are shown.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from functools import lru_cache

#: Marks. SMALL tells that the number is from 1 to 4; WITHHELD tells nothing but that it is not zero.
SHOWN, SMALL, WITHHELD = "", "small", "withheld"
THRESHOLD = 5
#: A hidden small number keeps so many possible values beside its own.
WIDTH = THRESHOLD - 2

# What it costs a reader to lose a number that was not yet hidden: totals are worth more, the year's total most.
_COST_HIDDEN, _COST_INNER, _COST_MONTH, _COST_ROW, _COST_ALL = 1, 100, 250, 400, 2000

Grid = tuple[tuple[int, ...], ...]
Marks = tuple[tuple[str, ...], ...]


def is_small(value: int) -> bool:
    """Whether a number is hidden for its own sake."""
    return 0 < value < THRESHOLD


def with_totals(counts: Sequence[Sequence[int]]) -> Grid:
    """The table with a last column and a last row of totals."""
    rows = [(*row, sum(row)) for row in counts]
    return (*rows, tuple(sum(column) for column in zip(*rows, strict=True)))


@lru_cache(maxsize=256)
def marks(grid: Grid) -> Marks:
    """A mark for every number of a table with its totals (`with_totals`)."""
    table = _Table(grid)
    small = [place for place in table.places() if is_small(table.value(place))]
    table.hidden.update(small)
    for place in small:
        table.protect(place)
    return tuple(tuple(table.mark((row, column)) for column in range(table.columns)) for row in range(table.rows))


Place = tuple[int, int]


class _Table:
    """One table while it is being protected. The last row and the last column are the totals."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.rows, self.columns = len(grid), len(grid[0])
        self.hidden: set[Place] = set()

    def places(self) -> list[Place]:
        return [(row, column) for row in range(self.rows) for column in range(self.columns)]

    def value(self, place: Place) -> int:
        return self.grid[place[0]][place[1]]

    def mark(self, place: Place) -> str:
        if place not in self.hidden:
            return SHOWN
        return SMALL if is_small(self.value(place)) and not self._is_total(place) else WITHHELD

    def protect(self, place: Place) -> None:
        """Hides what it takes for the small number at `place` to keep its other possible values."""
        value = self.value(place)
        if self._is_total(place):
            up = self._move(place, +1, WIDTH)
            down = self._move(place, -1, WIDTH - up)
            enough = up + down == WIDTH
        else:
            up, down = THRESHOLD - 1 - value, value - 1
            enough = self._move(place, +1, up) == up and self._move(place, -1, down) == down
        if not enough:
            # By way of the totals there is always a path; this would be a fault of the program, and must not leak.
            raise AssertionError("a small number could not be protected")

    def _move(self, place: Place, step: int, times: int) -> int:
        """Moves the number at `place` in a copy of the table, hiding what moves with it. How often it could."""
        values = {each: self.value(each) for each in self.places()}
        for done in range(times):
            if not self._may_move(values, place, step):
                return done
            path = self._path(values, place, step)
            if path is None:
                return done
            values[place] += step
            for other, move in path:
                values[other] += move
            self.hidden.update(other for other, _ in path)
        return times

    def _path(self, values: dict[Place, int], start: Place, step: int) -> list[tuple[Place, int]] | None:
        """The cheapest moves that make up for one step at `start`: from its row by turns back to its column.

        Totals count negatively in the sum of their line, so that every line adds up to zero.
        """
        signed = step * self._sign(start)
        first, goal = ("row", start[0]), ("column", start[1])
        best: dict[tuple[str, int], int] = {first: 0}
        came: dict[tuple[str, int], tuple[tuple[str, int], Place, int]] = {}
        waiting = [(0, first)]
        while waiting:
            cost, node = heapq.heappop(waiting)
            if node == goal:
                break
            if cost > best[node]:
                continue
            kind, index = node
            for other in range(self.columns if kind == "row" else self.rows):
                place = (index, other) if kind == "row" else (other, index)
                move = (-signed if kind == "row" else signed) * self._sign(place)
                if place == start or not self._may_move(values, place, move):
                    continue
                following = ("column" if kind == "row" else "row", other)
                total = cost + self._cost(place)
                if total < best.get(following, total + 1):
                    best[following] = total
                    came[following] = (node, place, move)
                    heapq.heappush(waiting, (total, following))
        if goal not in came:
            return None
        path, node = [], goal
        while node != first:
            node, place, move = came[node]
            path.append((place, move))
        return path

    def _may_move(self, values: dict[Place, int], place: Place, move: int) -> bool:
        """Whether a reader would hold the number possible after the move, if the place were hidden."""
        true, moved = self.value(place), values[place] + move
        if true == 0:
            return False  # zeros are shown
        if self._is_total(place):
            return moved >= 1
        return 1 <= moved < THRESHOLD if is_small(true) else moved >= THRESHOLD

    def _cost(self, place: Place) -> int:
        if place in self.hidden:
            return _COST_HIDDEN
        in_last_row, in_last_column = place[0] == self.rows - 1, place[1] == self.columns - 1
        if in_last_row and in_last_column:
            return _COST_ALL
        return _COST_MONTH if in_last_row else _COST_ROW if in_last_column else _COST_INNER

    def _is_total(self, place: Place) -> bool:
        return place[0] == self.rows - 1 or place[1] == self.columns - 1

    def _sign(self, place: Place) -> int:
        return -1 if (place[0] == self.rows - 1) != (place[1] == self.columns - 1) else 1
