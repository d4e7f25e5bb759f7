"""The indicators, as the files in ../indicators say them: checked when they are loaded, so that a wrong file stops the
start and not a yearly submission. How they are counted is in facts.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from services.reporting.model.facts import MEASURES
from shared.domain import LANGUAGES
from shared.domain.data import read

FOLDER = Path(__file__).parents[1] / "indicators"
#: Frames of reporting that an indicator may be mapped to: child-friendly city, UN goals, the ministry's register.
FRAMES = ("kla", "sdg", "simfoni")


class IndicatorError(ValueError):
    """An indicator's file says something that cannot be; the message names the file and the entry."""


@dataclass(frozen=True)
class Indicator:
    """One indicator. Without a denominator it is a count, with one a percentage.

    `time` is "period" for what happened to the reports received in a period, "now" for a state of today. `mapping` is
    frame -> {"ref": text, "unconfirmed": bool}.
    """

    id: str
    version: int
    valid_from: date
    names: Mapping[str, str]
    description: Mapping[str, str]
    numerator: str
    denominator: str | None
    time: str
    mapping: Mapping[str, Mapping[str, Any]]

    @property
    def unit(self) -> str:
        """ "percent" or "count"."""
        return "percent" if self.denominator else "count"


class _Reference(Schema):
    ref = fields.String(required=True, validate=validate.Length(min=1))
    unconfirmed = fields.Boolean(load_default=False)


def _texts() -> fields.Nested:
    text = fields.String(required=True, validate=validate.Regexp(r"(?s)\s*\S.*"))
    return fields.Nested(Schema.from_dict(dict.fromkeys(LANGUAGES, text)), required=True)


class _File(Schema):
    class Meta:
        unknown = RAISE

    id = fields.String(required=True, validate=validate.Regexp(r"[a-z][a-z0-9_]*\Z"))
    version = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))
    valid_from = fields.Raw(required=True)
    names = _texts()
    description = _texts()
    numerator = fields.String(required=True, validate=validate.OneOf(MEASURES))
    denominator = fields.String(load_default=None, validate=validate.OneOf(MEASURES))
    time = fields.String(required=True, validate=validate.OneOf(("period", "now")))
    mapping = fields.Dict(
        keys=fields.String(validate=validate.OneOf(FRAMES)), values=fields.Nested(_Reference), required=True
    )


def load(folder: Path) -> dict[str, Indicator]:
    """The indicators of a folder by id. Raises IndicatorError."""
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            content = _File().load(read(path))
        except ValidationError as error:
            raise IndicatorError(f"{path.name}: {error.messages}") from None
        if content["id"] != path.stem:
            raise IndicatorError(f"{path.name}: the id is {content['id']}: a file is called after its indicator")
        if not isinstance(content["valid_from"], date):
            raise IndicatorError(f"{path.name}: valid_from is a date, such as 2026-01-01")
        if content["numerator"] == content["denominator"]:
            raise IndicatorError(f"{path.name}: numerator and denominator are the same")
        found[content["id"]] = Indicator(**content)
    if not found:
        raise IndicatorError(f"{folder.name}: no indicator")
    return found


@cache
def indicators() -> Mapping[str, Indicator]:
    """The indicators of this instance by id."""
    return load(FOLDER)
