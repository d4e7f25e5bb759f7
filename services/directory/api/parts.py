"""Parts that directory's JSON shares: a list, an entry with its ETag, a command that may be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from services.directory import store
from shared.journal import Command
from shared.web import Problem, current_foundation
from shared.web.conditions import command, etag
from shared.web.paging import one_page

#: An entry as stored, the status, and the headers.
Answer = tuple[Mapping[str, Any], int, dict[str, str]]


def repeatable() -> Command | None:
    """The command of this request, if it has an Idempotency-Key."""
    return command(current_foundation().settings.secret_key)


def listed(thing: str, paging: Mapping[str, Any], **question: Any) -> dict[str, Any]:
    """One page of a kind of entry, as the lists answer it."""
    number, size = paging["page"], paging["page_size"]
    items, total = store.page(current_foundation().database, thing, question, number, size)
    return one_page(items, paging, total)


def found(thing: str, identifier: str) -> dict[str, Any]:
    """The entry, or Problem 404."""
    entry = store.get(current_foundation().database, thing, identifier)
    if entry is None:
        raise Problem(404, "not_found")
    return entry


def shown(thing: str, identifier: str, status: int = 200) -> Answer:
    """The answer that shows an entry, with its ETag."""
    entry = found(thing, identifier)
    headers = etag(entry["version"])
    if status == 201:
        headers["Location"] = f"{request.path}/{identifier}"
    return entry, status, headers


def filters(paging: Mapping[str, Any]) -> dict[str, Any]:
    """What a list is limited to, of what the question named."""
    return {field: paging[field] for field in ("active", "kind") if field in paging}
