"""Whether the clock sees to what is due: how late the oldest thing is, whether the clock stands still, where it fails.

The sweep notes each case at which it fails. By that a clock that runs, and cannot decide on one case, is told from one
that stands still: to whoever looks, both leave something late. It is asked by the pages, the metrics and the command
line, each in a process that lives on when the clock does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from shared.foundation import Foundation
from shared.mongo import reachable
from shared.telemetry import metrics

CASES, FAILURES = "cases", "clock_failures"
CLOCK_LATE = timedelta(minutes=5)
"""How long something may be due before it is said that the clock does not see to it: it runs every minute."""
KEPT = timedelta(hours=1)
"""How long a failure is remembered. The clock notes it anew each time that it fails."""


@dataclass(frozen=True)
class Lateness:
    """How the clock stands. `oldest_seconds`: how late the oldest thing is that it has not seen to, 0 where nothing is.

    `stands_since`: the oldest moment that it has not even tried to see to although it is long due; None while it runs.
    `failing`: ids of the cases on which it cannot decide, the longest due first.
    """

    oldest_seconds: float = 0.0
    stands_since: datetime | None = None
    failing: tuple[str, ...] = ()


def look(database: Database, now: datetime) -> Lateness:
    """How the clock stands now. One question of the index while it runs well. Raises Unavailable."""
    with reachable():
        oldest = _oldest(database, {"$lte": now})
        if oldest is None:
            return Lateness()
        seconds = (now - oldest).total_seconds()
        long_due = {"$lte": now - CLOCK_LATE}
        if oldest > long_due["$lte"]:
            return Lateness(seconds)
        tried = database[FAILURES].distinct("_id", {"at": {"$gt": now - CLOCK_LATE}})
        failing = database[CASES].find({"_id": {"$in": tried}, "next_at": long_due}, {"_id": 1}).sort("next_at")
        return Lateness(seconds, _oldest(database, long_due, tried), tuple(each["_id"] for each in failing))


def note_failure(database: Database, case_id: str, error: str, now: datetime) -> None:
    """Remembers that the clock has tried this case just now, and failed. Raises Unavailable."""
    with reachable():
        database[FAILURES].update_one({"_id": case_id}, {"$set": {"at": now, "error": error}}, upsert=True)


def forget_failure(database: Database, case_id: str) -> None:
    """The clock could decide on this case again. Raises Unavailable."""
    with reachable():
        database[FAILURES].delete_one({"_id": case_id})


def failing(database: Database) -> list[str]:
    """Ids of the cases at which the clock has failed lately, the longest untried first. Raises Unavailable."""
    with reachable():
        return [each["_id"] for each in database[FAILURES].find({}, {"_id": 1}, sort=[("at", ASCENDING)])]


def figures(foundation: Foundation) -> dict[str, float]:
    """The gauges of metrics.AT_SCRAPE that tell how the clock stands. Raises Unavailable."""
    found = look(foundation.database, foundation.clock())
    return {metrics.CLOCK_OLDEST_DUE: found.oldest_seconds, metrics.CLOCK_FAILING: float(len(found.failing))}


def problems(found: Lateness) -> list[str]:
    """What an operator has to see to, a line each; none while the clock does its work."""
    said = []
    if found.stands_since is not None:
        since = found.stands_since.isoformat(timespec="minutes")
        said.append(
            f"the clock stands still, and deadlines wait since {since}: see flows.log; `rujukan sweep` helps out"
        )
    if found.failing:
        few = ", ".join(found.failing[:3]) + (" …" if len(found.failing) > 3 else "")
        said.append(
            f"the clock runs, but fails at {len(found.failing)} cases ({few}): see deadline_failed in flows.log"
        )
    return said


def ensure_indexes(database: Database) -> None:
    """Creates what lets failures be forgotten. Safe to repeat."""
    database[FAILURES].create_index([("at", ASCENDING)], expireAfterSeconds=int(KEPT.total_seconds()))


def _oldest(database: Database, due: dict[str, Any], left_out: list[str] | None = None) -> datetime | None:
    wanted = {"next_at": due, **({"_id": {"$nin": left_out}} if left_out else {})}
    found = database[CASES].find_one(wanted, {"next_at": 1}, sort=[("next_at", ASCENDING)])
    return None if found is None else found["next_at"]
