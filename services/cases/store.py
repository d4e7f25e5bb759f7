"""Cases as they are stored, the work queue, and the index by which the clock finds what is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from services.cases.model import SCREENING, Case, as_document
from shared.journal import Unit
from shared.mongo import reachable

CASES = "cases"
QUEUE = [("urgency", ASCENDING), ("screening_due_at", ASCENDING), ("_id", ASCENDING)]
_URGENCY = {"emergency": 0, "high": 1, "medium": 2, "low": 3}


def ensure_indexes(database: Database) -> None:
    """Creates what the queries need. Safe to repeat."""
    cases = database[CASES]
    cases.create_index("case_number", unique=True)
    cases.create_index([("stage", ASCENDING), *QUEUE])
    cases.create_index([("report_id", ASCENDING)])
    cases.create_index(
        [("screening_due_at", ASCENDING)],
        partialFilterExpression={"watched": True},
        name="due",
    )


def put(unit: Unit, case: Case, *, report_number: str | None = None) -> None:
    """Writes a case that the unit has decided; a new one with its report's number."""
    document = {
        **as_document(case),
        "urgency": _URGENCY[case.severity],
        "watched": case.stage == SCREENING and not case.late and not case.overdue,
    }
    identifier = document.pop("_id")
    cases = unit.database[CASES]
    if report_number is not None:
        unit.insert(cases, {"_id": identifier, **document, "report_number": report_number})
    else:
        before = {"_id": identifier, "version": case.version - 1}
        unit.update(cases, before, {"$set": document}, must_match=True)


def existing(unit: Unit, case_ids: Sequence[str]) -> set[str]:
    """Those of the ids under which there is a case."""
    return {found["_id"] for found in unit.find(unit.database[CASES], {"_id": {"$in": list(case_ids)}}, {"_id": 1})}


def get(database: Database, reference: str) -> dict[str, Any] | None:
    """A case by its id or its number."""
    with reachable():
        return database[CASES].find_one({"_id" if reference.startswith("case-") else "case_number": reference})


def queue(database: Database, number: int, size: int, question: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """One page of the work queue, the most urgent first, and its length.

    `question` may have `stage`, `severity`, `kecamatan`, `report_id` and `overdue`.
    """
    names = ("stage", "severity", "kecamatan", "report_id", "overdue")
    wanted = {name: question[name] for name in names if question.get(name) is not None}
    with reachable():
        found = list(database[CASES].find(wanted, sort=QUEUE, skip=(number - 1) * size, limit=size))
        return found, database[CASES].count_documents(wanted)


def due(database: Database, now: datetime, limit: int) -> Iterator[str]:
    """Ids of cases whose deadline for screening has passed and was not escalated yet, the oldest first."""
    watched = {"watched": True, "screening_due_at": {"$lte": now}}
    with reachable():
        for found in database[CASES].find(watched, {"_id": 1}, sort=[("screening_due_at", ASCENDING)], limit=limit):
            yield found["_id"]


def history(database: Database, case_id: str) -> list[dict[str, Any]]:
    """The case's events, oldest first: `type`, `occurred_at`, `recorded_at`, `actor`, `data`."""
    with reachable():
        return list(database["journal"].find({"stream": case_id}, sort=[("version", ASCENDING)]))
