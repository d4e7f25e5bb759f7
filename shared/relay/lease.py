"""Leadership for one relay per service: a lease on server time, with a fencing number.

Whoever holds the lease publishes; its number guards the marks in the journal, so that a former leader that was asleep
past its lease cannot mark anything. What it sends late is absorbed by versions downstream.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

LEASES = "leases"
LEASE_SECONDS = 6


class Fenced(Exception):
    """Another process leads now: this one must stop publishing."""


@dataclass(frozen=True)
class Lease:
    """The lease `name`, held by `holder` under the fencing number `token`."""

    name: str
    holder: str
    token: int


def _until(seconds: int) -> dict[str, object]:
    return {"$add": ["$$NOW", seconds * 1_000]}


def acquire(database: Database, name: str, holder: str, seconds: int = LEASE_SECONDS) -> Lease | None:
    """Takes the lease if nobody holds it, or its time is over; None if somebody leads."""
    free = {"_id": name, "$expr": {"$lt": ["$expires_at", "$$NOW"]}}
    take = [
        {
            "$set": {
                "holder": holder,
                "token": {"$add": [{"$ifNull": ["$token", 0]}, 1]},
                "since": "$$NOW",
                "expires_at": _until(seconds),
            }
        }
    ]
    leases = database[LEASES]
    found = leases.find_one_and_update(free, take, return_document=ReturnDocument.AFTER)
    if found is None:
        try:
            found = leases.find_one_and_update(
                {"_id": name, "token": {"$exists": False}}, take, upsert=True, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:
            return None
    return Lease(name, holder, int(found["token"])) if found else None


def renew(database: Database, lease: Lease, session: ClientSession | None = None, seconds: int = LEASE_SECONDS) -> None:
    """Lengthens the lease; inside a transaction it guards what else the transaction writes. Raises Fenced."""
    result = database[LEASES].update_one(
        {"_id": lease.name, "token": lease.token}, [{"$set": {"expires_at": _until(seconds)}}], session=session
    )
    if result.matched_count != 1:
        raise Fenced


def release(database: Database, lease: Lease) -> None:
    """Gives the lease back, so that another need not wait for its end."""
    database[LEASES].update_one(
        {"_id": lease.name, "token": lease.token}, [{"$set": {"expires_at": datetime.fromtimestamp(0, UTC)}}]
    )


def leader(database: Database, name: str) -> dict[str, object] | None:
    """Who holds the lease now: `holder`, `token`, `since`; None if nobody does."""
    found = database[LEASES].find_one({"_id": name, "$expr": {"$gte": ["$expires_at", "$$NOW"]}})
    return {key: found[key] for key in ("holder", "token", "since")} if found else None
