"""Valid data of every event type, made from its schema."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from shared.events import CATALOGUE
from shared.events.fields import Code, Count, Date, Flag, Id, ListOf, Moment, Number, Part, Term


def example(name: str) -> dict[str, Any]:
    """Data that the type `name` accepts, as it comes in JSON."""
    return _object(CATALOGUE[name].schema())


def _object(schema: Schema) -> dict[str, Any]:
    return {name: _value(field) for name, field in schema.fields.items()}


def _value(field: fields.Field[Any]) -> Any:
    match field:
        case Id():
            return f"{field.pattern.partition('-')[0]}-{'a' * 32}"
        case Number():
            return f"{field.pattern[0]}-7K3M9-Q2X4T-5"
        case Term():
            return "word"
        case Code():
            return min(field.known)
        case Flag():
            return False
        case Count():
            return 3
        case Date():
            return "2026-11-24"
        case Moment():
            return "2026-11-24T03:10:00.000+00:00"
        case ListOf():
            return [_value(field.inner)]
        case Part():
            return _object(field.schema)
    raise AssertionError(f"no example for {field}")
