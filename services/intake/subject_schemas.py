"""What crosses the wire of requests of a child or guardian: for a copy of what is held, or to have it corrected."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from services.intake.schemas import CorrectedChild, can_have_been, one_of
from services.intake.subject_requests import COPY, CORRECTION
from shared import domain
from shared.clock import utc_now
from shared.domain.working_time import wib_date
from shared.validation import Schema
from shared.web.language import N_
from shared.web.paging import Page, Paged


class NewRequest(Schema):
    """A request for a copy, or for a correction of the fields that are `wrong` (their names; no value).

    `asked_on` is the day (WIB) on which it was asked; today if it is left out.
    """

    child_id = fields.String(required=True, validate=validate.Regexp(r"child-[0-9a-f]{32}\Z"))
    asked_by = one_of("request_asker", required=True)
    identity_check = one_of("identity_check", required=True)
    asked_on = fields.Date(format="iso", load_default=lambda: wib_date(utc_now()))
    kind = one_of("request_kind", load_default=COPY)
    wrong = fields.List(
        one_of("correctable_field"),
        load_default=list,
        validate=validate.Length(max=len(domain.codes("correctable_field"))),
    )

    @validates_schema
    def says_what_is_wrong(self, data: dict[str, Any], **_: Any) -> None:
        """Of a correction it is said which fields, each once; of a copy there is nothing to say."""
        wrong, corrects = data.get("wrong", []), data.get("kind") == CORRECTION
        if corrects and not wrong:
            raise ValidationError({"wrong": [N_("Tick what is wrong.")]})
        if wrong and (not corrects or len(set(wrong)) < len(wrong)):
            raise ValidationError({"wrong": ["Invalid value."]})

    @validates_schema
    def was_asked(self, data: dict[str, Any], **_: Any) -> None:
        """Nobody asked in the future, nor before there was an office."""
        can_have_been("asked_on", data)


class Outcome(Schema):
    """How a request was answered."""

    outcome = one_of("request_outcome", required=True)


class Correction(Schema):
    """What shall be held in place of the fields that the request names: all of these, and no others."""

    values = fields.Nested(CorrectedChild, required=True)


class Held(Schema):
    """What is held now in the fields that the request names; left out: nothing is held."""

    values = fields.Nested(CorrectedChild, required=True)


class RequestPaging(Paged):
    """Which requests, and which page of them."""

    open = fields.Boolean(load_default=True)


class ShownRequest(Schema):
    """A request, without what identifies anybody."""

    request_id = fields.String(required=True)
    report_id = fields.String(required=True)
    report_number = fields.String(required=True)
    child_id = fields.String(required=True)
    kind = fields.String(required=True)
    wrong = fields.List(fields.String(), required=True, metadata={"description": "Names of fields to be corrected."})
    asked_by = fields.String(required=True)
    identity_check = fields.String(required=True)
    asked_at = fields.AwareDateTime(required=True)
    due_at = fields.AwareDateTime(required=True)
    recorded_at = fields.AwareDateTime(required=True)
    recorded_by = fields.String(required=True, metadata={"description": "The account's id."})
    copied_at = fields.AwareDateTime(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)
    closed_at = fields.AwareDateTime(required=True, allow_none=True)
    closed_by = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True)


class RequestList(Page):
    """One page of requests, the first due first."""

    items = fields.List(fields.Nested(ShownRequest), required=True)


class Codes(Schema):
    """The codes that are kept about the child and its report."""

    child = fields.Dict(keys=fields.String(), values=fields.String(allow_none=True), required=True)
    report = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class HeldInReport(Schema):
    """What one report holds about a child."""

    report_number = fields.String(required=True)
    child = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    codes = fields.Nested(Codes, required=True)
    closed = fields.List(fields.String(), required=True, metadata={"description": "Held, not open to your role."})


class SubjectCopy(Schema):
    """What is held about a child in all reports about it, that of the request first.

    What others said of it may tell who reported, and is not in it.
    """

    made_at = fields.AwareDateTime(required=True)
    reports = fields.List(fields.Nested(HeldInReport), required=True)
