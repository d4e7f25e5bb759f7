"""What was exposed, from the audit log: counts for the notice of a breach (UU 27/2022 Ps.46), without identities.

It counts openings that were asked for: an entry is written before the data are shown, so the figures are an upper
bound. Who the people are is no part of it: entries have ids only, and this gives numbers of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pymongo.database import Database

from shared.access.audit import COLLECTION

ACTION = "identity.opened"
#: Of an entry what is counted.
COUNTED = ("at", "actor", "role", "agency", "session", "subject", "fields", "purpose")


def entries(database: Database, since: datetime, until: datetime, **only: str | None) -> Iterable[Mapping[str, Any]]:
    """The openings from `since` until before `until` (aware), of one `actor`, `session` or `subject` if given.

    Raises pymongo's errors, whose text must not be shown.
    """
    question: dict[str, Any] = {"action": ACTION, "outcome": "allowed", "at": {"$gte": since, "$lt": until}}
    question |= {name: value for name, value in only.items() if value is not None}
    return database[COLLECTION].find(question, dict.fromkeys(COUNTED, 1))


def exposure(found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts: `persons`, `reports`, `openings`, `first`, `last`, and `fields`, `accounts`, `purposes` as lists.

    A field is named `person.name`. Everything is ordered by how many subjects it concerns, the most first.
    """
    whole = _Count()
    tables: dict[str, dict[tuple[str | None, ...], _Count]] = {"fields": {}, "accounts": {}, "purposes": {}}
    for entry in found:
        whole.add(entry)
        kind = entry["subject"].partition("-")[0]
        keys: list[tuple[str, tuple[str | None, ...]]] = [
            ("accounts", (entry["actor"], entry["role"], entry["agency"])),
            ("purposes", (entry["purpose"],)),
            *(("fields", (f"{kind}.{field}",)) for field in entry["fields"]),
        ]
        for table, key in keys:
            tables[table].setdefault(key, _Count()).add(entry)
    of_kind = {kind: sum(subject.startswith(f"{kind}-") for subject in whole.subjects) for kind in ("person", "report")}
    return {
        "persons": of_kind["person"],
        "reports": of_kind["report"],
        "openings": whole.openings,
        "first": whole.first,
        "last": whole.last,
        "fields": _rows(tables["fields"], "field"),
        "accounts": _rows(tables["accounts"], "account", "role", "agency"),
        "purposes": _rows(tables["purposes"], "purpose"),
    }


class _Count:
    def __init__(self) -> None:
        self.openings = 0
        self.subjects: set[str] = set()
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, entry: Mapping[str, Any]) -> None:
        at = entry["at"]
        self.openings += 1
        self.subjects.add(entry["subject"])
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)


def _rows(table: Mapping[tuple[str | None, ...], _Count], *names: str) -> list[dict[str, Any]]:
    ordered = sorted(table.items(), key=lambda item: (-len(item[1].subjects), str(item[0])))
    return [
        {
            **dict(zip(names, key, strict=True)),
            "openings": count.openings,
            "subjects": len(count.subjects),
            "first": count.first,
            "last": count.last,
        }
        for key, count in ordered
    ]
