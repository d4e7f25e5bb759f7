"""What crosses the wire of intake: a report as it is sent, and as it is shown without identities.

The form of the page is checked by the same schema, so that both say the same. Free text goes to the vault and is only
checked for its length and for characters that nobody types.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from services.intake.model import FACTS
from shared import domain
from shared.clock import utc_now
from shared.domain.working_time import wib_date
from shared.events.fields import Flag
from shared.validation import Schema, Unsure
from shared.web.language import N_
from shared.web.paging import Page, Paged

EARLIEST = date(2000, 1, 1)
MAXIMUM_CHILDREN = 20
TRANSFER_IN = "transfer_in"
"""The channel by which another office hands its case over to us."""
HOURS = {"hours_per_day": 24, "hours_per_week": 168, "chores_hours_per_week": 168}
LISTS = {"hazards": "hazard", "worst_forms": "worst_form"}
#: Facts that are yes, no or not known.
TRI_STATE = tuple(name for name in FACTS if name not in ("age_years", *HOURS, *LISTS))
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def printable(value: str) -> None:
    """Refuses characters that nobody types and that no page can show."""
    if not value.isprintable() and _CONTROL.search(value):
        raise ValidationError(N_("This has characters that cannot be stored."))


class Text(fields.String):
    """Free text for the vault: at most `longest` characters, without spaces around it; empty is absent."""

    def __init__(self, longest: int, **options: Any) -> None:
        super().__init__(validate=[validate.Length(max=longest), printable], allow_none=True, **options)

        self._longest = longest

    def quick_checked(self) -> Callable[[Any], str]:
        """Reads the texts that are sure to be right (shared.validation)."""
        longest = self._longest

        def read(value: Any) -> str:
            if type(value) is str and value.isprintable():
                text = value.strip()
                if len(text) <= longest:
                    return text
            raise Unsure

        return read

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **options)
        return text.strip()


def can_have_been(name: str, data: dict[str, Any]) -> None:
    """Refuses a day in the future, and one before there was an office. Raises ValidationError for the field."""
    day = data.get(name)
    if day is not None and day > wib_date(utc_now()):
        raise ValidationError({name: [N_("The date may not be in the future.")]})
    if day is not None and day < EARLIEST:
        raise ValidationError({name: [N_("The date is too long ago.")]})


def one_of(kind: str, **options: Any) -> fields.String:
    """A code of a list of `shared.domain`."""
    return fields.String(validate=validate.OneOf(list(domain.codes(kind))), **options)


class Reporter(Schema):
    """Who reports; may stay anonymous."""

    anonymous = Flag(load_default=False)
    name = Text(200)
    phone = Text(40)

    @validates_schema
    def says_one_thing(self, data: dict[str, Any], **_: Any) -> None:
        """An anonymous reporter has no name: one of the two is a mistake, and a name must not be kept by mistake."""
        if data.get("anonymous"):
            named = {
                name: [N_("Leave this empty for an anonymous reporter.")]
                for name in ("name", "phone")
                if data.get(name)
            }
            if named:
                raise ValidationError(named)


class Workplace(Schema):
    """Where the child works."""

    name = Text(200)
    address = Text(500)


class Transfer(Schema):
    """Which office hands the case over (*pelimpahan*), and under which number the case is kept there."""

    office = Text(200)
    reference = Text(100)


Work = Schema.from_dict(
    {
        **{name: Flag(allow_none=True) for name in TRI_STATE},
        **{
            name: fields.Float(allow_none=True, validate=validate.Range(min=0, max=most))
            for name, most in HOURS.items()
        },
        **{
            name: fields.List(one_of(kind), allow_none=True, validate=validate.Length(max=50))
            for name, kind in LISTS.items()
        },
    },
    name="Work",
)


class Child(Schema):
    """One child. Nothing that identifies it is required: the child may be unknown."""

    name = Text(200)
    alias = Text(200)
    sex = one_of("sex", load_default="unknown")
    age_years = fields.Integer(strict=True, allow_none=True, load_default=None, validate=validate.Range(min=0, max=120))
    nik = fields.String(allow_none=True, validate=validate.Regexp(r"[0-9]{16}\Z", error=N_("The NIK has 16 digits.")))
    guardian_name = Text(200)
    guardian_phone = Text(40)
    address = Text(500)
    school = Text(200)
    school_attendance = one_of("school_attendance", load_default="unknown")
    same_as = fields.String(
        allow_none=True,
        validate=validate.Regexp(r"child-[0-9a-f]{32}\Z", error=N_("There is no such child.")),
        metadata={"description": "The `child_id` of this child in an earlier report, as finding it has told."},
    )


class CorrectedChild(Child):
    """What shall stand in the place of a child's fields; a text or age that is null is kept no more. Nothing is filled
    in for what is left out."""

    sex = one_of("sex")
    age_years = fields.Integer(strict=True, allow_none=True, validate=validate.Range(min=0, max=120))
    school_attendance = one_of("school_attendance")


class NewReport(Schema):
    """A report as it is sent."""

    channel = one_of("channel", required=True)
    received_on = fields.Date(format="iso", required=True)
    kelurahan = one_of("kelurahan", required=True)
    work_type = one_of("work_type", required=True)
    work = fields.Nested(Work, load_default=dict)
    reporter = fields.Nested(Reporter, load_default=dict)
    workplace = fields.Nested(Workplace, load_default=dict)
    transfer = fields.Nested(Transfer, load_default=dict)
    children = fields.List(fields.Nested(Child), required=True, validate=validate.Length(min=1, max=MAXIMUM_CHILDREN))
    narrative = Text(20_000)
    demonstration = Flag(load_default=None, allow_none=True)

    @validates_schema
    def was_received(self, data: dict[str, Any], **_: Any) -> None:
        """A report is not received in the future, nor before there was an office."""
        can_have_been("received_on", data)

    @validates_schema
    def comes_by_transfer(self, data: dict[str, Any], **_: Any) -> None:
        """An office that hands over has its place in a transfer alone: elsewhere one of the two is a mistake."""
        if data.get("channel") not in (None, TRANSFER_IN):
            typed = [name for name, value in data.get("transfer", {}).items() if value]
            if typed:
                only = [N_("Leave this empty unless the report comes in by transfer.")]
                raise ValidationError({"transfer": dict.fromkeys(typed, only)})

    @post_load
    def without_empty(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """What was left empty is absent."""
        for part in (data, data["reporter"], data["workplace"], data["transfer"], *data["children"]):
            for name in [name for name, value in part.items() if value == ""]:
                del part[name]
        return data


class ShownChild(Schema):
    """One child of a report, without what identifies it."""

    child_id = fields.String(required=True)
    first_child_id = fields.String(required=True, allow_none=True)
    sex = fields.String(required=True)
    age_band = fields.String(required=True)
    school_attendance = fields.String(required=True)
    legal_class = fields.String(required=True)
    legal_rule = fields.String(required=True, allow_none=True)
    legal_citation = fields.String(required=True, allow_none=True)
    missing_facts = fields.List(fields.String(), required=True)
    worst_possible = fields.String(required=True, allow_none=True)
    statistical_class = fields.String(required=True)
    severity = fields.String(required=True)
    erased = fields.Boolean(required=True)


class ShownReport(Schema):
    """A report, without what identifies anybody."""

    report_id = fields.String(required=True)
    number = fields.String(required=True)
    status = fields.String(required=True)
    channel = fields.String(required=True)
    received_on = fields.String(required=True, metadata={"format": "date"})
    registered_at = fields.AwareDateTime(required=True)
    kecamatan = fields.String(required=True)
    kelurahan = fields.String(required=True)
    work_type = fields.String(required=True)
    severity = fields.String(required=True)
    anonymous_reporter = fields.Boolean(required=True)
    demonstration = fields.Boolean(required=True)
    children = fields.List(fields.Nested(ShownChild), required=True)
    redaction_needed = fields.Boolean(required=True)
    on_hold = fields.Boolean(required=True)
    version = fields.Integer(required=True)


class ReportPaging(Paged):
    """Which reports, and which page of them."""

    kecamatan = one_of("kecamatan")
    severity = one_of("severity")
    received_from = fields.Date(format="iso")
    received_to = fields.Date(format="iso")


class ReportList(Page):
    """One page of reports, newest first."""

    items = fields.List(fields.Nested(ShownReport), required=True)


class Erasure(Schema):
    """Why what identifies a child is erased.

    `also`: the numbers of the child's other reports that hold something of it, in which it is erased too. A wrong list
    is answered 409 with the right one.
    """

    reason = one_of("erasure_reason", required=True)
    also = fields.List(
        fields.String(validate=validate.Regexp(r"L-[0-9A-Z-]{1,30}\Z", error=N_("Not a valid id."))),
        load_default=list,
        validate=validate.Length(max=100),
    )


class Receipt(Schema):
    """The receipt of an erasure: what was deleted, when, why, by which account or process. It tells nobody's name.

    `child_id` is null where it was the report as a whole, `approved_by` where nobody else had to approve it.
    """

    erasure_id = fields.String(attribute="_id", required=True)
    report_id = fields.String(required=True)
    report_number = fields.String(required=True)
    child_id = fields.String(required=True, allow_none=True)
    subject = fields.String(required=True)
    reason = fields.String(required=True)
    fields_ = fields.Integer(attribute="fields", data_key="fields", required=True)
    erased_at = fields.AwareDateTime(required=True)
    erased_by = fields.String(required=True)
    approved_by = fields.String(required=True, allow_none=True)
    redaction_needed = fields.Boolean(required=True)


class Redaction(Schema):
    """The narrative without what tells who the erased child is."""

    narrative = Text(20_000, required=True)

    @validates_schema
    def says_something(self, data: dict[str, Any], **_: Any) -> None:
        """An empty one is most likely a slip; who wants none writes so."""
        if not data.get("narrative"):
            raise ValidationError({"narrative": ["Missing data for required field."]})


class Closed(Schema):
    """The names of fields that are held and not open to your role."""

    report = fields.List(fields.String(), required=True)
    children = fields.List(fields.List(fields.String()), required=True)


class Identities(Schema):
    """What identifies the people in a report, field by field as held in the vault and open to your role."""

    report = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    children = fields.List(fields.Dict(keys=fields.String(), values=fields.String()), required=True)
    closed = fields.Nested(Closed, required=True)


class AttachmentFile(Schema):
    """The file of a new attachment. What its sender says of its type counts for nothing."""

    file = Upload(required=True, metadata={"description": "JPEG, PNG, WebP or PDF, at most 10 MB."})


class AboutAttachment(Schema):
    """What is said of a new attachment; sealed as its name is."""

    description = Text(500, load_default="")


class ShownAttachment(Schema):
    """A file of a report, without its name."""

    attachment_id = fields.String(required=True)
    kind = fields.String(required=True)
    media_type = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    added_at = fields.AwareDateTime(required=True)
    added_by = fields.String(required=True, metadata={"description": "The account's id."})


class AttachmentList(Schema):
    """The files of a report, oldest first."""

    items = fields.List(fields.Nested(ShownAttachment), required=True)


class NamedAttachment(Schema):
    """What identifies in a file's name and description."""

    attachment_id = fields.String(required=True)
    file_name = fields.String()
    description = fields.String()


