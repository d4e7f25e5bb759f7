"""Guards: conditions of a definition, in CEL (the Common Expression Language), over what a case knows.

A guard sees the facts by name (null while nobody recorded them), `consents`, `referrals` (the open ones: kind, state)
and `completed` (the kinds of those that ended with a service given). It cannot see time or identities.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cel

CONSENTS, REFERRALS, COMPLETED, STAGE = "consents", "referrals", "completed", "stage"
KNOWN = (CONSENTS, REFERRALS, COMPLETED, STAGE)
ABSENT = object()
"""In the place of a fact that is not among what is known (None: it is, and nobody recorded it)."""
REMEMBERED = 4_096
"""Answers of one guard that are remembered."""

_COMPARED = re.compile(r"\b([a-z_]\w*)\s*(?:==|!=)\s*(?:'([^']*)'|\"([^\"]*)\")")
_IN_LIST = re.compile(r"\b([a-z_]\w*)\s+in\s+\[([^\]]*)\]")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_POINT = re.compile(r"<input>:(\d+):(\d+): (.*)")


class GuardSyntaxError(Exception):
    """The text is no CEL expression. `column` counts from 0 within the text."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


class GuardFailed(Exception):
    """The guard cannot be answered for this case: it compares what cannot be compared, or is not yes or no."""

    def __init__(self, text: str, known: Mapping[str, Any]) -> None:
        plain = {name: value for name, value in known.items() if value is None or isinstance(value, str)}
        where = " and ".join(f"{name} is {value or 'not recorded'}" for name, value in sorted(plain.items()))
        self.text = text
        super().__init__(text + (f" where {where}" if where else ""))


@dataclass(frozen=True)
class Guard:
    """A compiled condition. Two with the same text are equal.

    What it answered is remembered: what it can be asked is little, and asking takes a third of a step's decision.
    """

    text: str
    asks: frozenset[str] = field(init=False, compare=False, repr=False)
    """The names that it asks for, without those that it binds itself."""
    _program: Any = field(init=False, compare=False, repr=False)
    _answers: dict[tuple[Any, ...], bool] = field(init=False, compare=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        program = _compiled(self.text)
        bound = re.findall(r"\.(?:all|exists|exists_one|filter|map)\(\s*([A-Za-z_]\w*)\s*,", self.text)
        object.__setattr__(self, "_program", program)
        object.__setattr__(self, "asks", frozenset(program.variables()) - frozenset(bound))

    def holds(self, known: Mapping[str, Any]) -> bool:
        """Whether it holds. Raises GuardFailed."""
        values = tuple([_value(known.get(name, ABSENT)) for name in self.asks])
        answer = self._answers.get(values)
        if answer is None:
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            answer = self._answers[values] = self._asked(known)
        return answer

    def _asked(self, known: Mapping[str, Any]) -> bool:
        try:
            answer = self._program.execute(known)
        except (RuntimeError, TypeError, ValueError, ArithmeticError):
            raise GuardFailed(self.text, known) from None
        if not isinstance(answer, bool):
            raise GuardFailed(self.text, known)
        return answer

    def fields_of(self, name: str) -> set[str]:
        """What it asks for by name of a mapping: `services` of `consents.services`."""
        return set(re.findall(rf"\b{name}\.([a-z_]\w*)", self.text))

    def literals(self) -> list[tuple[str, str]]:
        """What names are compared with: (name, value) for each text that stands beside a name."""
        found = [(name, one or other) for name, one, other in _COMPARED.findall(self.text)]
        for name, values in _IN_LIST.findall(self.text):
            found += [(name, one or other) for one, other in _QUOTED.findall(values)]
        return found


def _value(known: Any) -> Any:
    """What a guard is told under one name, as something by which its answer can be looked up."""
    if isinstance(known, list):
        return tuple([_value(each) for each in known])
    return tuple(known.items()) if isinstance(known, dict) else known


def _compiled(text: str) -> Any:
    try:
        return cel.compile(text)
    except ValueError as error:
        point = _POINT.search(str(error))
        if point is None:
            raise GuardSyntaxError("is no CEL expression", 0) from None
        # What it says after that is a list of all that the grammar would allow.
        raise GuardSyntaxError(point[3].partition(" expecting ")[0], int(point[2]) - 1) from None
