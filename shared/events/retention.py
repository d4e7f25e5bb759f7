"""The events of retention: what was proposed to be erased because its time is over, and what a person decided."""

from __future__ import annotations

from shared.events.fields import Code, Date, Id, Moment, Term
from shared.validation import Schema


class OfProposal(Schema):
    """What every event of a proposal says of it. `child_id` is null where it is about the report as a whole."""

    proposal_id = Id("proposal", required=True)
    report_id = Id("report", required=True)
    child_id = Id("child", required=True, allow_none=True)


class RetentionProposed(OfProposal):
    """The period of retention is over, by which rule, since which day; a person is asked."""

    rule = Term(required=True)
    ended_at = Moment(required=True)
    over_on = Date(required=True)


class RetentionApproved(OfProposal):
    """A person approved the erasure. It is carried out later."""


class RetentionTakenBack(OfProposal):
    """A person took the approval back, before it was carried out."""


class RetentionKept(OfProposal):
    """A person keeps it until that day, and why."""

    reason = Code("keeping_reason", required=True)
    until = Date(required=True)


class RetentionWithdrawn(OfProposal):
    """The proposal no longer stands, and why."""

    reason = Code("proposal_withdrawal", required=True)


class RetentionCarriedOut(OfProposal):
    """What was approved is erased; the receipt is kept."""

    erasure_id = Id("erasure", required=True)


class ReportErased(Schema):
    """What stood in a report as a whole was erased with its files; its codes stay."""

    report_id = Id("report", required=True)
    reason = Code("erasure_reason", required=True)


class ReportHoldPlaced(Schema):
    """Nothing of the report may be erased from now on, and why."""

    report_id = Id("report", required=True)
    reason = Code("hold_reason", required=True)


class ReportHoldLifted(Schema):
    """The report may be erased again as others may."""

    report_id = Id("report", required=True)
