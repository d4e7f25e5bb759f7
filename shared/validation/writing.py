"""Dumping: functions that are made once from a schema's fields, for objects that are mappings and have them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, missing
from marshmallow.decorators import POST_DUMP, PRE_DUMP

from shared.validation.reading import Unsure, unsure

Write = Callable[[Any], Any]


def writer(schema: Schema) -> Write:
    """A function that dumps a mapping, or raises Unsure. Raises Unsure if the schema does more than its fields do."""
    if schema._hooks.get(PRE_DUMP) or schema._hooks.get(POST_DUMP) or schema.dict_class is not dict:
        raise Unsure
    if type(schema).get_attribute is not Schema.get_attribute:
        raise Unsure
    parts = [_part(name, field) for name, field in schema.dump_fields.items()]

    def write(found: Any) -> dict[str, Any]:
        if type(found) is not dict:
            raise Unsure
        written: dict[str, Any] = {}
        for key, name, write_value in parts:
            value = found.get(name, missing)
            if value is missing:  # left out, or has a default: marshmallow knows
                raise Unsure
            written[key] = None if value is None else write_value(value)
        return written

    return write


def _part(name: str, field: fields.Field[Any]) -> tuple[str, str, Write]:
    """The key in the result, the name in the data, and the writer."""
    kind, source = type(field), field.attribute or name
    if kind.serialize is not fields.Field.serialize or kind.get_value is not fields.Field.get_value:
        raise Unsure
    if not field._CHECK_ATTRIBUTE or "." in source:
        raise Unsure
    return name if field.data_key is None else field.data_key, source, _of_value(field)


def _of_value(field: fields.Field[Any]) -> Write:
    """Writes a value that is not None."""
    serialize: Any = type(field)._serialize
    if serialize is fields.Field._serialize:
        # Its field writes None as None, and everything else as it is.
        return lambda value: value
    if serialize is fields.String._serialize:
        return lambda value: value if type(value) is str else unsure()
    if serialize is fields.List._serialize:
        inner = _of_value(field.inner)  # type: ignore[attr-defined]
        return lambda value: [None if each is None else inner(each) for each in value]
    if serialize is fields.Nested._serialize:
        return _of_nested(field)  # type: ignore[arg-type]
    if not serialize.__module__.startswith("marshmallow."):
        raise Unsure  # a field of ours may look at more than its value
    return lambda value: field._serialize(value, None, None)


def _of_nested(field: fields.Nested) -> Write:
    if field.many or field.schema.many:
        raise Unsure
    return writer(field.schema)
