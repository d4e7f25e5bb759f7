"""The report as an aggregate: what registering one decides, and the state that follows from its events.

It gets validated codes and numbers, with ids and time from outside. Names, narrative and places of work never come
here; they go to the vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from services.intake.model.classification import classify
from services.intake.model.facts import facts_of
from services.intake.model.rules import Rules
from shared.domain import age_band, codes, kecamatan_of
from shared.events import NewEvent

#: The statistical series whose class travels in events: the national one.
STATISTICAL_SERIES = "bps"
MAXIMUM_CHILDREN = 20


class RegisterRefused(Exception):
    """The report cannot be registered; the text is a code: `already_registered` or `number_of_children`."""


@dataclass(frozen=True)
class Child:
    """One child of a report. `person_id` is its subject in the vault; None when nothing that identifies it is known.

    `first_child_id` is its id in the first report about it, where this is a later one.
    """

    child_id: str
    person_id: str | None
    sex: str
    age_years: int | None
    school_attendance: str
    first_child_id: str | None = None


@dataclass(frozen=True)
class Register:
    """The command to register a report. `work` are the facts of the work (null or absent: not known).

    `occurred_at` dates a report back that came on paper; None means now.
    """

    report_id: str
    report_number: str
    channel: str
    received_on: date
    kelurahan: str
    work_type: str
    children: tuple[Child, ...]
    work: Mapping[str, Any] = field(default_factory=dict)
    anonymous_reporter: bool = False
    demonstration: bool = False
    occurred_at: datetime | None = None


@dataclass(frozen=True)
class Report:
    """What is known of a report: `children` as its event has them (ids and codes)."""

    report_id: str
    report_number: str
    status: str
    received_on: date
    kelurahan: str
    severity: str
    children: tuple[Mapping[str, Any], ...]


def decide(report: Report | None, command: Register, rules: Rules) -> list[NewEvent]:
    """The events of registering: one `report.registered`, each child classified by the rules of the day of receipt.

    Raises RegisterRefused if there is such a report or the number of children is not 1 to 20, KeyError for an unknown
    kelurahan, TypeError for a fact that no rule knows.
    """
    if report is not None:
        raise RegisterRefused("already_registered")
    if not 1 <= len(command.children) <= MAXIMUM_CHILDREN:
        raise RegisterRefused("number_of_children")
    children = [classified(child, command.work, rules) for child in command.children]
    data = {
        "report_id": command.report_id,
        "report_number": command.report_number,
        "channel": command.channel,
        "received_on": command.received_on,
        "kecamatan": kecamatan_of(command.kelurahan).code,
        "kelurahan": command.kelurahan,
        "work_type": command.work_type,
        "hazards": sorted(set(command.work.get("hazards") or ())),
        "severity": worst(child["severity"] for child in children),
        "anonymous_reporter": command.anonymous_reporter,
        "demonstration": command.demonstration,
        "children": children,
    }
    return [NewEvent("report.registered", data, command.occurred_at)]


def evolve(report: Report | None, type_name: str, data: Mapping[str, Any]) -> Report | None:
    """The report after an event; events of other types change nothing. `received_on` may be a date or its text."""
    if type_name != "report.registered":
        return report
    received_on = data["received_on"]
    return Report(
        report_id=data["report_id"],
        report_number=data["report_number"],
        status="registered",
        received_on=received_on if isinstance(received_on, date) else date.fromisoformat(received_on),
        kelurahan=data["kelurahan"],
        severity=data["severity"],
        children=tuple(data["children"]),
    )


def classified(child: Child, work: Mapping[str, Any], rules: Rules) -> dict[str, Any]:
    """A child as an event has it (ids and codes), with the classes of its work by these rules."""
    result = classify(facts_of(child.age_years, work), rules)
    known = {} if child.first_child_id is None else {"first_child_id": child.first_child_id}
    return {
        "child_id": child.child_id,
        **known,
        "person_id": child.person_id,
        "sex": child.sex,
        "age_band": age_band(child.age_years),
        "school_attendance": child.school_attendance,
        "legal_class": result.legal.classification,
        "statistical_class": result.statistical[STATISTICAL_SERIES].classification,
        "severity": result.severity,
    }


def worst(severities: Iterable[str]) -> str:
    """The most severe of these, which is the report's."""
    return min(severities, key=list(codes("severity")).index)
