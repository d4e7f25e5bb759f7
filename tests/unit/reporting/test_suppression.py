"""No small number can be read, or computed back, from what is released."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.model import months, suppression, tables
from services.reporting.model.indicators import Indicator
from tests.unit.reporting.audit import Release

#: Counts as a small city has them: many zeros and small ones.
COUNT = st.one_of(st.just(0), st.integers(0, 6), st.integers(0, 40))
TABLES = st.integers(1, 4).flatmap(
    lambda columns: st.lists(st.lists(COUNT, min_size=columns, max_size=columns), min_size=1, max_size=4)
)


def release(counts: list[list[int]]) -> tuple[suppression.Grid, list[list[int | str]]]:
    grid = suppression.with_totals(counts)
    marks = suppression.marks(grid)
    shown: list[list[int | str]] = [
        [mark or value for value, mark in zip(values, line, strict=True)]
        for values, line in zip(grid, marks, strict=True)
    ]
    return grid, shown


def check(grid: suppression.Grid, found: Release) -> None:
    """The promise of suppression.py, held against what a reader can conclude."""
    for (row, column), (least, most) in found.ranges().items():
        value = grid[row][column]
        assert most - least >= 0.999, f"{value} in {row}, {column} is certain"
        if found.cells[row][column] == "small":
            assert least < 1.001 and most > 3.999, f"{value} in {row}, {column} is known to be {least} to {most}"
        elif value < suppression.THRESHOLD:
            assert most - least > 2.999, f"total {value} in {row}, {column} is known to be {least} to {most}"


@settings(max_examples=150, deadline=None)
@given(TABLES)
def test_a_small_number_may_still_be_any_small_number(counts: list[list[int]]) -> None:
    grid, shown = release(counts)
    for values, line in zip(grid, shown, strict=True):
        for value, cell in zip(values, line, strict=True):
            assert not (isinstance(cell, int) and 0 < cell < suppression.THRESHOLD), "a small number is shown"
            assert not (value == 0 and cell != 0), "a zero is hidden"
    check(grid, Release(shown, {}))


def test_hiding_only_the_small_numbers_would_give_them_away() -> None:
    grid, shown = release([[3, 20, 30], [12, 25, 31]])
    naive = [
        ["small" if 0 < value < 5 and row < 2 and column < 3 else value for column, value in enumerate(line)]
        for row, line in enumerate(grid)
    ]
    assert Release(naive, {}).ranges()[0, 0] == (3, 3)
    assert shown[0][0] == "small"
    check(grid, Release(shown, {}))


def test_where_nothing_is_small_nothing_is_hidden() -> None:
    _, shown = release([[5, 0, 12], [8, 6, 0]])
    assert shown == [[5, 0, 12, 17], [8, 6, 0, 14], [13, 6, 12, 31]]


def test_the_yearly_totals_survive_where_months_can_hide_each_other() -> None:
    counts = [[3, 2, 4, 1, 6, 3, 2, 5, 3, 1, 2, 4], [1, 2, 3, 4, 2, 1, 6, 3, 2, 4, 1, 3]] * 2
    _, shown = release(counts)
    assert [line[-1] for line in shown] == [36, 32, 36, 32, 136]


def indicator(denominator: str | None = None) -> Indicator:
    numerator = "screened_on_time" if denominator else "reports"
    return Indicator("tried", 1, date(2026, 1, 1), {}, {}, numerator, denominator, "period", {})


PLACES = ["33.75.01", "33.75.02", "33.75.03"]
YEAR = months.of_year("2026")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(COUNT, min_size=12, max_size=12), min_size=3, max_size=3),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).map(sorted), min_size=1, max_size=12),
)
def test_the_difference_of_two_questions_tells_no_more_than_the_year(
    counts: list[list[int]], periods: list[tuple[int, int]]
) -> None:
    """Every table that can be asked for about a year, put side by side by somebody who may not read exact numbers."""
    cube = {
        (place, month): {"reports": count}
        for place, line in zip(PLACES, counts, strict=True)
        for month, count in zip(YEAR, line, strict=True)
    }

    def ask(first: int, last: int, kecamatan: str | None = None) -> tables.Table:
        period = YEAR[first], YEAR[last]
        return tables.build(indicator(), cube, PLACES, period, exact=False, this_month="2026-12", kecamatan=kecamatan)

    def known(cell: tables.Cell) -> int | str:
        return cell.mark or int(cell.value or 0)

    whole = ask(0, 11)
    lines = [(*row.cells, row.total) for row in whole.rows] + [(*whole.totals, whole.total)]
    shown = [[known(cell) for cell in line] for line in lines]
    sums = {}
    for first, last in periods:
        for kecamatan in (None, *PLACES):
            asked = ask(first, last, kecamatan)
            for row in asked.rows:
                index = PLACES.index(row.kecamatan)
                assert [known(cell) for cell in row.cells] == shown[index][first : last + 1]
                if row.total.value is not None:
                    sums[tuple((index, column) for column in range(first, last + 1))] = int(row.total.value)
            if kecamatan is None and asked.total.value is not None:
                sums[tuple((3, column) for column in range(first, last + 1))] = int(asked.total.value)
    check(suppression.with_totals(counts), Release(shown, sums))


def test_a_percentage_is_given_for_the_city_and_year_only_and_not_when_it_tells_of_few() -> None:
    def yearly(on_time: int, opened: int, this_month: str = "2026-03") -> tables.Table:
        cube = {(place, "2026-02"): {"screened_on_time": on_time, "cases_opened": opened} for place in PLACES}
        period = "2026-01", "2026-03"
        return tables.build(indicator("cases_opened"), cube, PLACES, period, exact=False, this_month=this_month)

    table = yearly(20, 24)
    assert (table.total.value, table.total.numerator, table.total.denominator) == (83.3, 60, 72)
    assert {cell.mark for row in table.rows for cell in (*row.cells, row.total)} == {"withheld"}
    assert yearly(23, 24).total.value is None, "3 of 72 were late: a small number"
    assert yearly(1, 24).total.value is None, "3 of 72 were on time: a small number"
    assert yearly(20, 24, this_month="2026-12").total.value is None, "a part of a year is not the year"


def test_who_may_read_exact_numbers_sees_all_of_them() -> None:
    cube = {
        ("33.75.01", "2025-12"): {"reports": 1},
        ("33.75.02", "2026-01"): {"reports": 2},
        ("99.99.01", "2026-01"): {"reports": 4},  # a place that this version does not know
    }
    table = tables.build(indicator(), cube, PLACES, ("2025-12", "2026-01"), exact=True, this_month="2026-01")
    assert [[cell.value for cell in (*row.cells, row.total)] for row in table.rows] == [
        [1, 0, 1],
        [0, 2, 2],
        [0, 0, 0],
        [0, 4, 4],
    ]
    assert [cell.value for cell in (*table.totals, table.total)] == [1, 6, 7]
