"""What crosses the wire of retention: proposals to erase, what is decided on them, and holds."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from services.intake.retention.decisions import KEEP, POSSIBLE
from services.intake.retention.proposals import PROPOSED, STATES
from services.intake.schemas import one_of
from shared.clock import utc_now
from shared.domain.retention import months_after
from shared.domain.working_time import wib_date
from shared.validation import Schema
from shared.web.language import N_
from shared.web.paging import Page, Paged

LONGEST_KEPT_MONTHS = 60
"""Longer than this nothing is kept without being asked again."""


class ProposalPaging(Paged):
    """Which proposals, and which page of them."""

    state = fields.String(load_default=PROPOSED, validate=validate.OneOf(STATES))


class ShownProposal(Schema):
    """A proposal to erase what is over. `child_id` is null where it is about the report as a whole."""

    proposal_id = fields.String(required=True)
    state = fields.String(required=True)
    report_id = fields.String(required=True)
    report_number = fields.String(required=True)
    child_id = fields.String(required=True, allow_none=True)
    rule = fields.String(required=True)
    ended_at = fields.AwareDateTime(required=True)
    over_on = fields.String(required=True, metadata={"format": "date", "description": "The last day of the period."})
    proposed_at = fields.AwareDateTime(required=True)
    decided_at = fields.AwareDateTime(required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True, metadata={"description": "The account's id."})
    keep_reason = fields.String(required=True, allow_none=True)
    keep_until = fields.String(required=True, allow_none=True, metadata={"format": "date"})
    withdrawn_reason = fields.String(required=True, allow_none=True)
    carried_out_at = fields.AwareDateTime(required=True, allow_none=True)
    erasure_id = fields.String(required=True, allow_none=True, metadata={"description": "The receipt."})
    version = fields.Integer(required=True)


class ProposalList(Page):
    """One page of proposals, the longest over first."""

    items = fields.List(fields.Nested(ShownProposal), required=True)


class Decision(Schema):
    """What is decided: `approve` the erasure, `keep` it longer (with `reason` and `until`), `take_back` an approval."""

    decision = fields.String(required=True, validate=validate.OneOf(list(POSSIBLE)))
    reason = one_of("keeping_reason", allow_none=True, load_default=None)
    until = fields.Date(format="iso", allow_none=True, load_default=None)

    @validates_schema
    def says_why_and_until_when(self, data: dict[str, Any], **_: Any) -> None:
        """Who keeps something says why, and until a day to come that is not too far away."""
        if data.get("decision") != KEEP:
            return
        errors = {
            name: [N_("Missing data for required field.")] for name in ("reason", "until") if data.get(name) is None
        }
        today, until = wib_date(utc_now()), data.get("until")
        if until is not None and not today < until <= months_after(today, LONGEST_KEPT_MONTHS):
            errors["until"] = [N_("The day must lie in the future, at most five years from now.")]
        if errors:
            raise ValidationError(errors)


class Hold(Schema):
    """Why nothing of the report may be erased."""

    reason = one_of("hold_reason", required=True)
