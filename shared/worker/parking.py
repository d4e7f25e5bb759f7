"""Events that could not be handled, kept with their error, each behind the earlier ones of its own key.

Parked in the same transaction as the position, so that none is lost between. Later events of a parked key are parked
behind it; a key is free again when its queue is empty. An operator lists, inspects, replays or drops.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from bson.binary import Binary
from pymongo import ASCENDING
from pymongo.database import Database

from shared.events import Message
from shared.journal.unit import Unit

PARKED = "parked"
QUEUES = "parked_queues"
BEHIND = "waits behind an earlier event of its key"
# A gap may have parked a later version first, so what has a version goes by it; what has none came before.
ORDER = (("key", ASCENDING), ("epoch", ASCENDING), ("version", ASCENDING), ("number", ASCENDING))


def ensure_indexes(database: Database) -> None:
    """Creates what the queues need. Safe to repeat."""
    database[PARKED].create_index(list(ORDER))


def waiting_keys(unit: Unit, keys: Iterable[str]) -> set[str]:
    """Those of the keys that have a queue."""
    found = unit.find(unit.database[QUEUES], {"_id": {"$in": list(keys)}})
    return {queue["_id"] for queue in found}


def park(
    unit: Unit,
    key: str,
    place: Mapping[str, Any],
    message: Message,
    version: tuple[int, int] | None,
    error: str,
    attempts: int,
    now: datetime,
) -> bool:
    """Puts a message into its key's queue. False if it waits there already: the topic was read again.

    `place` has `topic`, `partition` and `offset`; `version` is (epoch, version), where they could be read.
    """
    database = unit.database
    identifier = f"{place['topic']}:{place['partition']}:{place['offset']}"
    there = unit.find_one(database[PARKED], {"_id": identifier})
    if there is not None and message_of(there) == message:
        return False
    # The queue's own document is written by whoever adds and whoever takes, so that the two cannot miss each other.
    unit.update(database[QUEUES], {"_id": key}, {"$inc": {"added": 1}}, upsert=True)
    queue = unit.find_one(database[QUEUES], {"_id": key})
    assert queue is not None  # noqa: S101  # written one line above, in this transaction
    unit.insert(
        database[PARKED],
        {
            # Another message has this place where the topic was made anew.
            "_id": identifier if there is None else f"{identifier}#{queue['added']}",
            "key": key,
            "number": queue["added"],
            **place,
            "epoch": version and version[0],
            "version": version and version[1],
            "error": error,
            "attempts": attempts,
            "parked_at": now,
            "event": _header(message, "ce_id"),
            "type": _header(message, "ce_type"),
            "record_key": None if message.key is None else Binary(message.key),
            "value": None if message.value is None else Binary(message.value),
            "headers": [[name, Binary(value)] for name, value in message.headers],
        },
    )
    return True


def first(unit: Unit, key: str) -> dict[str, Any] | None:
    """The head of a key's queue."""
    found = unit.find(unit.database[PARKED], {"key": key}, sort=ORDER, limit=1)
    return found[0] if found else None


def remove(unit: Unit, entry: Mapping[str, Any]) -> None:
    """Takes an entry out; the key is free when it was the last."""
    database = unit.database
    unit.update(database[QUEUES], {"_id": entry["key"]}, {"$inc": {"taken": 1}}, must_match=True)
    unit.delete(database[PARKED], {"_id": entry["_id"]})
    if first(unit, entry["key"]) is None:
        unit.delete(database[QUEUES], {"_id": entry["key"]})


def message_of(entry: Mapping[str, Any]) -> Message:
    """The parked message, byte for byte."""
    return Message(
        None if entry["record_key"] is None else bytes(entry["record_key"]),
        None if entry["value"] is None else bytes(entry["value"]),
        [(name, bytes(value)) for name, value in entry["headers"]],
    )


def _header(message: Message, name: str) -> str | None:
    """A header for the operator's list; None where it is missing or unreadable."""
    value = dict(message.headers).get(name)
    text = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else None
    return text if text is None or (text.isascii() and len(text) <= 100) else None
