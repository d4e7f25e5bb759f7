"""Of which children of a report, and whether of the report as a whole, the time to keep is over. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from shared.domain.retention import Ended, Retention


@dataclass(frozen=True)
class Due:
    """What is over: of a child, or (None) of the report as a whole; by which rule, since which day (WIB) it was last
    to be kept, and when the case that decides ended."""

    child_id: str | None
    rule: str
    ended_at: datetime
    over_on: date


def ended(course: Mapping[str, Any]) -> Ended:
    """An ended course, as the rules ask for it."""
    return Ended(course["stage"], frozenset(course["reasons"]), frozenset(course["services"]))


def due(
    report: Mapping[str, Any], courses: Iterable[Mapping[str, Any]], rules: Retention, today: date
) -> dict[str | None, Due]:
    """What of a report is over today, by child, None for the report as a whole. Nothing is while it is on hold.

    A child whose case is open, or not known, is not over; nor is the report then.
    """
    if report.get("hold") is not None:
        return {}
    by_child = {course["child_id"]: course for course in courses}
    over: dict[str | None, Due] = {}
    all_over = True
    identified = False
    longest: Due | None = None
    for child in report["children"]:
        held = child["person_id"] is not None and child.get("erased_at") is None
        identified = identified or held
        course = by_child.get(child["child_id"])
        if course is None or course["ended_at"] is None:
            all_over = False
            continue
        rule = rules.rule_for(ended(course))
        found = Due(child["child_id"], rule.rule, course["ended_at"], rule.over_on(course["ended_at"]))
        all_over = all_over and found.over_on < today
        if held and found.over_on < today:
            over[found.child_id] = found
        if longest is None or (found.over_on, found.ended_at) > (longest.over_on, longest.ended_at):
            longest = found
    if all_over and not identified and longest is not None and report.get("erased_at") is None:
        over[None] = Due(None, longest.rule, longest.ended_at, longest.over_on)
    return over
