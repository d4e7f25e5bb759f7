"""What is known of a case besides its way (Record), and how its way is written: as events, and as it is stored.

The way itself is the engine's: `decide` and `evolve` over a definition. No Flask, no Kafka, no Mongo, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.cases import definitions
from services.cases.engine import Case, Deadline, Definition, Event, Referral
from services.cases.engine.definition import Duration
from services.cases.engine.state import BREACHED, PAUSED, Awaited, Task
from shared.events import NewEvent

URGENCY = {"emergency": 0, "high": 1, "medium": 2, "low": 3}
DEADLINE_EVENTS = ("case.deadline_at_risk", "case.deadline_breached")
_MOMENTS = ("due_at", "remind_at", "expires_at", "still_since")


@dataclass(frozen=True)
class Record:
    """Who and what a case is about: ids and codes that do not change with its way (but may be corrected)."""

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
    demonstration: bool
    first_child_id: str
    """The id of the child in the first report about it: what cases of one child have in common."""
    channel: str | None = None
    """By which way the report came in; None for cases that were opened before that was told."""

    def about(self) -> dict[str, str]:
        """What the workflow may ask for of it."""
        names = ("severity", "age_band", "legal_class", "statistical_class", "kecamatan", "work_type", "sex")
        return {name: getattr(self, name) for name in names}


def needed_by(document: Mapping[str, Any], account_id: str) -> list[str]:
    """The roles for whom something waits in a stored case, as this account sees it: who decides on the step that
    awaits a second person (unless the account proposed it: that is no need of its own), and whom a deadline that passed
    is escalated to. Raises NoDefinition."""
    roles: set[str] = set()
    definition = definitions.of(document["workflow"])
    awaited = document["awaited"]
    if awaited and awaited["by"] != account_id:
        roles.update(definition.steps[awaited["step"]].approved_by)
    for each in document["deadlines"]:
        rule = definition.rule(each["name"])
        if each["phase"] == BREACHED and rule is not None:
            roles.update(rule.escalate_to)
    return sorted(roles)


# --- Events: as the engine has them, and as they are published ------------------------------------------------------


def published(definition: Definition, record: Record, before: Case | None, event: Event) -> NewEvent:
    """An event of the engine as the catalogue has it: with what tells its case, and the agency of its referral."""
    data = {name: value for name, value in event.data.items() if name not in ("by", "about", "definition")}
    if "facts" in data:
        data["facts"] = _listed(data["facts"])
    if event.type in DEADLINE_EVENTS:
        data["deadline"] = data.pop("name")
    if "subject" in data:
        data.update(about_subject(data.pop("subject")))
    if event.type != "case.clock_paused" and "deadlines" in data:
        data["deadlines"] = [_published_deadline(each) for each in data["deadlines"]]
    if "recounted" in data:
        data["recounted"] = [_published_deadline(each) for each in data["recounted"]]
    if event.type == "case.opened":
        return NewEvent(event.type, {**data, **_opening(definition, record, data["deadlines"])}, event.at)
    if event.type == "case.migrated":
        data = _migration(definition, data)
    if event.type == "case.report_joined":
        data["reported"] = event.data["about"]
    if event.type == "case.step_taken":
        data["ended"] = definition.stages[data["to_stage"]].final
        data["on_time"] = None if before is None else _on_time(before, event.at)
    if event.type.startswith("referral.") and before is not None and event.type != "referral.requested":
        referral = before.referrals[data["referral_id"]]
        data.update(kind=referral.kind, agency_id=referral.agency_id)
    named = {name: getattr(record, name) for name in ("case_id", "case_number", "kecamatan", "severity")}
    return NewEvent(event.type, {**named, **data}, event.at)


def from_entry(entry: Mapping[str, Any]) -> Event:
    """The engine's event of a journal entry (`type`, `data`, `occurred_at`, `actor`): `published` read back."""
    data = {**entry["data"], "by": entry["actor"]}
    if "facts" in data:
        data["facts"] = _by_name(data["facts"])
    if entry["type"] in DEADLINE_EVENTS:
        data["name"] = data.pop("deadline")
    if entry["type"] == "case.report_joined":
        data["about"] = data.pop("reported")
    elif entry["type"].startswith("case.") and "referral_id" in data:
        data["subject"] = data.pop("referral_id") or data.pop("report_id", None) or ""
    if entry["type"] != "case.clock_paused" and "deadlines" in data:
        data["deadlines"] = [_engine_deadline(each) for each in data["deadlines"]]
    if "recounted" in data:
        data["recounted"] = [_engine_deadline(each) for each in data["recounted"]]
    if entry["type"] == "case.opened":
        data["about"] = record_of(data).about()
    if entry["type"] == "case.migrated":
        data.update(_engine_migration(data))
    if "workflow" in data:
        data["definition"] = f"{data['workflow']}@{data['workflow_version']}"
    return Event(entry["type"], data, entry["occurred_at"])


