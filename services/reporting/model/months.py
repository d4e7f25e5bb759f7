"""Months as texts, "2026-11": they sort, compare and travel as they are. No days, no time zones."""

from __future__ import annotations

import re

PATTERN = "^[12][0-9]{3}-(0[1-9]|1[0-2])$"
_MONTH = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])")


def is_month(text: str) -> bool:
    """Whether a text is a month of the years 1000 to 2999."""
    return _MONTH.fullmatch(text) is not None


def between(first: str, last: str) -> tuple[str, ...]:
    """The months from `first` to `last`, both included; none if `last` comes first."""
    return tuple(_text(number) for number in range(_number(first), _number(last) + 1))


def of_year(year: str) -> tuple[str, ...]:
    """The twelve months of a year, "2026"."""
    return between(f"{year}-01", f"{year}-12")


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _text(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"
