"""The events of requests by a child or guardian: for a copy of what is held, or to have it corrected."""

from __future__ import annotations

from shared.events.fields import Code, Id, ListOf, Moment
from shared.validation import Schema


class OfRequest(Schema):
    """What every event of a request says of it. Who asked stays with the office: a code, no name."""

    request_id = Id("request", required=True)
    report_id = Id("report", required=True)
    child_id = Id("child", required=True)


class SubjectRequestRecorded(OfRequest):
    """A child or guardian asked for a copy or a correction; how it was seen who they are, and until when it is due.

    `kind` is a copy where an older event has none; `wrong`: the fields that shall be corrected, by their names.
    """

    asked_by = Code("request_asker", required=True)
    identity_check = Code("identity_check", required=True)
    due_at = Moment(required=True)
    kind = Code("request_kind")
    wrong = ListOf(Code("correctable_field"))


class SubjectRequestCopied(OfRequest):
    """The copy was opened, to be handed over."""


class SubjectRequestClosed(OfRequest):
    """The request is answered, and how."""

    outcome = Code("request_outcome", required=True)
