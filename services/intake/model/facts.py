"""What is known of one child's work, as the rules of classification ask for it. `None` means: not known.

Codes and numbers only; nothing here can identify anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

#: Pairs that cannot both be true: work by day only is no night work, chores only is no economic work.
_EXCLUSIVE = (("daytime", "night_work"), ("chores_only", "economic"))


@dataclass(frozen=True)
class Facts:
    """The facts of one child's work. Age in whole years, hours as numbers, lists of codes as tuples.

    An empty tuple says "looked for, none found"; None says "not known".
    """

    age_years: int | None = None
    worst_forms: tuple[str, ...] | None = None
    hazards: tuple[str, ...] | None = None
    night_work: bool | None = None
    economic: bool | None = None
    chores_only: bool | None = None
    hours_per_day: float | None = None
    hours_per_week: float | None = None
    chores_hours_per_week: float | None = None
    family_business: bool | None = None
    light_work: bool | None = None
    approved_curriculum: bool | None = None
    guidance_and_safety: bool | None = None
    talent: bool | None = None
    direct_parental_supervision: bool | None = None
    schooling_undisturbed: bool | None = None
    parental_permission: bool | None = None
    contract_with_parent: bool | None = None
    daytime: bool | None = None
    occupational_safety: bool | None = None
    employment_relation: bool | None = None
    wage_by_rules: bool | None = None

    def with_consequences(self) -> Facts:
        """These facts with what follows from them by the meaning of the words; what is given is never changed."""
        follows: dict[str, Any] = {
            other: False
            for pair in _EXCLUSIVE
            for one, other in (pair, pair[::-1])
            if getattr(self, one) is True and getattr(self, other) is None
        }
        return replace(self, **follows) if follows else self


#: The names of all facts, in the order in which it makes sense to ask for them.
FACTS = tuple(field.name for field in fields(Facts))
_LISTS = ("worst_forms", "hazards")


def facts_of(age_years: int | None, work: Mapping[str, Any]) -> Facts:
    """The facts of a child of that age that does the reported work.

    `work` is the validated `work` part of a report; absent and null both mean not known. Names in it that are no facts
    are an error (TypeError), for a fact that is silently left out could make a work look better than it is.
    """
    values: dict[str, Any] = {
        name: tuple(sorted(set(value))) if name in _LISTS and value is not None else value
        for name, value in work.items()
    }
    return Facts(age_years=age_years, **values)
