"""The catalogue: every event type, its version, its schema, its topic.

A new version of a type may add optional fields; anything else is a new type. An event carries ids and codes, never an
identity: `shared.events.fields` has no field that could hold one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from marshmallow import EXCLUDE, RAISE, ValidationError, validate
from marshmallow import Schema as AnySchema

from shared.events.fields import Code, Count, Date, Flag, Id, ListOf, Moment, Number, Part
from shared.validation import Schema

REASONS = ("requested", "endpoint_gone", "schedule_exhausted", "agency_closed", "account_closed")
REMOVALS = ("requested", "erased")
SUBSCRIBABLE = ("case.opened", "case.screened", "case.screening_overdue")
ROLES = ["intake_clerk", "case_worker", "supervisor", "partner_agency", "analyst", "administrator"]


class ReportedChild(Schema):
    """One child of a report, without what identifies it."""

    child_id = Id("child", required=True)
    person_id = Id("person", required=True, allow_none=True)
    sex = Code("sex", required=True)
    age_band = Code("age_band", required=True)
    school_attendance = Code("school_attendance", required=True)
    legal_class = Code("legal_class", required=True)
    statistical_class = Code("statistical_class", required=True)
    severity = Code("severity", required=True)


class ReportRegistered(Schema):
    """A report was accepted and sealed. One case is opened for each of its children."""

    report_id = Id("report", required=True)
    report_number = Number("L", required=True)
    channel = Code("channel", required=True)
    received_on = Date(required=True)
    kecamatan = Code("kecamatan", required=True)
    kelurahan = Code("kelurahan", required=True)
    work_type = Code("work_type", required=True)
    hazards = ListOf(Code("hazard"), required=True)
    severity = Code("severity", required=True)
    anonymous_reporter = Flag(required=True)
    demonstration = Flag(required=True)
    children = ListOf(Part(ReportedChild), required=True, validate=validate.Length(min=1, max=20))


class ReportChildErased(Schema):
    """What identified a child of a report was erased; its codes stay."""

    report_id = Id("report", required=True)
    child_id = Id("child", required=True)
    person_id = Id("person", required=True)
    reason = Code("erasure_reason", required=True)


class ReportNarrativeRedacted(Schema):
    """The narrative of a report was replaced by one that no longer tells of an erased child."""

    report_id = Id("report", required=True)


class ReportAttachmentAdded(Schema):
    """A photograph or a paper was added to a report. Its name, description and content stay in the vault."""

    report_id = Id("report", required=True)
    attachment_id = Id("attachment", required=True)
    kind = Code("attachment_kind", required=True)
    format = Code("attachment_format", required=True)
    size_bytes = Count(required=True)


class ReportAttachmentRemoved(Schema):
    """A photograph or a paper of a report was removed, and why. What opened it is gone."""

    report_id = Id("report", required=True)
    attachment_id = Id("attachment", required=True)
    reason = Code(REMOVALS, required=True)


class CaseOpened(Schema):
    """A case began for one child of a report."""

    case_id = Id("case", required=True)
    case_number = Number("K", required=True)
    report_id = Id("report", required=True)
    child_id = Id("child", required=True)
    person_id = Id("person", required=True, allow_none=True)
    received_on = Date(required=True)
    kecamatan = Code("kecamatan", required=True)
    kelurahan = Code("kelurahan", required=True)
    work_type = Code("work_type", required=True)
    sex = Code("sex", required=True)
    age_band = Code("age_band", required=True)
    legal_class = Code("legal_class", required=True)
    statistical_class = Code("statistical_class", required=True)
    severity = Code("severity", required=True)
    screening_due_at = Moment(required=True)
    late = Flag(required=True)
    demonstration = Flag(required=True)


class CaseScreened(Schema):
    """A case worker judged the risk: the first step of case management."""

    case_id = Id("case", required=True)
    case_number = Number("K", required=True)
    kecamatan = Code("kecamatan", required=True)
    severity = Code("severity", required=True)
    risk = Code("risk", required=True)
    on_time = Flag(required=True)


class CaseScreeningOverdue(Schema):
    """The deadline for screening passed without a screening. Said once per case."""

    case_id = Id("case", required=True)
    case_number = Number("K", required=True)
    kecamatan = Code("kecamatan", required=True)
    severity = Code("severity", required=True)
    due_at = Moment(required=True)


class Agency(Schema):
    """An agency of the referral network. Its public name stays in directory."""

    agency_id = Id("agency", required=True)
    kind = Code("agency_kind", required=True)
    kecamatan = Code("kecamatan", required=True, allow_none=True)
    active = Flag(required=True)


class Company(Schema):
    """A company of APSAI, with its forms of partnership."""

    company_id = Id("company", required=True)
    partnership = ListOf(Code("partnership"), required=True)
    kecamatan = Code("kecamatan", required=True, allow_none=True)
    active = Flag(required=True)


class Account(Schema):
    """An account of a person of the staff; who that is stays in directory."""

    account_id = Id("account", required=True)
    agency_id = Id("agency", required=True, allow_none=True)
    role = Code(ROLES, required=True)
    active = Flag(required=True)


class Subscription(Schema):
    """An agency asks to be told of events. Where it is told stays in notifications."""

    subscription_id = Id("subscription", required=True)
    agency_id = Id("agency", required=True)
    event_types = ListOf(Code(SUBSCRIBABLE), required=True)
    kecamatans = ListOf(Code("kecamatan"), required=True)
    minimum_severity = Code("severity", required=True)


class SubscriptionState(Schema):
    """A subscription was disabled, enabled or deleted, or its secret was rotated, and why."""

    subscription_id = Id("subscription", required=True)
    agency_id = Id("agency", required=True)
    reason = Code(REASONS, required=True)


@dataclass(frozen=True)
class EventType:
    """One entry: `name` is `<thing>.<past tense>`, `version` counts additions, `topic` is in topics.yaml."""

    name: str
    version: int
    topic: str
    schema: type[Schema]

    @property
    def summary(self) -> str:
        """The first line of the schema's docstring."""
        return (self.schema.__doc__ or "").strip().splitlines()[0]


