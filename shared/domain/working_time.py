"""Working days and hours of the city's offices in WIB, by working_time.yaml and the public holidays of Indonesia.

All moments are aware; results are in UTC. How long a deadline is, is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cache, lru_cache

import holidays

from shared.domain.data import FOLDER, read

DAY, NONE = timedelta(days=1), timedelta(0)


@dataclass(frozen=True)
class Calendar:
    """The content of working_time.yaml; `zone` is a fixed offset, for Indonesia has no daylight saving."""

    zone: timezone
    weekdays: frozenset[int]
    opens: time
    closes: time
    country: str
    categories: tuple[str, ...]
    also_closed: frozenset[date]
    also_working: frozenset[date]


@cache
def calendar() -> Calendar:
    """The city's calendar."""
    file = read(FOLDER / "working_time.yaml")
    closed = file["holidays"]
    return Calendar(
        zone=timezone(timedelta(hours=file["zone"]["utc_offset_hours"]), file["zone"]["name"]),
        weekdays=frozenset(file["weekdays"]),
        opens=time.fromisoformat(file["office_hours"]["opens"]),
        closes=time.fromisoformat(file["office_hours"]["closes"]),
        country=closed["country"],
        categories=tuple(closed["categories"]),
        also_closed=frozenset(closed["also_closed"]),
        also_working=frozenset(closed["also_working"]),
    )


#: Western Indonesian time.
WIB = calendar().zone
_AHEAD = WIB.utcoffset(None)


def wib_date(moment: datetime) -> date:
    """The date in WIB of an aware moment. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs its zone")
    # A sum takes a third of a change of zone, and the engine asks for the day of nearly every command.
    return (_utc(moment) + _AHEAD).date()


def start_of_day(day: date) -> datetime:
    """The moment (UTC) at which a day begins in WIB."""
    return datetime.combine(day, time.min, WIB).astimezone(UTC)


@lru_cache(maxsize=4096)
def is_working_day(day: date) -> bool:
    """Whether the city's offices work on that day."""
    city = calendar()
    if day in city.also_working:
        return True
    return day.weekday() in city.weekdays and day not in city.also_closed and day not in _holidays(day.year)


def in_office_hours(moment: datetime) -> bool:
    """Whether the city's offices are open at a moment."""
    day, local = wib_date(moment), moment.astimezone(WIB)
    return is_working_day(day) and calendar().opens <= local.time() < calendar().closes


def add_working_days(start: datetime, days: int) -> datetime:
    """The moment `days` working days after `start`, at the same time of day in WIB.

    The day of the start does not count: one working day after Friday 10.00 is Monday 10.00. From a day off, counting
    begins on the next working day. Zero days gives the start itself. Raises ValueError for a negative number.
    """
    if days < 0:
        raise ValueError("working days cannot be negative")
    return _utc(start) + _until_working_day(wib_date(start), days)


def add_working_hours(start: datetime, hours: float) -> datetime:
    """The moment at which `hours` of office time have passed since `start`.

    Only time between opening and closing on working days counts: three hours after Friday 15.00 is, with offices open
    from 07.30 to 16.00, Monday 09.30. Zero hours gives the start itself. Raises ValueError for a negative number.
    """
    if hours < 0:
        raise ValueError("working hours cannot be negative")
    begin, left, day = _utc(start), timedelta(hours=hours), wib_date(start)
    while left:
        office = _office_time(day)
        if office is not None:
            opens, closes = office
            begin = max(begin, opens)
            if begin + left <= closes:
                return begin + left
            left -= max(closes - begin, NONE)
        day += DAY
    return begin


def working_hours_before(end: datetime, hours: float) -> datetime:
    """The last moment from which `hours` of office time pass until `end`.

    Two hours before Monday 8.30 are, with offices open from 07.30 to 16.00, Friday 15.00. Raises ValueError for a
    negative number.
    """
    if hours < 0:
        raise ValueError("working hours cannot be negative")
    moment, left, day = _utc(end), timedelta(hours=hours), wib_date(end)
    while left:
        office = _office_time(day)
        if office is not None:
            opens, closes = office
            moment = min(moment, closes)
            if moment - left >= opens:
                return moment - left
            left -= max(moment - opens, NONE)
        day -= DAY
    return moment


def working_days_before(end: datetime, days: int) -> datetime:
    """The moment `days` working days before `end`, at the same time of day in WIB. Raises ValueError for a negative
    number."""
    if days < 0:
        raise ValueError("working days cannot be negative")
    day = start = wib_date(end)
    for _ in range(days):
        day -= DAY
        while not is_working_day(day):
            day -= DAY
    return _utc(end) - (start - day)


def working_days_between(start: datetime, end: datetime) -> int:
    """How many working days begin after the day of `start`, up to the day of `end`; 0 if the end is not later."""
    day, last, found = wib_date(start), wib_date(end), 0
    while day < last:
        day += DAY
        found += is_working_day(day)
    return found


def working_hours_between(start: datetime, end: datetime) -> float:
    """How many hours of office time lie between two moments; 0 if the end is not after the start."""
    found = NONE
    day, last = wib_date(start), wib_date(end)
    while day <= last:
        office = _office_time(day)
        if office is not None:
            opens, closes = office
            found += max(min(closes, end) - max(opens, start), NONE)
        day += DAY
    return found / timedelta(hours=1)


@lru_cache(maxsize=4096)
def _office_time(day: date) -> tuple[datetime, datetime] | None:
    """When the offices open and close on a day, in UTC; None on a day off."""
    if not is_working_day(day):
        return None
    city = calendar()
    opens, closes = (datetime.combine(day, edge, WIB).astimezone(UTC) for edge in (city.opens, city.closes))
    return opens, closes


@lru_cache(maxsize=4096)
def _until_working_day(day: date, days: int) -> timedelta:
    """From a day to the one so many working days later. Remembered: all that begins today reckons from the same day."""
    later = day
    for _ in range(days):
        later = _next_working_day(later)
    return later - day


def _next_working_day(day: date) -> date:
    day += DAY
    while not is_working_day(day):
        day += DAY
    return day


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


@cache
def _holidays(year: int) -> frozenset[date]:
    city = calendar()
    return frozenset(holidays.country_holidays(city.country, years=year, categories=city.categories))
