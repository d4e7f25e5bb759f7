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

from shared.domain.roles import ROLES
from shared.events.cases import (
    CaseAssigned,
    CaseClockPaused,
    CaseClockResumed,
    CaseConsent,
    CaseCorrected,
    CaseDeadlineAtRisk,
    CaseDeadlineBreached,
    CaseMigrated,
    CaseOpened,
    CasePutBack,
    CaseReportJoined,
    CaseReportSeparated,
    CaseStepProposed,
    CaseStepRejected,
    CaseStepTaken,
    CaseTaskFinished,
    CaseTaskRaised,
    CaseTransferReceived,
    GlassBroken,
    GlassEnded,
    GlassReviewed,
    GlassUsed,
    ReferralAccepted,
    ReferralCompleted,
    ReferralMoved,
    ReferralRefused,
    ReferralRequested,
    ReferralTaken,
)
from shared.events.fields import Code, Count, Date, Flag, Id, ListOf, Moment, Number, Part
from shared.events.retention import (
    ReportErased,
    ReportHoldLifted,
    ReportHoldPlaced,
    RetentionApproved,
    RetentionCarriedOut,
    RetentionKept,
    RetentionProposed,
    RetentionTakenBack,
    RetentionWithdrawn,
)
from shared.events.subject_requests import SubjectRequestClosed, SubjectRequestCopied, SubjectRequestRecorded
from shared.validation import Schema

REASONS = ("requested", "endpoint_gone", "schedule_exhausted", "agency_closed", "account_closed")
REMOVALS = ("requested", "erased")
REFERRAL_NEWS = ("referral.requested", "referral.revoked", "referral.expired")
"""What is told of a referral, to the agency that it was asked of and to nobody else."""
SUBSCRIBABLE = ("case.opened", "case.step_taken", "case.deadline_breached", *REFERRAL_NEWS)


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
    first_child_id = Id("child")


class ReportRegistered(Schema):
    """A report was accepted and sealed. A case is opened for each of its children that has none open.

    `first_child_id` of a child: its id in the first report about it, where this is a later one.
    """

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


class ReportCorrected(Schema):
    """Fields of a child were corrected on request, by their names; the child's codes and classes as they are now.

    `child_number` says which child of the report it is, from 1; `severity` is the report's, after the correction.
    """

    report_id = Id("report", required=True)
    request_id = Id("request", required=True)
    child_number = Count(required=True)
    corrected = ListOf(Code("correctable_field"), required=True)
    child = Part(ReportedChild, required=True)
    severity = Code("severity", required=True)


class ReportChildSeparated(Schema):
    """A child of a report is another one than was said when it was registered: it is the first of its own reports.

    `first_child_id` is the id of the child that it was taken for. The rest is what a case of its own needs, as it is
    now; `received_at` is the moment from which deadlines count, `child_number` says which child it is, from 1.
    """

    report_id = Id("report", required=True)
    report_number = Number("L", required=True)
    channel = Code("channel", required=True)
    received_on = Date(required=True)
    received_at = Moment(required=True)
    kecamatan = Code("kecamatan", required=True)
    kelurahan = Code("kelurahan", required=True)
    work_type = Code("work_type", required=True)
    demonstration = Flag(required=True)
    child_number = Count(required=True)
    first_child_id = Id("child", required=True)
    child = Part(ReportedChild, required=True)


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


class Agency(Schema):
    """An agency of the referral network. Its public name stays in directory.

    `kecamatan` is that of its office. Version 2 added the `services` it gives (none named: all that its kind may), the
    `areas` it serves (none: the whole city) and its `capacity`: how many open referrals at a time (null: no limit).
    """

    agency_id = Id("agency", required=True)
    kind = Code("agency_kind", required=True)
    kecamatan = Code("kecamatan", required=True, allow_none=True)
    active = Flag(required=True)
    services = ListOf(Code("service_kind"))
    areas = ListOf(Code("kecamatan"))
    capacity = Count(allow_none=True)


