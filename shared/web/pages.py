"""Small helpers for pages that show lists: which page of a list is asked for, and what stands before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask import request, url_for

Item = TypeVar("Item")

PAGE_SIZE = 25
#: Nobody turns so many pages; a larger number is a mistake or an attack on `skip`.
LAST_PAGE = 10_000


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list. `number` counts from 1; `total` is the length of the whole list."""

    items: Sequence[Item]
    number: int
    total: int
    size: int = PAGE_SIZE

    @property
    def count(self) -> int:
        """How many pages there are; at least 1."""
        return max(1, -(-self.total // self.size))

    @property
    def previous(self) -> int | None:
        """The number of the page before, None on the first."""
        return min(self.number - 1, self.count) if self.number > 1 else None

    @property
    def next(self) -> int | None:
        """The number of the page after, None on the last."""
        return self.number + 1 if self.number < self.count else None


def page_number() -> int:
    """The page that the address asks for (`?page=3`); 1 for what is not a page."""
    number = request.args.get("page", 1, type=int)
    return number if 1 <= number <= LAST_PAGE else 1


def page_number_url(number: int) -> str:
    """The address of another page of the list that this page shows, with its filters."""
    values: dict[str, Any] = {**(request.view_args or {}), **request.args.to_dict(flat=False), "page": number}
    return url_for(request.endpoint or "", **values)
