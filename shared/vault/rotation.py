"""Changing the key-encryption key: every keyset is wrapped anew, then the old key is destroyed.

After that, what was erased before cannot be opened from any copy of the database, for its keyset was wrapped by a key
that is gone. Each step may be the last one of a killed process: the next run goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, UpdateOne
from pymongo.database import Database

from shared import failpoints
from shared.vault.ring import Ring, Wrapped
from shared.vault.vault import KEYS, KEYSET, PRESENT, SUBJECTS

BATCH = 500
GRACE_SECONDS = 90.0
"""Longer than a process may go on without asking which key is present (PRESENT_SECONDS) and a transaction may then take
(20 seconds in our mongod, 60 in one that was left as it comes): the last look sees whatever began with the old key.
"""

#: Ids of wrapped keysets: everything that begins with KEYSET.
_KEYSETS = {"$gte": KEYSET, "$lt": KEYSET[:-1] + chr(ord(KEYSET[-1]) + 1)}


@dataclass(frozen=True)
class Progress:
    """How far a rotation is: keysets wrapped anew, of how many that were found, and those that cannot be opened."""

    done: int
    total: int
    unopened: int = 0


def pending(ring: Ring) -> bool:
    """Whether a rotation was begun and not finished."""
    return len(ring.held()) > 1


def since(database: Database, ring: Ring) -> datetime | None:
    """When a rotation put the present key in place; None if none did, or it was not written down yet."""
    found = database[KEYS].find_one({"_id": PRESENT, "key_id": ring.present_id}, {"since": 1})
    return found.get("since") if found else None


def rewrap(database: Database, ring: Ring) -> Iterator[Progress]:
    """Wraps every keyset anew that the present key did not wrap. Says after each batch how far it is.

    First it says in the database which key is present, so that a process that cannot see it seals nothing more. A
    keyset that is changed or erased meanwhile is left as it is then found.
    """
    present = ring.present_id
    # When it was put in place is written down, for the file's own time is that of its last copy.
    dated = {"$cond": [{"$eq": ["$key_id", present]}, "$since", "$$NOW"]}
    database[KEYS].update_one({"_id": PRESENT}, [{"$set": {"since": dated, "key_id": present}}], upsert=True)
    subjects = database[SUBJECTS]
    question: dict[str, Any] = {"_id": dict(_KEYSETS), "key_id": {"$ne": present}}
    total, done, unopened = subjects.count_documents(question), 0, 0
    yield Progress(0, total)
    while batch := list(subjects.find(question).sort("_id", ASCENDING).limit(BATCH)):
        before = [Wrapped(found["_id"].removeprefix(KEYSET), found["key_id"], found["wrapped"]) for found in batch]
        changed = [(old, new) for old, new in zip(before, ring.rewrap(before), strict=True) if new is not None]
        unopened += len(batch) - len(changed)
        updates = [
            UpdateOne(
                {"_id": f"{KEYSET}{old.subject}", "wrapped": old.wrapped},
                {"$set": {"wrapped": new.wrapped, "key_id": new.key_id}},
            )
            for old, new in changed
        ]
        if updates:
            done += subjects.bulk_write(updates, ordered=False).modified_count
        question["_id"]["$gt"] = batch[-1]["_id"]
        failpoints.reach("keys.rewrapped")
        yield Progress(done, max(total, done), unopened)


def destroy_old(database: Database, ring: Ring, present: str, grace: float = GRACE_SECONDS) -> list[str]:
    """Waits until nobody can still be writing with a key before `present`, then destroys those that no keyset needs.

    `present` is the key that was present when rewrapping began. Returns the ids of the old keys that are still needed:
    by keysets that were written meanwhile, or that cannot be opened.
    """
    time.sleep(grace)
    return ring.destroy(present, count(database))


def count(database: Database) -> dict[str, int]:
    """How many keysets each key has wrapped, by the key's id."""
    pipeline: list[dict[str, Any]] = [
        {"$match": {"_id": _KEYSETS}},
        {"$group": {"_id": "$key_id", "keysets": {"$sum": 1}}},
    ]
    return {group["_id"]: group["keysets"] for group in database[SUBJECTS].aggregate(pipeline)}
