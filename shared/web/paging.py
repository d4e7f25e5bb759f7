"""Lists by page: what a question may say, and the shape of what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from shared import validation


class Paged(validation.Schema):
    """Which page of a list."""

    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=10_000))
    page_size = fields.Integer(load_default=25, validate=validate.Range(min=1, max=100))


class Page(validation.Schema):
    """One page of a list, and how many entries there are on all pages. A list adds its `items`."""

    page = fields.Integer(required=True)
    page_size = fields.Integer(required=True)
    total = fields.Integer(required=True)


def list_of(item: type[Schema]) -> type[Schema]:
    """The schema of one page of a list."""
    return Page.from_dict({"items": fields.List(fields.Nested(item), required=True)}, name=f"{item.__name__}List")


def one_page(items: list[Any], question: Mapping[str, Any], total: int) -> dict[str, Any]:
    """The answer to a question for one page: as Page."""
    return {"items": items, "page": question["page"], "page_size": question["page_size"], "total": total}
