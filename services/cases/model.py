"""The pure core of cases: `decide(case, command) -> events` and `evolve(case, event) -> case`.

No Flask, no Kafka, no Mongo, no clock: time and ids come in on the command. A case begins in the stage `screening`;
screening it moves it to `assessment`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from shared.domain.working_time import wib_date
from shared.events import NewEvent

SCREENING, ASSESSMENT = "screening", "assessment"
DEADLINES = Path(__file__).with_name("deadlines.yaml")


class Refused(Exception):
    """The command is not possible now. `reason` is a code: `already_screened`, `before_receipt`, `in_the_future`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Case:
    """Where a case stands. Ids and codes only; `overdue` says that the deadline passed and was escalated."""

    case_id: str
    case_number: str
    report_id: str
    child_id: str
    person_id: str | None
    received_on: date
    kecamatan: str
    kelurahan: str
    work_type: str
    sex: str
    age_band: str
    legal_class: str
    statistical_class: str
    severity: str
    screening_due_at: datetime
    late: bool
    demonstration: bool
    stage: str = SCREENING
    risk: str | None = None
    screened_at: datetime | None = None
    overdue: bool = False
    version: int = 1


@dataclass(frozen=True)
class Open:
    """Open a case for one child of a report. `about` has the fields of `case.opened` that the report knows."""

    case_id: str
    case_number: str
    about: Mapping[str, Any]
    received_at: datetime
    now: datetime


@dataclass(frozen=True)
class Screen:
    """Judge the risk. `screened_at` may lie back: paper is entered later."""

    risk: str
    screened_at: datetime
    now: datetime


@dataclass(frozen=True)
class MarkOverdue:
    """Say that the deadline for screening has passed, if it has and nobody said so yet."""

    now: datetime


Command = Open | Screen | MarkOverdue


def decide(case: Case | None, command: Command) -> Sequence[NewEvent]:
    """The events of a command; none if there is nothing to say. Raises Refused."""
    match command:
        case Open():
            return [] if case is not None else [_opened(command)]
        case Screen() if case is not None:
            return [_screened(case, command)]
        case MarkOverdue() if case is not None:
            return [_overdue(case)] if is_due(case, command.now) else []
    raise Refused("no_case")


def evolve(case: Case | None, type_name: str, data: Mapping[str, Any], occurred_at: datetime) -> Case | None:
    """The case after an event. Events of other types change nothing."""
    if type_name == "case.opened":
        values = dict(data)
        values["received_on"] = _date(values["received_on"])
        values["screening_due_at"] = _moment(values["screening_due_at"])
        return Case(**values)
    if case is None:
        return None
    if type_name == "case.screened":
        return replace(case, stage=ASSESSMENT, risk=data["risk"], screened_at=occurred_at, version=case.version + 1)
    if type_name == "case.screening_overdue":
        return replace(case, overdue=True, version=case.version + 1)
    return case


def is_due(case: Case, now: datetime) -> bool:
    """Whether the deadline for screening has passed and must be escalated.

    A deadline that had passed before the report was entered is marked late, and not escalated.
    """
    return case.stage == SCREENING and not case.overdue and not case.late and case.screening_due_at <= now


def screening_due_at(severity: str, received_at: datetime) -> datetime:
    """The moment by which a case of this urgency must be screened, by deadlines.yaml."""
    return received_at + timedelta(hours=_hours()[severity])


def as_document(case: Case) -> dict[str, Any]:
    """The case as it is stored."""
    values = asdict(case)
    return {"_id": values.pop("case_id"), **values, "received_on": case.received_on.isoformat()}


def from_document(document: Mapping[str, Any]) -> Case:
    """The case as it was stored; what the store adds for its queries is left out."""
    known = {name: document[name] for name in Case.__dataclass_fields__ if name in document}
    return Case(**{**known, "case_id": document["_id"], "received_on": _date(document["received_on"])})


def _opened(command: Open) -> NewEvent:
    due_at = screening_due_at(command.about["severity"], command.received_at)
    data = {
        **command.about,
        "case_id": command.case_id,
        "case_number": command.case_number,
        "screening_due_at": due_at,
        "late": due_at < command.now,
    }
    return NewEvent("case.opened", data, command.received_at)


def _screened(case: Case, command: Screen) -> NewEvent:
    if case.stage != SCREENING:
        raise Refused("already_screened")
    if command.screened_at > command.now:
        raise Refused("in_the_future")
    if wib_date(command.screened_at) < case.received_on:
        raise Refused("before_receipt")
    data = {**_named(case), "risk": command.risk, "on_time": command.screened_at <= case.screening_due_at}
    return NewEvent("case.screened", data, command.screened_at)


def _overdue(case: Case) -> NewEvent:
    return NewEvent("case.screening_overdue", {**_named(case), "due_at": case.screening_due_at})


def _named(case: Case) -> dict[str, Any]:
    return {
        "case_id": case.case_id,
        "case_number": case.case_number,
        "kecamatan": case.kecamatan,
        "severity": case.severity,
    }


def _date(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _moment(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


@cache
def _hours() -> Mapping[str, float]:
    hours: Mapping[str, float] = yaml.safe_load(DEADLINES.read_text())["screening_hours"]
    return hours
