"""What crosses the wire of cases: a case without identities, the work queue, a screening."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from services.cases.model import ASSESSMENT, SCREENING
from shared import domain
from shared.domain.working_time import start_of_day


def one_of(kind: str, **options: Any) -> fields.String:
    """A code of a list of `shared.domain`."""
    return fields.String(validate=validate.OneOf(list(domain.codes(kind))), **options)


class Screening(Schema):
    """The judgement of the risk. `screened_on` dates it back to a day in WIB; absent means now."""

    risk = one_of("risk", required=True)
    screened_on = fields.Date(format="iso", load_default=None, allow_none=True)

    @post_load
    def as_moment(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The day as the moment at which it begins: a screening counts from its day on."""
        day = data.pop("screened_on")
        return {**data, "screened_at": None if day is None else start_of_day(day)}


class Case(Schema):
    """A case, without what identifies anybody."""

    case_id = fields.String(required=True)
    case_number = fields.String(required=True)
    report_id = fields.String(required=True)
    report_number = fields.String(required=True)
    stage = fields.String(required=True, validate=validate.OneOf([SCREENING, ASSESSMENT]))
    received_on = fields.String(required=True, metadata={"format": "date"})
    kecamatan = fields.String(required=True)
    kelurahan = fields.String(required=True)
    work_type = fields.String(required=True)
    sex = fields.String(required=True)
    age_band = fields.String(required=True)
    legal_class = fields.String(required=True)
    statistical_class = fields.String(required=True)
    severity = fields.String(required=True)
    risk = fields.String(required=True, allow_none=True)
    screening_due_at = fields.AwareDateTime(required=True)
    screened_at = fields.AwareDateTime(required=True, allow_none=True)
    late = fields.Boolean(required=True)
    overdue = fields.Boolean(required=True)
    demonstration = fields.Boolean(required=True)
    version = fields.Integer(required=True)


class Queue(Schema):
    """Which cases, and which page of them."""

    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=10_000))
    page_size = fields.Integer(load_default=25, validate=validate.Range(min=1, max=100))
    stage = fields.String(validate=validate.OneOf([SCREENING, ASSESSMENT]))
    severity = one_of("severity")
    kecamatan = one_of("kecamatan")
    report_id = fields.String(validate=validate.Regexp(r"report-[0-9a-f]{32}\Z"))
    overdue = fields.Boolean()


class CaseList(Schema):
    """One page of cases, the most urgent first."""

    items = fields.List(fields.Nested(Case), required=True)
    page = fields.Integer(required=True)
    page_size = fields.Integer(required=True)
    total = fields.Integer(required=True)


class Entry(Schema):
    """One event in the history of a case."""

    type = fields.String(required=True)
    version = fields.Integer(required=True)
    occurred_at = fields.AwareDateTime(required=True)
    recorded_at = fields.AwareDateTime(required=True)
    actor = fields.String(required=True)
    data = fields.Dict(required=True)


class History(Schema):
    """The history of a case, oldest first."""

    items = fields.List(fields.Nested(Entry), required=True)


class Closed(Schema):
    """The names of fields that are held and not open to your role."""

    child = fields.List(fields.String(), required=True)
    report = fields.List(fields.String(), required=True)


class Identities(Schema):
    """What identifies the child, and what the report says, as held in the vault and open to your role."""

    child = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    report = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    closed = fields.Nested(Closed, required=True)
    erased = fields.Boolean(required=True, metadata={"description": "The child's identity was erased."})
