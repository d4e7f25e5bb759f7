"""Who has looked at whose identity: questions to the audit log, which every service writes and only directory reads.

Entries hold ids and codes; the names of those who looked are directory's own. Asking is written to the log too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pymongo import DESCENDING
from pymongo.database import Database

from shared.access import Actor
from shared.access.audit import COLLECTION
from shared.domain.working_time import in_office_hours
from shared.foundation import AUDIT, Foundation
from shared.mongo import database as named
from shared.mongo import reachable

LIMITS = Path(__file__).with_name("unusual_reading.yaml")
MOST_EXPORTED = 10_000
MANY, OUTSIDE_HOURS = "many_records", "outside_office_hours"
MANY_SEARCHED, UNASSIGNED = "many_searched", "without_assignment"
KINDS = (MANY, MANY_SEARCHED, UNASSIGNED, OUTSIDE_HOURS)
#: Grounds on which somebody opened what no case of theirs is about. Entries from before there were grounds have none.
NOT_THEIRS = ("unassigned", "area")
#: What searches for a known child were written with, before and since there are grounds.
SEARCHES = ("matches_page", "matches_api")
#: The limits in a day, by their names in the file.
LIMITED = {
    MANY: "most_records_a_day",
    MANY_SEARCHED: "most_searched_a_day",
    UNASSIGNED: "most_unassigned_a_day",
}
Count = tuple[str, datetime, int]
"""(actor, beginning of the day or half hour, records)."""
#: What a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Unusual:
    """Reading that somebody should ask about. `day` is when the day in WIB, or the half hour, began (UTC)."""

    actor: str
    what: str
    at: datetime
    records: int


def of_subject(
    foundation: Foundation, actor: Actor, subject: str, number: int, size: int, purpose: str
) -> tuple[list[dict[str, Any]], int]:
    """One page (from 1) of who has looked at a person or report, the latest first, and how many entries there are.

    Openings of a report's files are in the lists of the report and of each of its children. Raises
    Unavailable. That `actor` asked is recorded first, and so is the first of the entries.
    """
    foundation.audit.record(actor, "audit.read", subject, (), purpose)
    with reachable():
        entries = _audit(foundation)[COLLECTION]
        about = {"$or": [{"subject": subject}, {"concerns": subject}]}
        found = entries.find(about).sort("at", DESCENDING).skip((number - 1) * size).limit(size)
        rows = [{"basis": "", **entry} for entry in found]
        total = entries.count_documents(about)
        return _with_names(foundation, rows), total


def unusual_lately(foundation: Foundation) -> list[dict[str, Any]]:
    """What is unusual in the days that unusual_reading.yaml names, the latest first. Raises Unavailable."""
    since = foundation.clock() - timedelta(days=_limits()["days"])
    with reachable():
        database = _audit(foundation)
        day = {"unit": "day", "timezone": "+07:00"}
        by_day = {
            MANY: _counts(database, since, day, {"purpose": {"$nin": SEARCHES}}),
            MANY_SEARCHED: _counts(database, since, day, {"purpose": {"$in": SEARCHES}}),
            UNASSIGNED: _counts(database, since, day, {"basis": {"$in": NOT_THEIRS}}),
        }
        half_hours = _counts(database, since, {"unit": "minute", "binSize": 30}, {})
        found = unusual(by_day, half_hours, {what: _limits()[name] for what, name in LIMITED.items()})
        rows = [{"actor": each.actor, "what": each.what, "at": each.at, "records": each.records} for each in found]
        return _with_names(foundation, rows)


def unusual(
    by_day: Mapping[str, Iterable[Count]], half_hours: Iterable[Count], most: Mapping[str, int]
) -> list[Unusual]:
    """What is unusual in counts of records. `by_day` and `most` are by what is counted. The latest first."""
    found = [Unusual(actor, what, at, n) for what, days in by_day.items() for actor, at, n in days if n > most[what]]
    found += [Unusual(actor, OUTSIDE_HOURS, at, n) for actor, at, n in half_hours if not in_office_hours(at)]
    return sorted(found, key=lambda each: each.at, reverse=True)


def as_csv(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as CSV (RFC 4180) that a spreadsheet opens without running anything in it."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in (headers, *rows):
        writer.writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in row])
    return text.getvalue()


def _audit(foundation: Foundation) -> Database:
    return named(foundation.database.client, foundation.settings.prefix + AUDIT)


def _counts(database: Database, since: datetime, unit: Mapping[str, Any], only: Mapping[str, Any]) -> Iterator[Count]:
    """Distinct subjects that people opened in a unit of time since a moment, of the entries that fit `only`."""
    of_people = {"action": "identity.opened", "actor": {"$not": {"$regex": "^system:"}}}
    question = {"at": {"$gte": since}, **of_people, **only}
    pipeline: list[Mapping[str, Any]] = [
        {"$match": question},
        {"$group": {"_id": {"actor": "$actor", "at": {"$dateTrunc": {"date": "$at", **unit}}, "subject": "$subject"}}},
        {"$group": {"_id": {"actor": "$_id.actor", "at": "$_id.at"}, "records": {"$sum": 1}}},
        {"$sort": {"_id.at": DESCENDING}},
    ]
    for group in database[COLLECTION].aggregate(pipeline, allowDiskUse=True):
        yield group["_id"]["actor"], group["_id"]["at"], group["records"]


def _with_names(foundation: Foundation, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with `name`, that of the account; empty for a process of ours, or an account that is gone."""
    accounts = foundation.database.accounts.find({"_id": {"$in": [row["actor"] for row in rows]}}, {"name": 1})
    names = {entry["_id"]: entry["name"] for entry in accounts}
    return [{**row, "name": names.get(row["actor"], "")} for row in rows]


@cache
def _limits() -> Mapping[str, Any]:
    limits: Mapping[str, Any] = yaml.safe_load(LIMITS.read_text(encoding="utf-8"))
    return limits