def record_of(data: Mapping[str, Any]) -> Record:
    """The record that a `case.opened`, or a stored case, tells."""
    values = {name: data[name] for name in Record.__dataclass_fields__ if name in data}
    # What was opened before children were recognised again is the first report of its child.
    values["first_child_id"] = data.get("first_child_id") or data["child_id"]
    day = values["received_on"]
    return Record(**{**values, "received_on": day if isinstance(day, date) else date.fromisoformat(day)})


def joined_entry(reported: Record, report_number: str, received_at: datetime) -> dict[str, Any]:
    """What a case keeps of a report that joined it. `reported` is the record of the case that it would have opened."""
    values = _fields(reported)
    for name in ("case_id", "case_number", "first_child_id"):
        del values[name]
    return {
        **values,
        "received_on": reported.received_on.isoformat(),
        "report_number": report_number,
        "received_at": received_at,
    }


def can_open(entry: Mapping[str, Any]) -> bool:
    """Whether what joined a case can open one of its own: at first less was kept of it."""
    return "received_at" in entry


def as_registered(entry: Mapping[str, Any], first_child_id: str) -> dict[str, Any]:
    """What joined a case as its registering would tell it, of this child."""
    known = first_child_id if first_child_id != entry["child_id"] else None
    child = {**entry, "first_child_id": known}
    return {**entry, "received_on": date.fromisoformat(entry["received_on"]), "children": [child]}


def _opening(definition: Definition, record: Record, begun: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    first = min(begun, key=lambda each: each["due_at"])
    known = {name: value for name, value in _fields(record).items() if name != "channel" or value is not None}
    return {
        **known,
        "workflow": definition.name,
        "workflow_version": definition.version,
        "screening_due_at": first["due_at"],
        "late": first["late"],
    }


def _migration(definition: Definition, data: Mapping[str, Any]) -> dict[str, Any]:
    awaited = data["awaited"]
    return {
        **{name: value for name, value in data.items() if name not in ("from_definition", "kinds")},
        "workflow": definition.name,
        "workflow_version": definition.version,
        "from_version": int(data["from_definition"].rpartition("@")[2]),
        "referrals": [{"referral_id": key, "kind": kind} for key, kind in data["kinds"].items()],
        "pauses": [{"pause": pause, "deadlines": names} for pause, names in data["pauses"].items()],
        "awaited": None if awaited is None else {"step": awaited["step"], "facts": _listed(awaited["facts"])},
    }


def _engine_migration(data: Mapping[str, Any]) -> dict[str, Any]:
    awaited = data["awaited"]
    return {
        "from_definition": f"{data['workflow']}@{data['from_version']}",
        "kinds": {each["referral_id"]: each["kind"] for each in data["referrals"]},
        "pauses": {each["pause"]: each["deadlines"] for each in data["pauses"]},
        "awaited": None if awaited is None else {"step": awaited["step"], "facts": _by_name(awaited["facts"])},
    }


def _listed(facts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"fact": fact, "value": value} for fact, value in facts.items()]


