"""Reports as intake keeps them: codes, classes and which fields the vault holds, never an identity.

Queries and indexes only; what may be written is decided in model and registration.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from shared.mongo import reachable

REPORTS = "reports"


def ensure_indexes(database: Database) -> None:
    """Creates what the queries need. Safe to repeat."""
    reports = database[REPORTS]
    reports.create_index("number", unique=True)
    reports.create_index([("registered_at", DESCENDING), ("_id", ASCENDING)])
    reports.create_index([("kecamatan", ASCENDING), ("registered_at", DESCENDING)])
    reports.create_index([("severity", ASCENDING), ("registered_at", DESCENDING)])


def get(database: Database, reference: str) -> dict[str, Any] | None:
    """A report by its id or by its number."""
    with reachable():
        field = "_id" if reference.startswith("report-") else "number"
        return database[REPORTS].find_one({field: reference})


def page(database: Database, number: int, size: int, question: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """One page of reports, newest first, and how many there are in all.

    `question` may have `kecamatan`, `severity`, `received_from` and `received_to`.
    """
    wanted: dict[str, Any] = {name: question[name] for name in ("kecamatan", "severity") if question.get(name)}
    received: dict[str, str] = {}
    for name, operator in (("received_from", "$gte"), ("received_to", "$lte")):
        day = question.get(name)
        if isinstance(day, date):
            received[operator] = day.isoformat()
    if received:
        wanted["received_on"] = received
    with reachable():
        reports = database[REPORTS]
        newest = [("registered_at", DESCENDING), ("_id", ASCENDING)]
        found = list(reports.find(wanted, sort=newest, skip=(number - 1) * size, limit=size))
        total = reports.count_documents(wanted) if wanted else reports.estimated_document_count()
    return found, total


def shown(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report as the wire has it."""
    return {**report, "report_id": report["_id"]}