class AttachmentNames(Schema):
    """The names of a report's files."""

    items = fields.List(fields.Nested(NamedAttachment), required=True)


class Wanted(Schema):
    """A child who may have been reported before. The name alone is not enough where it has one part only."""

    name = Text(200, required=True)
    age_years = fields.Integer(strict=True, allow_none=True, load_default=None, validate=validate.Range(min=0, max=120))
    kecamatan = one_of("kecamatan", allow_none=True, load_default=None)
    guardian_name = Text(200, load_default=None)

    @validates_schema
    def has_a_name(self, data: dict[str, Any], **_: Any) -> None:
        """Without a name nothing is compared."""
        if not data.get("name"):
            raise ValidationError({"name": [N_("Enter the name of the child.")]})


class ShownMatch(Schema):
    """A child of a report that may be the one who is meant; whoever may open the report can look."""

    report_number = fields.String(required=True)
    report_id = fields.String(required=True)
    child_id = fields.String(required=True)
    received_on = fields.String(required=True, metadata={"format": "date"})
    kecamatan = fields.String(required=True)
    age_band = fields.String(required=True)
    likeness = fields.String(required=True, metadata={"description": "same, very_alike or alike: of the names."})


class Matches(Schema):
    """The children who may be meant, the most alike first; at most five."""

    items = fields.List(fields.Nested(ShownMatch), required=True)