def _by_name(facts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {each["fact"]: each["value"] for each in facts}


def _published_deadline(each: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: value for name, value in each.items() if name != "subject"}, **about_subject(each["subject"])}


def about_subject(subject: str) -> dict[str, Any]:
    """What a deadline or a task is about: a report that joined, or a referral; nothing for the case itself."""
    if subject.startswith("report-"):
        return {"referral_id": None, "report_id": subject}
    return {"referral_id": subject or None}


def _engine_deadline(each: Mapping[str, Any]) -> dict[str, Any]:
    moments = {name: _moment(each[name]) for name in _MOMENTS if name in each}
    rest = {name: value for name, value in each.items() if name not in (*_MOMENTS, "referral_id", "report_id")}
    return {**rest, "subject": each["referral_id"] or each.get("report_id") or "", **moments}


def _on_time(before: Case, at: datetime) -> bool | None:
    due = [each.due_at for each in before.deadlines if not each.subject and each.phase != PAUSED]
    return all(at <= moment for moment in due) if due else None


def _moment(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


# --- A case as it is stored -----------------------------------------------------------------------------------------


def as_document(record: Record, case: Case) -> dict[str, Any]:
    """The case as it is stored: its record, its way, and what the queue and the clock ask for."""
    values = _fields(record)
    running = [each.due_at for each in case.deadlines if each.phase != PAUSED]
    return {
        "_id": values.pop("case_id"),
        **values,
        "received_on": record.received_on.isoformat(),
        "urgency": URGENCY[record.severity],
        "workflow": case.definition,
        "opened_at": case.opened_at,
        "stage": case.stage,
        "open": not definitions.of(case.definition).stages[case.stage].final,
        "facts": dict(case.facts),
        "consents": sorted(case.consents),
        "referrals": [_as_entry(each) for each in case.referrals.values()],
        "deadlines": [_as_deadline(each) for each in case.deadlines],
        "pauses": sorted(case.pauses),
        "awaited": _as_entry(case.awaited) if case.awaited else None,
        "tasks": [_as_entry(task) for task in case.tasks],
        "due_at": min(running, default=None),
        "next_at": case.next_at,
        "overdue": any(each.phase == BREACHED for each in case.deadlines),
        "assigned_to": case.assigned_to,
        "left_by": case.left_by,
        "version": case.version,
        "since": dict(case.since),
    }


def from_document(document: Mapping[str, Any]) -> tuple[Record, Case]:
    """The case as it was stored."""
    record = record_of({**document, "case_id": document["_id"]})
    awaited = document["awaited"]
    case = Case(
        case_id=record.case_id,
        definition=document["workflow"],
        stage=document["stage"],
        opened_at=document["opened_at"],
        about=record.about(),
        facts=document["facts"],
        consents=frozenset(document["consents"]),
        referrals={
            each["referral_id"]: Referral(**{**each, "tried": tuple(each["tried"])}) for each in document["referrals"]
        },
        deadlines=tuple(_deadline(each) for each in document["deadlines"]),
        pauses=frozenset(document["pauses"]),
        awaited=Awaited(**awaited) if awaited else None,
        tasks=tuple(Task(**each) for each in document["tasks"]),
        assigned_to=document.get("assigned_to"),
        left_by=document.get("left_by"),
        version=document["version"],
        since=document.get("since", {}),
    )
    return record, case


def _as_entry(value: Any) -> dict[str, Any]:
    entry = _fields(value)
    return {**entry, "tried": list(entry["tried"])} if isinstance(value, Referral) else entry


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass of plain values as a dictionary: dataclasses.asdict, which copies whatever it finds, takes ten times
    as long, and every command writes a case."""
    return dict(vars(value))


def _as_deadline(each: Deadline) -> dict[str, Any]:
    return {**each._asdict(), "left": None if each.left is None else _fields(each.left)}


def _deadline(entry: Mapping[str, Any]) -> Deadline:
    left = entry["left"]
    return Deadline(**{**entry, "left": Duration(**left) if left else None})
