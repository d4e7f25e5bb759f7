"""Deadlines are counted in the working days and hours of the city's offices, in WIB."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from shared.domain.working_time import (
    WIB,
    add_working_days,
    add_working_hours,
    calendar,
    is_working_day,
    start_of_day,
    wib_date,
    working_days_before,
    working_hours_before,
    working_hours_between,
)


def wib(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WIB)


def test_wib_is_seven_hours_ahead_and_days_begin_there() -> None:
    assert wib_date(datetime(2026, 11, 23, 17, 0, tzinfo=UTC)) == date(2026, 11, 24)
    assert wib_date(datetime(2026, 11, 23, 16, 59, tzinfo=UTC)) == date(2026, 11, 23)
    assert start_of_day(date(2026, 11, 24)) == datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert start_of_day(date(2026, 11, 24)).tzinfo is UTC


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-11-20", True),  # Friday
        ("2026-11-21", False),  # Saturday
        ("2026-11-22", False),  # Sunday
        ("2026-08-17", False),  # Independence Day, a Monday
        ("2026-05-01", False),  # Labour Day, a Friday
        ("2026-12-25", False),  # Christmas, a Friday
        ("2026-12-24", False),  # joint leave, a Thursday
    ],
)
def test_offices_work_from_monday_to_friday_except_on_holidays(day: str, works: bool) -> None:
    assert is_working_day(date.fromisoformat(day)) is works


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-11-20 10:00", 0, "2026-11-20 10:00"),
        ("2026-11-20 10:00", 1, "2026-11-23 10:00"),  # Friday to Monday
        ("2026-11-18 10:00", 3, "2026-11-23 10:00"),
        ("2026-11-21 22:30", 1, "2026-11-23 22:30"),  # from a Saturday
        ("2026-08-14 09:00", 1, "2026-08-18 09:00"),  # over Independence Day
        ("2026-12-23 09:00", 1, "2026-12-28 09:00"),  # over Christmas with its joint leave
    ],
)
def test_working_days(start: str, days: int, end: str) -> None:
    found = add_working_days(wib(start), days)
    assert found == wib(end)
    assert found.tzinfo is UTC


def test_the_day_is_that_of_wib_not_that_of_utc() -> None:
    sunday_evening_utc = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)  # Monday 01.00 in WIB
    assert add_working_days(sunday_evening_utc, 1) == wib("2026-11-24 01:00")


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-20 10:00", 0, "2026-11-20 10:00"),
        ("2026-11-21 10:00", 0, "2026-11-21 10:00"),
        ("2026-11-20 10:00", 2.5, "2026-11-20 12:30"),
        ("2026-11-20 15:00", 1, "2026-11-20 16:00"),  # just before closing
        ("2026-11-20 15:00", 3, "2026-11-23 09:30"),  # over the weekend
        ("2026-11-20 20:00", 1, "2026-11-23 08:30"),  # after closing
        ("2026-11-23 05:00", 1, "2026-11-23 08:30"),  # before opening
        ("2026-11-21 12:00", 1, "2026-11-23 08:30"),  # on a Saturday
        ("2026-11-23 07:30", 17, "2026-11-24 16:00"),  # two whole days
        ("2026-08-14 15:30", 1, "2026-08-18 08:00"),  # over Independence Day
    ],
)
def test_working_hours(start: str, hours: float, end: str) -> None:
    found = add_working_hours(wib(start), hours)
    assert found == wib(end)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("end", "hours", "start"),
    [
        ("2026-11-20 12:30", 2.5, "2026-11-20 10:00"),
        ("2026-11-23 08:30", 2, "2026-11-20 15:00"),  # over the weekend
        ("2026-11-22 12:00", 1, "2026-11-20 15:00"),  # from a Sunday
        ("2026-11-20 21:00", 2, "2026-11-20 14:00"),  # after closing
        ("2026-11-20 06:00", 1, "2026-11-19 15:00"),  # before opening
        ("2026-08-18 08:00", 1, "2026-08-14 15:30"),  # over Independence Day
        ("2026-11-20 12:30", 0, "2026-11-20 12:30"),
    ],
)
def test_so_many_working_hours_before(end: str, hours: float, start: str) -> None:
    found = working_hours_before(wib(end), hours)
    assert found == wib(start)
    assert found.tzinfo is UTC
    assert working_hours_between(found, wib(end)) == hours


def test_so_many_working_days_before() -> None:
    assert working_days_before(wib("2026-11-23 10:00"), 1) == wib("2026-11-20 10:00")
    assert working_days_before(wib("2026-11-22 10:00"), 1) == wib("2026-11-20 10:00")
    assert working_days_before(wib("2026-11-20 10:00"), 0) == wib("2026-11-20 10:00")


def test_time_without_a_zone_and_time_backwards_are_refused() -> None:
    for count in (add_working_days, add_working_hours, working_days_before, working_hours_before):
        with pytest.raises(ValueError, match="negative"):
            count(wib("2026-11-20 10:00"), -1)
        with pytest.raises(ValueError, match="zone"):
            count(datetime(2026, 11, 20, 10, 0), 1)


def test_the_calendar_is_data() -> None:
    assert calendar().country == "ID"
    assert calendar().opens < calendar().closes
