"""The form of a definition's file, as marshmallow schemas: what may stand where. What it means is put together, and
held against the rest of the file, in reading.py.
"""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from services.cases.engine.definition import UNITS, WORKING_DAYS, Duration

PERIOD = re.compile(r"(\d+(?:\.\d+)?) ([a-z_]+)")
NAME = validate.Regexp(r"^[a-z][a-z0-9_]*\Z", error="a name has small letters, digits and underscores")


class Period(fields.Field[Duration]):
    """A length of time such as `5 working_days`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Duration:
        found = PERIOD.fullmatch(value) if isinstance(value, str) else None
        if found is None or found[2] not in UNITS:
            raise ValidationError(f"is no period; write for example '5 working_days' ({', '.join(UNITS)})")
        if found[2] == WORKING_DAYS and "." in found[1]:
            raise ValidationError("working days are whole")
        return Duration(float(found[1]), found[2])


class OneOrMany(fields.Field[list[Any]]):
    """One value, or a list of entries of a schema: `to: closed` or `to: [{when: ..., stage: ...}]`."""

    def __init__(self, one: str, schema: type[Schema]) -> None:
        super().__init__(load_default=list)
        self._one, self._schema = one, schema

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> list[Any]:
        if isinstance(value, str):
            return [{self._one: value}]
        loaded: list[Any] = self._schema(many=True).load(value)
        return loaded


class OneOrByValue(fields.Field[dict[str, Duration]]):
    """One period for all, or one by each value of a fact."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> dict[str, Duration]:
        period = Period()
        if not isinstance(value, dict):
            return {"otherwise": period.deserialize(value)}
        loaded: dict[str, Duration] = fields.Dict(keys=fields.String(), values=period).deserialize(value)
        return loaded


class Named(Schema):
    """Whatever has a name in every language."""

    id = fields.String(required=True, validate=validate.Length(min=1))
    en = fields.String(required=True, validate=validate.Length(min=1))


def named(schema: type[Schema] = Named, **options: Any) -> fields.Dict:
    """Entries by name."""
    return fields.Dict(keys=fields.String(validate=NAME), values=fields.Nested(schema), **options)


def texts(*, required: bool = False, **options: Any) -> fields.List:
    """A list of names; an empty one if it may be left out."""
    default: dict[str, Any] = {"required": True} if required else {"load_default": list}
    return fields.List(fields.String(), **default, **options)


class StageForm(Named):
    final = fields.Boolean(load_default=False)


class FactForm(Named):
    codes = fields.String()
    values = named()


class BranchForm(Schema):
    when = fields.String()
    stage = fields.String(required=True)


class StepForm(Named):
    origins = texts(required=True, data_key="from")
    by = texts(required=True)
    agency_kinds = texts()
    to = OneOrMany("stage", BranchForm)
    records = texts()
    may_record = texts()
    forgets = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    when = fields.String()
    consents = texts()
    approved_by = texts()


class PeriodForm(Schema):
    """How long something may take, and what follows."""

    within = OneOrByValue(required=True)
    by = fields.String(load_default="")
    remind = Period()
    escalate_to = texts()
    expires = Period()


class DeadlineForm(PeriodForm, Named):
    stages = texts(required=True)


class PauseForm(Named):
    deadlines = texts(required=True)


class ReferralForm(Named):
    agency_kinds = texts(required=True)
    service_kind = fields.String()
    stages = texts(required=True)
    consents = texts()
    sees = texts(required=True)
    outcomes = named(required=True)
    response = fields.Nested(PeriodForm, required=True)
    service = fields.Nested(PeriodForm)


class InvariantForm(Named):
    never = fields.String(required=True)


def renamed(*, dropped: bool = False) -> fields.Dict:
    """Old words and what they are called now; null drops one, where that is possible."""
    return fields.Dict(keys=fields.String(), values=fields.String(allow_none=dropped), load_default=dict)


class TakesOverForm(Schema):
    """How cases of an older version come to this one."""

    version = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))
    stages = renamed()
    steps = renamed()
    facts = renamed(dropped=True)
    values = fields.Dict(
        keys=fields.String(), values=fields.Dict(keys=fields.String(), values=fields.String()), load_default=dict
    )
    consents = renamed(dropped=True)
    referrals = renamed()
    pauses = renamed(dropped=True)
    deadlines = renamed()


class DefinitionForm(Schema):
    """The whole file."""

    workflow = fields.String(required=True, validate=NAME)
    version = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))
    name = fields.Nested(Named, required=True)
    source = fields.String(load_default="")
    unconfirmed = fields.Boolean(load_default=False)
    takes_over = fields.Nested(TakesOverForm)
    begins = fields.String(required=True)
    stages = named(StageForm, required=True)
    facts = named(FactForm, load_default=dict)
    consents = named(load_default=dict)
    managed_by = texts(required=True)
    answered_by = texts()
    steps = named(StepForm, required=True)
    deadlines = named(DeadlineForm, load_default=dict)
    pauses = named(PauseForm, load_default=dict)
    referrals = named(ReferralForm, load_default=dict)
    decline_reasons = named(load_default=dict)
    revoke_reasons = named(load_default=dict)
    invariants = named(InvariantForm, load_default=dict)
