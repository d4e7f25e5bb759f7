"""What was exposed, from the audit log: counts for the notice of a breach (UU 27/2022 Ps.46), without identities.

It counts openings that were asked for: an entry is written before the data are shown, so the figures are an upper
bound. Who the people are is no part of it: entries have ids only. The opening of a report's file counts for the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pymongo.database import Database

from shared.access.audit import COLLECTION

ACTION = "identity.opened"
#: Of an entry what is counted.
COUNTED = ("at", "actor", "role", "agency", "session", "subject", "concerns", "fields", "purpose")


def entries(database: Database, since: datetime, until: datetime, **only: str | None) -> Iterable[Mapping[str, Any]]:
    """The openings from `since` until before `until` (aware), of one `actor`, `session` or `subject` if given.

    Those of a report's files are openings of the report, and of each of its children.
    Raises pymongo's errors, whose text must not be shown.
    """
    question: dict[str, Any] = {"action": ACTION, "outcome": "allowed", "at": {"$gte": since, "$lt": until}}
    question |= {name: value for name, value in only.items() if value is not None and name != "subject"}
    if subject := only.get("subject"):
        question["$or"] = [{"subject": subject}, {"concerns": subject}]
    return database[COLLECTION].find(question, dict.fromkeys(COUNTED, 1))


def exposure(found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts: `persons`, `reports`, `openings`, `first`, `last`, and `fields`, `accounts`, `purposes` as lists;
    and `subjects`, the ids themselves, each with its openings, `first`, `last`, `fields` and `accounts`.

    A field is named `person.name`. The lists are ordered by how many subjects a row concerns, the most first; subjects
    by their id.
    """
    whole = _Count()
    tables: dict[str, dict[tuple[str | None, ...], _Count]] = {"fields": {}, "accounts": {}, "purposes": {}}
    subjects: dict[str, _Subject] = {}
    for entry in found:
        subject = _told_of(entry)
        whole.add(entry, subject)
        kind = entry["subject"].partition("-")[0]
        names = {f"{kind}.{field}" for field in entry["fields"]}
        subjects.setdefault(subject, _Subject()).add_opening(entry, subject, names)
        keys: list[tuple[str, tuple[str | None, ...]]] = [
            ("accounts", (entry["actor"], entry["role"], entry["agency"])),
            ("purposes", (entry["purpose"],)),
            *(("fields", (name,)) for name in names),
        ]
        for table, key in keys:
            tables[table].setdefault(key, _Count()).add(entry, subject)
    persons = sum(subject.startswith("person-") for subject in subjects)
    return {
        "persons": persons,
        "reports": len(subjects) - persons,
        "openings": whole.openings,
        "first": whole.first,
        "last": whole.last,
        "fields": _rows(tables["fields"], "field"),
        "accounts": _rows(tables["accounts"], "account", "role", "agency"),
        "purposes": _rows(tables["purposes"], "purpose"),
        "subjects": [{"subject": subject, **of.row()} for subject, of in sorted(subjects.items())],
    }


def _told_of(entry: Mapping[str, Any]) -> str:
    """The person or report of an opening; for a file its report, and itself where the entry does not name one."""
    subject: str = entry["subject"]
    if subject.startswith("attachment-"):
        return next((each for each in entry.get("concerns", ()) if each.startswith("report-")), subject)
    return subject


class _Count:
    def __init__(self) -> None:
        self.openings = 0
        self.subjects: set[str] = set()
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, entry: Mapping[str, Any], subject: str) -> None:
        at = entry["at"]
        self.openings += 1
        self.subjects.add(subject)
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)


class _Subject(_Count):
    def __init__(self) -> None:
        super().__init__()
        self.fields: set[str] = set()
        self.accounts: set[str] = set()

    def add_opening(self, entry: Mapping[str, Any], subject: str, fields: Iterable[str]) -> None:
        self.add(entry, subject)
        self.fields.update(fields)
        self.accounts.add(entry["actor"])

    def row(self) -> dict[str, Any]:
        counted = {"openings": self.openings, "first": self.first, "last": self.last}
        return {**counted, "fields": sorted(self.fields), "accounts": sorted(self.accounts)}


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