class Company(Schema):
    """A company of APSAI, with its forms of partnership."""

    company_id = Id("company", required=True)
    partnership = ListOf(Code("partnership"), required=True)
    kecamatan = Code("kecamatan", required=True, allow_none=True)
    active = Flag(required=True)


class Account(Schema):
    """An account of a person of the staff; who that is stays in directory.

    Version 2 added the `areas` in which the person works (kecamatan; none: the whole city).
    """

    account_id = Id("account", required=True)
    agency_id = Id("agency", required=True, allow_none=True)
    role = Code(ROLES, required=True)
    active = Flag(required=True)
    areas = ListOf(Code("kecamatan"))


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


#: Types that fields were added to, and in which version they are; the others are in their first.
_VERSIONS = {
    "report.registered": 2,
    "subject_request.recorded": 2,
    "case.opened": 3,
    "case.step_taken": 2,
    "case.migrated": 2,
    "case.clock_resumed": 2,
    "case.deadline_at_risk": 2,
    "case.deadline_breached": 2,
    "referral.requested": 2,
    "referral.accepted": 2,
    "agency.registered": 2,
    "agency.changed": 2,
    "account.opened": 2,
    "account.changed": 2,
    "account.closed": 2,
}


def _types(topic: str, **schemas: type[Schema]) -> list[EventType]:
    named = {name.replace("__", "."): schema for name, schema in schemas.items()}
    return [EventType(name, _VERSIONS.get(name, 1), topic, schema) for name, schema in named.items()]


CATALOGUE: Mapping[str, EventType] = {
    entry.name: entry
    for entry in [
        *_types(
            "intake.reports",
            report__registered=ReportRegistered,
            report__child_erased=ReportChildErased,
            report__corrected=ReportCorrected,
            report__child_separated=ReportChildSeparated,
            report__narrative_redacted=ReportNarrativeRedacted,
            report__attachment_added=ReportAttachmentAdded,
            report__attachment_removed=ReportAttachmentRemoved,
            report__erased=ReportErased,
            report__hold_placed=ReportHoldPlaced,
            report__hold_lifted=ReportHoldLifted,
            retention__proposed=RetentionProposed,
            retention__approved=RetentionApproved,
            retention__taken_back=RetentionTakenBack,
            retention__kept=RetentionKept,
            retention__withdrawn=RetentionWithdrawn,
            retention__carried_out=RetentionCarriedOut,
            subject_request__recorded=SubjectRequestRecorded,
            subject_request__copied=SubjectRequestCopied,
            subject_request__closed=SubjectRequestClosed,
        ),
        *_types(
            "cases.events",
            case__opened=CaseOpened,
            case__report_joined=CaseReportJoined,
            case__report_separated=CaseReportSeparated,
            case__step_proposed=CaseStepProposed,
            case__step_rejected=CaseStepRejected,
            case__step_taken=CaseStepTaken,
            case__migrated=CaseMigrated,
            case__corrected=CaseCorrected,
            case__consent_given=CaseConsent,
            case__consent_withdrawn=CaseConsent,
            case__clock_paused=CaseClockPaused,
            case__clock_resumed=CaseClockResumed,
            case__transfer_received=CaseTransferReceived,
            case__task_raised=CaseTaskRaised,
            case__assigned=CaseAssigned,
            case__put_back=CasePutBack,
            case__task_finished=CaseTaskFinished,
            case__deadline_at_risk=CaseDeadlineAtRisk,
            case__deadline_breached=CaseDeadlineBreached,
            referral__requested=ReferralRequested,
            referral__claimed=ReferralTaken,
            referral__released=ReferralTaken,
            referral__accepted=ReferralAccepted,
            referral__declined=ReferralRefused,
            referral__expired=ReferralMoved,
            referral__service_started=ReferralMoved,
            referral__completed=ReferralCompleted,
            referral__revoked=ReferralRefused,
            access__glass_broken=GlassBroken,
            access__glass_used=GlassUsed,
            access__glass_ended=GlassEnded,
            access__glass_reviewed=GlassReviewed,
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
