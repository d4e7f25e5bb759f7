"""Which service answers a path, from routes.yaml.

One table for the front door, the reverse proxy and the tests. It knows no service beyond its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import yaml

LANGUAGES = ("id", "en")
#: Shown on a developer's machine only: marks every translated text, so that what is not marked stands out.
PSEUDO_LANGUAGE = "xx"
API_PREFIX = "/api/v1"


@dataclass(frozen=True)
class Routes:
    """The first path segments that one service owns."""

    api: tuple[str, ...]
    pages: tuple[str, ...]


@cache
def routes() -> dict[str, Routes]:
    """The table: service name -> Routes."""
    table = yaml.safe_load(Path(__file__).with_name("routes.yaml").read_text(encoding="utf-8"))
    return {service: Routes(tuple(entry["api"]), tuple(entry["pages"])) for service, entry in table.items()}


@lru_cache(maxsize=1024)
def owner(path: str) -> str | None:
    """The service that answers `path` ("/id/reports/new" -> "intake"), or None when nobody does."""
    segments = [*path.lstrip("/").split("/"), "", ""]
    if segments[0] == "api":
        return _first(lambda entry: segments[1] == "v1" and segments[2] in entry.api)
    if segments[0] in routes():
        return segments[0]
    if segments[0] not in (*LANGUAGES, PSEUDO_LANGUAGE):
        return None
    if segments[1] in routes():
        return segments[1]
    return _first(lambda entry: segments[1] in entry.pages)


def _first(matches: Callable[[Routes], bool]) -> str | None:
    return next((service for service, entry in routes().items() if matches(entry)), None)
