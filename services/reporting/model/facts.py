"""What reporting knows of each report and case, and what that adds to the counts.

A fact is made of its thing's events alone, so the order between topics does not matter. What an event changes in the
counts is the difference between what the fact contributed before and after it: nothing is counted twice, and a case
that changes takes its earlier contribution with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.events import Event

Fact = Mapping[str, Any]

#: Everything that is counted. Indicators name these.
MEASURES = (
    "reports",
    "children",
    "cases_opened",
    "cases_open",
    "cases_screened",
    "screened_on_time",
    "screenings_overdue",
)

#: The deadline of the first judgement, by its name in the workflow.
SCREENING = "screening"

_REPORT_FIELDS = ("channel", "kecamatan", "kelurahan", "work_type", "severity", "anonymous_reporter", "demonstration")
_CHILD_FIELDS = ("sex", "age_band", "school_attendance", "legal_class", "statistical_class", "severity")
_CASE_FIELDS = (
    "report_id",
    "kecamatan",
    "kelurahan",
    "work_type",
    "sex",
    "age_band",
    "legal_class",
    "statistical_class",
    "severity",
    "late",
    "demonstration",
)
_CORRECTED_FIELDS = ("sex", "age_band", "legal_class", "statistical_class", "severity")


class Cell(NamedTuple):
    """A place in the cube. `month` is that of the report's receipt in WIB, "2026-11"."""

    demonstration: bool
    month: str
    kecamatan: str
    severity: str


class FactMissing(Exception):
    """An event about a case whose opening was not seen, or about a report whose registering was not."""


def begins(event_type: str) -> bool:
    """Whether this event is the first of its thing, so that there is no earlier fact."""
    return event_type in ("report.registered", "case.opened")


def evolve(before: Fact | None, event: Event) -> Fact:
    """The fact after an event. Raises FactMissing, and KeyError for a type that reporting does not consume."""
    return _EVOLVE[event.type](before, event)


def _registered(before: Fact | None, event: Event) -> Fact:
    data = event.data
    return {
        "kind": "report",
        "received_on": data["received_on"].isoformat(),
        "recorded_at": event.recorded_at,
        **{name: data[name] for name in _REPORT_FIELDS},
        "hazards": sorted(data["hazards"]),
        "children": [{name: child[name] for name in _CHILD_FIELDS} for child in data["children"]],
    }


def _report_corrected(before: Fact | None, event: Event) -> Fact:
    """One of its children as it is now; what was counted of it before is taken back by `change`."""
    if before is None:
        raise FactMissing("the correction of a report whose report.registered was not handled")
    data, children = event.data, list(before["children"])
    children[data["child_number"] - 1] = {name: data["child"][name] for name in _CHILD_FIELDS}
    return {**before, "children": children, "severity": data["severity"]}


def _case_corrected(before: Fact | None, event: Event) -> Fact:
    return {**_known(before), **{name: event.data[name] for name in _CORRECTED_FIELDS}}


def _opened(before: Fact | None, event: Event) -> Fact:
    data = event.data
    return {
        "kind": "case",
        "received_on": data["received_on"].isoformat(),
        "recorded_at": event.recorded_at,
        **{name: data[name] for name in _CASE_FIELDS},
        "screening_due_at": data["screening_due_at"],
        "risk": None,
        "screened_on_time": None,
        "screening_overdue": False,
        "ended": False,
    }


def _step_taken(before: Fact | None, event: Event) -> Fact:
    """The first step that judges the risk is the screening."""
    known = _known(before)
    after = {**known, "ended": event.data["ended"]}
    recorded = {each["fact"]: each["value"] for each in event.data["facts"]}
    if "risk" in recorded:
        after["risk"] = recorded["risk"]
        if known["screened_on_time"] is None:
            after["screened_on_time"] = bool(event.data["on_time"])
    return after


def _breached(before: Fact | None, event: Event) -> Fact:
    known = _known(before)
    return {**known, "screening_overdue": known["screening_overdue"] or event.data["deadline"] == SCREENING}


def _known(before: Fact | None) -> Fact:
    if before is None:
        raise FactMissing("an event of a case whose case.opened was not handled")
    return before


_EVOLVE = {
    "report.registered": _registered,
    "report.corrected": _report_corrected,
    "case.opened": _opened,
    "case.corrected": _case_corrected,
    "case.step_taken": _step_taken,
    "case.deadline_breached": _breached,
}


def contribution(fact: Fact | None) -> dict[Cell, Counter[str]]:
    """What a fact adds to the counts, measure by measure, in the cells where it adds anything."""
    if fact is None:
        return {}
    counts: dict[Cell, Counter[str]] = {}

    def add(severity: str, measure: str) -> None:
        cell = Cell(fact["demonstration"], fact["received_on"][:7], fact["kecamatan"], severity)
        counts.setdefault(cell, Counter())[measure] += 1

    if fact["kind"] == "report":
        add(fact["severity"], "reports")
        for child in fact["children"]:
            add(child["severity"], "children")
        return counts
    screened = fact["screened_on_time"] is not None
    measures = {
        "cases_opened": True,
        "cases_open": not fact["ended"],
        "cases_screened": screened,
        "screened_on_time": bool(fact["screened_on_time"]),
        "screenings_overdue": fact["screening_overdue"] and not screened,
    }
    for measure, counted in measures.items():
        if counted:
            add(fact["severity"], measure)
    return counts


def change(before: Fact | None, after: Fact) -> dict[Cell, dict[str, int]]:
    """What replacing one fact by another changes in the counts; cells and measures without change are left out."""
    old, new = contribution(before), contribution(after)
    changes: dict[Cell, dict[str, int]] = {}
    for cell in {**old, **new}:
        was, is_now = old.get(cell, Counter()), new.get(cell, Counter())
        moved = {measure: is_now[measure] - was[measure] for measure in MEASURES if is_now[measure] != was[measure]}
        if moved:
            changes[cell] = moved
    return changes
