"""Loading: functions that are made once from a schema's fields and accept only what they are sure of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, fields, missing, validate
from marshmallow.decorators import POST_LOAD, PRE_LOAD, VALIDATES, VALIDATES_SCHEMA

Read = Callable[[Any], Any]


class Unsure(Exception):
    """Only marshmallow can say: the value may be wrong, or is of a kind that is not read here."""


def reader(schema: Schema, unknown: str) -> Read:
    """A function that reads an object, or raises Unsure or ValidationError.

    Raises Unsure if the schema has a rule that is not followed here.
    """
    hooks = schema._hooks
    if hooks.get(PRE_LOAD) or hooks.get(VALIDATES) or unknown not in (RAISE, EXCLUDE):
        raise Unsure
    checks = [getattr(schema, name) for name in _plain(hooks.get(VALIDATES_SCHEMA, ()))]
    changes = [getattr(schema, name) for name in _plain(hooks.get(POST_LOAD, ()))]
    parts = [_part(name, field) for name, field in schema.load_fields.items()]
    options = {"many": False, "partial": None, "unknown": unknown}

    def read(data: Any) -> dict[str, Any]:
        if type(data) is not dict:
            raise Unsure
        found: dict[str, Any] = {}
        known = 0
        for key, name, read_value, required, default in parts:
            value = data.get(key, missing)
            if value is not missing:
                known += 1
                found[name] = read_value(value)
            elif required:
                raise Unsure
            elif default is not missing:
                found[name] = default() if callable(default) else default
        if known != len(data) and unknown == RAISE:
            raise Unsure
        for check in checks:
            check(found, **options)
        for change in changes:
            found = change(found, **options)
        return found

    return read


def _plain(hooks: Iterable[tuple[str, bool, Mapping[str, Any]]]) -> Iterable[str]:
    """The names of methods that look at one loaded object. Raises Unsure for those that want to see more."""
    for name, many, options in hooks:
        if many or options.get("pass_original"):
            raise Unsure
        yield name


def _part(name: str, field: fields.Field[Any]) -> tuple[str, str, Read, bool, Any]:
    """The key in the data, the name in the result, the reader, whether it must be there, and what stands in for it."""
    target = field.attribute or name
    if "." in target:
        raise Unsure
    return field.data_key or name, target, _of_field(field), field.required, field.load_default


def _of_field(field: fields.Field[Any]) -> Read:
    if field.pre_load or field.post_load or type(field).deserialize is not fields.Field.deserialize:
        raise Unsure
    read_checked = _checked(field)
    if field.allow_none:
        return lambda value: None if value is None else read_checked(value)
    return lambda value: read_checked(value) if value is not None else unsure()


def _checked(field: fields.Field[Any]) -> Read:
    """Reads a value that is not null, and does what the field's validators do."""
    own: Callable[[], Read] | None = getattr(field, "quick_checked", None)
    if own is not None:
        return own()
    read_value = _of_value(field)
    checks = [_check(validator) for validator in field.validators]
    if not checks:
        return read_value

    def read(value: Any) -> Any:
        found = read_value(value)
        for check in checks:
            check(found)
        return found

    return read


def _of_value(field: fields.Field[Any]) -> Read:
    """Reads a value that is not null, before the field's validators."""
    own: Callable[[], Read] | None = getattr(field, "quick", None)
    if own is not None:
        return own()
    if isinstance(field, fields.Nested):
        if field.many or field.schema.many or field.schema.partial:
            raise Unsure
        return reader(field.schema, field.unknown or field.schema.unknown)
    if isinstance(field, fields.List):
        inner = _of_field(field.inner)
        return lambda value: [inner(each) for each in value] if type(value) is list else unsure()
    if type(field) is fields.String or type(field)._deserialize is fields.String._deserialize:
        return lambda value: value if type(value) is str else unsure()
    return lambda value: field._deserialize(value, None, None)


def _check(validator: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if type(validator) is validate.OneOf and all(isinstance(choice, str) for choice in validator.choices):
        choices = frozenset(validator.choices)
        return lambda value: None if type(value) is str and value in choices else unsure()
    return validator


def unsure() -> Any:
    """Raises Unsure, where only an expression can stand."""
    raise Unsure
