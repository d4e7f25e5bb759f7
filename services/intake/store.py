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
ERASURES = "erasures"


def ensure_indexes(database: Database) -> None:
    """Creates what the queries need. Safe to repeat."""
    reports = database[REPORTS]
    reports.create_index("number", unique=True)
    reports.create_index([("registered_at", DESCENDING), ("_id", ASCENDING)])
    reports.create_index([("kecamatan", ASCENDING), ("registered_at", DESCENDING)])
    reports.create_index([("severity", ASCENDING), ("registered_at", DESCENDING)])
    waits = {"redaction_since": {"$type": "date"}}
    reports.create_index([("redaction_since", ASCENDING)], partialFilterExpression=waits, name="redactions")
    database[ERASURES].create_index([("erased_at", DESCENDING)])


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


def redactions(database: Database) -> list[dict[str, Any]]:
    """The reports whose narrative waits to be redacted, the longest first."""
    with reachable():
        waits = {"redaction_since": {"$type": "date"}}
        return list(
            database[REPORTS].find(waits, {"number": 1, "redaction_since": 1}).sort("redaction_since", ASCENDING)
        )


def erasures(database: Database, number: int, size: int) -> tuple[list[dict[str, Any]], int]:
    """One page of receipts, the newest first, and how many there are in all."""
    with reachable():
        receipts = database[ERASURES]
        found = receipts.find().sort("erased_at", DESCENDING).skip((number - 1) * size).limit(size)
        return list(found), receipts.estimated_document_count()


def shown(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report as the wire has it."""
    children = [{**child, "erased": child.get("erased_at") is not None} for child in report["children"]]
    waits = report.get("redaction_since") is not None
    return {**report, "report_id": report["_id"], "children": children, "redaction_needed": waits}
