"""The one result object: an indicator by kecamatan and month. Page, chart and JSON show the same `Table`.

For those who may not read exact numbers every figure is taken from one protected table per calendar year
(suppression.py): the cells of a period are those of its years, and a total is given only where it follows from numbers
that are shown. So two questions together never tell more than the protected years do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.reporting.model import months as calendar
from services.reporting.model import suppression
from services.reporting.model.indicators import Indicator
from services.reporting.model.suppression import SHOWN, WITHHELD, is_small

#: (kecamatan, month) -> measure -> count, over whole calendar years.
Counts = Mapping[tuple[str, str], Mapping[str, int]]


@dataclass(frozen=True)
class Cell:
    """One figure: a count, or a percentage with its parts. `value` is None where it is hidden, or where the
    denominator is zero (then `mark` is empty)."""

    value: float | None
    mark: str = SHOWN
    numerator: int | None = None
    denominator: int | None = None


HIDDEN = Cell(None, WITHHELD)


@dataclass(frozen=True)
class Row:
    """One kecamatan (its code): a cell for each month, and the total over them."""

    kecamatan: str
    cells: tuple[Cell, ...]
    total: Cell


@dataclass(frozen=True)
class Table:
    """An indicator by kecamatan and month of receipt (WIB). `totals` has the whole city (or the one kecamatan that was
    asked for) for each month, `total` for the period. `exact` says that nothing was hidden for secrecy."""

    indicator: Indicator
    months: tuple[str, ...]
    rows: tuple[Row, ...]
    totals: tuple[Cell, ...]
    total: Cell
    exact: bool


def years_of(first: str, last: str) -> tuple[str, str]:
    """The first and last month of the calendar years in which a period lies: what `Counts` must cover."""
    return f"{first[:4]}-01", f"{last[:4]}-12"


def build(
    indicator: Indicator,
    counts: Counts,
    places: Sequence[str],
    period: tuple[str, str],
    *,
    exact: bool,
    this_month: str,
    kecamatan: str | None = None,
) -> Table:
    """The table of an indicator for a period (first and last month).

    `places` are all kecamatan of the city, in order; a place that only occurs in `counts` is added, so that totals are
    whole. `this_month` says up to where a year of which the rest lies ahead is complete.
    """
    months = calendar.between(*period)
    places = [*places, *sorted({place for place, _ in counts} - set(places))]
    source: _Exact | _Protected | _City
    if exact:
        source = _Exact(indicator, counts)
    elif indicator.denominator is None:
        source = _Protected(indicator.numerator, counts, places)
    else:
        source = _City(indicator, counts, places, this_month)
    rows = tuple(
        Row(place, tuple(source.cell(place, month) for month in months), source.total(place, months))
        for place in places
        if kecamatan in (None, place)
    )
    if kecamatan is not None and rows:
        return Table(indicator, months, rows, rows[0].cells, rows[0].total, exact)
    totals = tuple(source.cell(None, month) for month in months)
    return Table(indicator, months, rows, totals, source.total(None, months), exact)


class _Exact:
    """Figures as they are."""

    def __init__(self, indicator: Indicator, counts: Counts) -> None:
        self._indicator = indicator
        self._counts = counts

    def cell(self, place: str | None, month: str) -> Cell:
        return self.total(place, (month,))

    def total(self, place: str | None, months: Iterable[str]) -> Cell:
        wanted = set(months)
        sums = [
            sum(
                measures.get(measure, 0)
                for (where, month), measures in self._counts.items()
                if month in wanted and place in (None, where)
            )
            for measure in (self._indicator.numerator, self._indicator.denominator)
            if measure is not None
        ]
        return _figure(*sums)


class _Protected:
    """Counts, the small ones hidden. None as a place is the whole city."""

    def __init__(self, measure: str, counts: Counts, places: Sequence[str]) -> None:
        self._measure = measure
        self._counts = counts
        self._places = list(places)
        self._years: dict[str, tuple[suppression.Grid, suppression.Marks]] = {}

    def cell(self, place: str | None, month: str) -> Cell:
        grid, marks = self._year(month[:4])
        row = self._row(place)
        return self._shown(grid, marks, row, int(month[5:]) - 1)

    def total(self, place: str | None, months: Sequence[str]) -> Cell:
        by_year: dict[str, list[int]] = {}
        for month in months:
            by_year.setdefault(month[:4], []).append(int(month[5:]) - 1)
        parts = [self._part(place, year, columns) for year, columns in by_year.items()]
        if len(parts) == 1:
            return parts[0]
        if any(part.value is None for part in parts):
            return HIDDEN
        return Cell(sum(part.value or 0 for part in parts))

    def _part(self, place: str | None, year: str, columns: Sequence[int]) -> Cell:
        """The total over some months of one year, if it follows from what is shown."""
        grid, marks = self._year(year)
        row = self._row(place)
        if len(columns) == 12:
            return self._shown(grid, marks, row, 12)
        if len(columns) == 1:
            return self._shown(grid, marks, row, columns[0])
        if not any(marks[row][column] for column in columns):
            return Cell(sum(grid[row][column] for column in columns))
        rest = [column for column in range(12) if column not in columns]
        if not any(marks[row][column] for column in (*rest, 12)):
            return Cell(grid[row][12] - sum(grid[row][column] for column in rest))
        return HIDDEN

    def _year(self, year: str) -> tuple[suppression.Grid, suppression.Marks]:
        if year not in self._years:
            counted = [
                [self._counts.get((place, month), {}).get(self._measure, 0) for month in calendar.of_year(year)]
                for place in self._places
            ]
            grid = suppression.with_totals(counted)
            self._years[year] = grid, suppression.marks(grid)
        return self._years[year]

    def _row(self, place: str | None) -> int:
        return len(self._places) if place is None else self._places.index(place)

    @staticmethod
    def _shown(grid: suppression.Grid, marks: suppression.Marks, row: int, column: int) -> Cell:
        mark = marks[row][column]
        return Cell(None, mark) if mark else Cell(grid[row][column])


class _City:
    """Percentages, the small numbers behind them hidden: one figure a calendar year, for the whole city.

    Numerator, remainder and denominator are three tables that explain each other. So finer figures are left out, and a
    year's is given only where its denominator is shown anyway and neither numerator nor remainder is small.
    """

    def __init__(self, indicator: Indicator, counts: Counts, places: Sequence[str], this_month: str) -> None:
        self._exact = _Exact(indicator, counts)
        self._denominators = _Protected(indicator.denominator or "", counts, places)
        self._this_month = this_month

    def cell(self, place: str | None, month: str) -> Cell:
        return HIDDEN

    def total(self, place: str | None, months: Sequence[str]) -> Cell:
        if place is not None:
            return HIDDEN
        chosen = set(months)
        numerator = denominator = 0
        for year in sorted({month[:4] for month in months}):
            whole = calendar.of_year(year)
            if not all(month in chosen for month in whole if month <= self._this_month):
                return HIDDEN
            figure = self._exact.total(None, whole)
            part, base = figure.numerator or 0, figure.denominator or 0
            if self._denominators.total(None, whole).value is None or is_small(part) or is_small(base - part):
                return HIDDEN
            numerator, denominator = numerator + part, denominator + base
        return _figure(numerator, denominator)


def _figure(numerator: int, denominator: int | None = None) -> Cell:
    if denominator is None:
        return Cell(numerator)
    # Half a percent more or less is noise at a city's numbers; one decimal keeps 99.5 from becoming 100.
    share = round(100 * numerator / denominator, 1) if denominator else None
    return Cell(share, SHOWN, numerator, denominator)
