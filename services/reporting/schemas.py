"""What crosses the wire: the question for a table, and the table. The meaning is in model/tables.py."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from services.reporting.model import months
from shared import domain
from shared.web.language import N_

#: Months that one table may have: five years fit on a screen with some patience, a century does not.
LONGEST = 60
NOT_A_MONTH = N_("Write the month as year and month, such as 2026-11.")
BACKWARDS = N_("The first month comes after the last.")
TOO_LONG = N_("A table has at most 60 months.")


def month(text: str) -> None:
    """Refuses what is not a month."""
    if not months.is_month(text):
        raise ValidationError(NOT_A_MONTH)


def period_error(first: str, last: str) -> str | None:
    """What is wrong with a period of two well-formed months, as a msgid; None if nothing is."""
    if first > last:
        return BACKWARDS
    return TOO_LONG if len(months.between(first, last)) > LONGEST else None


class Question(Schema):
    """Which part of an indicator. Months are those in which reports were received, in WIB."""

    first = fields.String(
        data_key="from",
        validate=month,
        metadata={"description": "First month, YYYY-MM; January of this year if absent.", "pattern": months.PATTERN},
    )
    last = fields.String(
        data_key="to",
        validate=month,
        metadata={"description": "Last month, YYYY-MM; this month if absent.", "pattern": months.PATTERN},
    )
    kecamatan = fields.String(
        validate=validate.OneOf(list(domain.kecamatans())),
        metadata={"description": "Code of one kecamatan; the whole city if absent."},
    )

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: Any) -> None:
        """The months are in order and not too many."""
        if "first" in data and "last" in data and (error := period_error(data["first"], data["last"])):
            raise ValidationError({"from": [error]})


class Reference(Schema):
    """Where an indicator belongs in another frame of reporting."""

    ref = fields.String(required=True)
    unconfirmed = fields.Boolean(required=True)


class ShownIndicator(Schema):
    """An indicator as its file says it."""

    id = fields.String(required=True)
    version = fields.Integer(required=True)
    valid_from = fields.Date(required=True)
    names = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    description = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    numerator = fields.String(required=True)
    denominator = fields.String(required=True, allow_none=True)
    unit = fields.String(required=True, validate=validate.OneOf(("count", "percent")))
    time = fields.String(required=True, validate=validate.OneOf(("period", "now")))
    mapping = fields.Dict(keys=fields.String(), values=fields.Nested(Reference), required=True)


class IndicatorList(Schema):
    """All indicators."""

    items = fields.List(fields.Nested(ShownIndicator), required=True)


class ShownCell(Schema):
    """One figure. `suppressed` is "small" (from 1 to 4), "withheld" (hidden so that no small one can be computed) or
    null. `value` is null where it is suppressed, or where the denominator is zero."""

    value = fields.Float(required=True, allow_none=True)
    suppressed = fields.String(required=True, allow_none=True)
    numerator = fields.Integer(required=True, allow_none=True)
    denominator = fields.Integer(required=True, allow_none=True)


class Kecamatan(Schema):
    """A district of the city."""

    code = fields.String(required=True)
    name = fields.String(required=True)


class ShownRow(Schema):
    """One kecamatan: a cell for each month, in the order of `months`."""

    kecamatan = fields.Nested(Kecamatan, required=True)
    cells = fields.List(fields.Nested(ShownCell), required=True)
    total = fields.Nested(ShownCell, required=True)


class ShownFreshness(Schema):
    """How current the figures are."""

    as_of = fields.AwareDateTime(required=True, allow_none=True)
    last_event_at = fields.AwareDateTime(required=True, allow_none=True)
    events_behind = fields.Integer(required=True, allow_none=True)
    events_parked = fields.Integer(required=True)


class ShownTable(Schema):
    """An indicator by kecamatan and month of receipt."""

    indicator = fields.Nested(ShownIndicator, required=True)
    months = fields.List(fields.String(), required=True)
    rows = fields.List(fields.Nested(ShownRow), required=True)
    totals = fields.List(fields.Nested(ShownCell), required=True)
    total = fields.Nested(ShownCell, required=True)
    exact = fields.Boolean(required=True)
    demonstration = fields.Boolean(required=True)
    as_of = fields.AwareDateTime(required=True, allow_none=True)
    freshness = fields.Nested(ShownFreshness, required=True)
