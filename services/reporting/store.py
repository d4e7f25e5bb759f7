"""What reporting keeps in MongoDB: `facts` (one per report and case) and `cubes` (counts by month, kecamatan, severity,
partition). Both are made from the log, generation by generation (shared.worker.generations).

Handlers write through the functions here, pages and the API read through them. Which numbers may be shown to whom is
decided in model/tables.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from services.reporting.model.facts import MEASURES, Cell, Fact
from services.reporting.model.tables import Counts
from shared.journal import Unit
from shared.mongo import reachable
from shared.worker import generations

FACTS, CUBES = "facts", "cubes"

Document = dict[str, Any]


def ensure_indexes(database: Database[Document]) -> None:
    """Creates what the queries here need. Safe to repeat."""
    database[CUBES].create_index([("demonstration", ASCENDING), ("month", ASCENDING)])


def load_facts(unit: Unit, identifiers: Iterable[str]) -> None:
    """Reads the facts that a batch will ask for in one piece."""
    unit.load(unit.database[FACTS], identifiers)


def fact(unit: Unit, identifier: str) -> Fact | None:
    """The fact of a report or case as this unit sees it; None if there is none."""
    return unit.get(unit.database[FACTS], identifier)


def keep_fact(unit: Unit, identifier: str, content: Fact) -> None:
    """Writes the fact; a later event of the unit need not read it."""
    unit.put(unit.database[FACTS], identifier, content)


def add(unit: Unit, cell: Cell, changes: Mapping[str, int], recorded_at: datetime) -> None:
    """Adds to the counts of one cell. `recorded_at` is that of the event that caused it.

    Each partition has a document of its own for a cell, so that two workers never wait for each other's counts.
    """
    kind = "demonstration" if cell.demonstration else "live"
    unit.add(
        unit.database[CUBES],
        f"{kind}|{cell.month}|{cell.kecamatan}|{cell.severity}|{unit.origin}",
        changes,
        highest={"recorded_at": recorded_at},
        first=cell._asdict(),
    )


def counts(database: Database[Document], demonstration: bool, period: tuple[str, str]) -> Counts:
    """(kecamatan, month) -> measure -> count, for the months of a period; cells without any count are absent."""
    sums = {measure: {"$sum": f"${measure}"} for measure in MEASURES}
    pipeline: list[Document] = [
        {"$match": {"demonstration": demonstration, "month": {"$gte": period[0], "$lte": period[1]}}},
        {"$group": {"_id": {"kecamatan": "$kecamatan", "month": "$month"}, **sums}},
    ]
    with reachable():
        rows = generations.read(database, lambda live: list(live[CUBES].aggregate(pipeline)))
        return {(row["_id"]["kecamatan"], row["_id"]["month"]): row for row in rows}


def span(live: Database[Document], demonstration: bool) -> tuple[str, str, datetime] | None:
    """The first and the last month with any count, and when the last event that was counted was recorded.

    `live` is the database as the live generation sees it.
    """
    whole = {"first": {"$min": "$month"}, "last": {"$max": "$month"}, "recorded_at": {"$max": "$recorded_at"}}
    pipeline: list[Document] = [{"$match": {"demonstration": demonstration}}, {"$group": {"_id": None, **whole}}]
    with reachable():
        found = next(iter(live[CUBES].aggregate(pipeline)), None)
    return (found["first"], found["last"], found["recorded_at"]) if found else None
