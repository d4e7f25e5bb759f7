"""The only kinds of field an event may have: ids, numbers for people, codes, terms of a workflow, counts, dates, flags.

There is no field for free text, so a name cannot travel in an event by accident. A producer checks codes against the
lists of `shared.domain`; a reader does not, for a newer producer may know a code that it does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import cached_property
from typing import Any

from marshmallow import ValidationError, fields, validate

from shared import domain
from shared.validation import Unsure

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,63}")


class _Fully(validate.Validator):
    """The whole text has the pattern."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    def __call__(self, value: str) -> str:
        if not self._pattern.fullmatch(value):
            raise ValidationError("Not of the expected form.")
        return value


class Id(fields.String):
    """The id of a thing of one kind: `report-` and 32 hexadecimal digits."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.pattern = rf"{kind}-[0-9a-f]{{32}}"
        super().__init__(validate=_Fully(self.pattern), **options)


class Number(fields.String):
    """A number for people, with its letter, as `shared.ids` writes it."""

    def __init__(self, letter: str, **options: Any) -> None:
        self.pattern = rf"{letter}-[0-9A-Z]{{5}}-[0-9A-Z]{{5}}-[0-9A-Z]"
        super().__init__(validate=_Fully(self.pattern), **options)


class Code(fields.String):
    """A code of a list in `shared.domain` (by its name), or of the given codes."""

    def __init__(self, codes: str | Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self._list = codes
        self.list_name = codes if isinstance(codes, str) else None

    @cached_property
    def known(self) -> frozenset[str]:
        """The codes that a producer may write."""
        return frozenset(domain.codes(self._list)) if isinstance(self._list, str) else frozenset(self._list)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **options)
        if not CODE.fullmatch(text):
            raise ValidationError("Not a code.")
        if getattr(self.root, "producing", False) and text not in self.known:
            raise ValidationError("Not a known code.")
        return text

    def quick(self) -> Callable[[Any], str]:
        """Reads the codes that are sure to be right (shared.validation)."""
        return _exactly(str, self.known.__contains__ if getattr(self.root, "producing", False) else CODE.fullmatch)


class Term(fields.String):
    """A word that a workflow definition declares: a stage, a step, a fact or its value, a deadline (`response:health`).

    The definition is data of the service that writes the event, and its engine refuses every other word; here only the
    form is checked, which no sentence and no name as people write it has.
    """

    pattern = r"[a-z][a-z0-9_]{0,39}(:[a-z][a-z0-9_]{0,39})?"

    def __init__(self, **options: Any) -> None:
        super().__init__(validate=_Fully(self.pattern), **options)


def _exactly(kind: type, right: Callable[[Any], Any] = lambda _: True) -> Callable[[Any], Any]:
    """Reads values of exactly this kind that are sure to be right."""

    def read(value: Any) -> Any:
        if type(value) is kind and right(value):
            return value
        raise Unsure

    return read


def _parsed(pattern: str, parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Reads texts of this form, as our own producers write them."""
    form = re.compile(pattern).fullmatch

    def read(value: Any) -> Any:
        if type(value) is str and form(value):
            try:
                return parse(value)
            except ValueError:
                pass
        raise Unsure

    return read


class Count(fields.Integer):
    """A whole number that is not negative."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(min=0), **options)


class Flag(fields.Boolean):
    """True or false, nothing that merely looks like it."""

    def quick(self) -> Callable[[Any], bool]:
        return _exactly(bool)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Date(fields.Date):
    """A date in WIB, `2026-11-24`."""

    def quick(self) -> Callable[[Any], date]:
        return _parsed(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date.fromisoformat)

    def __init__(self, **options: Any) -> None:
        super().__init__(format="iso", **options)


class Moment(fields.AwareDateTime):
    """A moment with its zone, `2026-11-24T03:10:00+00:00`."""

    def quick(self) -> Callable[[Any], datetime]:
        time = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3}|\.[0-9]{6})?"
        return _parsed(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{time}\+00:00", datetime.fromisoformat)

    def __init__(self, **options: Any) -> None:
        super().__init__(format="iso", **options)


class ListOf(fields.List):
    """Several values of one of these kinds."""


class Part(fields.Nested):
    """A group of these kinds."""


ALLOWED = (Id, Number, Code, Term, Count, Flag, Date, Moment, ListOf, Part)
