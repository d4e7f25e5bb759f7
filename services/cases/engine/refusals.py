"""Why a command is not possible: reasons as codes with what they are about, so that a page can say them in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reason:
    """One reason. `about` names what is missing or in the way: a role, a consent, a fact, who has claimed it."""

    code: str
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """The command changes nothing, for these reasons: all of them, not only the first."""

    reasons: tuple[Reason, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes alone."""
        return tuple(reason.code for reason in self.reasons)


def reason(code: str, **about: str) -> Reason:
    """A reason, written shortly."""
    return Reason(code, about)