def _types(topic: str, **schemas: type[Schema]) -> list[EventType]:
    return [EventType(name.replace("__", "."), 1, topic, schema) for name, schema in schemas.items()]


CATALOGUE: Mapping[str, EventType] = {
    entry.name: entry
    for entry in [
        *_types(
            "intake.reports",
            report__registered=ReportRegistered,
            report__child_erased=ReportChildErased,
            report__narrative_redacted=ReportNarrativeRedacted,
            report__attachment_added=ReportAttachmentAdded,
            report__attachment_removed=ReportAttachmentRemoved,
        ),
        *_types(
            "cases.events",
            case__opened=CaseOpened,
            case__screened=CaseScreened,
            case__screening_overdue=CaseScreeningOverdue,
        ),
        *_types(
            "directory.events",
            agency__registered=Agency,
            agency__changed=Agency,
            company__registered=Company,
            company__changed=Company,
            account__opened=Account,
            account__changed=Account,
            account__closed=Account,
        ),
        *_types(
            "notifications.events",
            subscription__created=Subscription,
            subscription__changed=Subscription,
            subscription__secret_rotated=SubscriptionState,
            subscription__disabled=SubscriptionState,
            subscription__enabled=SubscriptionState,
            subscription__deleted=SubscriptionState,
        ),
    ]
}

_strict: dict[str, Schema] = {}
_lenient: dict[str, Schema] = {}


class InvalidEvent(Exception):
    """Data that does not fit its type. `errors` maps fields to messages; values are not quoted."""

    def __init__(self, type_name: str, errors: Mapping[str, Any]) -> None:
        super().__init__(f"{type_name}: {', '.join(sorted(map(str, errors)))}")
        self.errors = errors


def produce(type_name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON-ready data of a new event. Raises InvalidEvent for anything that its schema does not name."""
    if type_name not in CATALOGUE:
        raise InvalidEvent(type_name, {"type": ["not in the catalogue"]})
    schema = _strict.get(type_name)
    if schema is None:
        schema = _strict[type_name] = CATALOGUE[type_name].schema(unknown=RAISE)
        _strictly(schema)
    ready = _json_ready(data)
    try:
        schema.load(ready)
    except ValidationError as error:
        raise InvalidEvent(type_name, error.normalized_messages()) from None
    return ready


def consume(type_name: str, data: Any) -> dict[str, Any]:
    """The loaded data of an event that was read. Unknown fields and codes pass. Raises InvalidEvent."""
    schema = _lenient.get(type_name)
    if schema is None:
        schema = _lenient[type_name] = _lenient_schema(CATALOGUE[type_name].schema)
    try:
        return schema.load(data)
    except ValidationError as error:
        raise InvalidEvent(type_name, error.normalized_messages()) from None


def _strictly(schema: AnySchema) -> None:
    """Makes schema and parts a producer's: fields.Code looks at its `root`, which is the part's own schema."""
    schema.producing = True  # type: ignore[attr-defined]
    for part in _parts(schema):
        _strictly(part.schema)


def _lenient_schema(schema: type[Schema]) -> Schema:
    instance = schema(unknown=EXCLUDE)
    for part in _parts(instance):
        part.unknown = EXCLUDE
    return instance


def _parts(schema: AnySchema) -> Iterator[Part]:
    """The fields that are objects of their own, also in lists."""
    for field in schema.fields.values():
        inner = field.inner if isinstance(field, ListOf) else field
        if isinstance(inner, Part):
            yield inner


def _json_ready(value: Any) -> Any:
    if type(value) in (str, bool, int) or value is None:
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")  # the database keeps no more
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(item) for item in value]
    return value
