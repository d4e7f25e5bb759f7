"""How dates, times and numbers are written on pages: "3 November 2026 09.10 WIB".

Moments are kept in UTC and shown in WIB (Asia/Jakarta). This module parses nothing that people type (forms.py).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from babel import dates, numbers
from flask import Flask
from flask_babel import get_locale

from shared.web.language import language_of_request
from shared.web.routes import PSEUDO_LANGUAGE

WIB = ZoneInfo("Asia/Jakarta")


def format_datetime(moment: datetime | None) -> str:
    """A moment (aware, or naive in UTC) in WIB: "3 November 2026 09.10 WIB". Empty for None."""
    if moment is None:
        return ""
    return _marked(f"{dates.format_datetime(in_wib(moment), 'd MMMM y HH.mm', locale=get_locale() or 'id')} WIB")


def format_date(day: date | str | None) -> str:
    """A day, given as a date, a moment or "2026-11-03": "3 November 2026". Empty for None."""
    if day is None or day == "":
        return ""
    if isinstance(day, str):
        day = date.fromisoformat(day[:10])
    if isinstance(day, datetime):
        day = in_wib(day).date()
    return _marked(dates.format_date(day, "d MMMM y", locale=get_locale() or "id"))


def format_month(day: date | str) -> str:
    """The month of a day, given as a date or "2026-11": "November 2026"."""
    if isinstance(day, str):
        day = date.fromisoformat(f"{day[:7]}-01")
    return _marked(dates.format_date(day, "MMMM y", locale=get_locale() or "id"))


def format_number(value: int | float) -> str:
    """A number as the language groups it: "1.234" in Indonesian, "1,234" in English."""
    return numbers.format_decimal(value, locale=get_locale() or "id")


def _marked(text: str) -> str:
    """The names of months are translated too: in the pseudo-language they are bracketed as other texts are."""
    return f"⟦{text}⟧" if language_of_request() == PSEUDO_LANGUAGE else text


def machine_time(moment: datetime) -> str:
    """The value of `<time datetime>`: RFC 3339 in UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_wib(moment: datetime) -> datetime:
    """A moment in WIB; a naive one is taken as UTC, as pymongo gives it."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(WIB)


def install(app: Flask) -> None:
    """Makes these functions filters of the templates, under their own names."""
    for function in (format_datetime, format_date, format_month, format_number, machine_time):
        app.jinja_env.filters[function.__name__] = function
