"""What an operator can do about parked events: list, inspect, replay in order, drop.

Every change is a transaction of its own beside the running worker; the queue's document keeps the two from missing
each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from shared.access.actor import system_actor
from shared.foundation import Foundation
from shared.journal import Context, Unavailable, Unit
from shared.worker import generations, parking, positions
from shared.worker.processor import Handler, Processor, Record, gap, read, why

OPERATOR = system_actor("operator").id


class StillFails(Exception):
    """The head of a queue still cannot be handled; it and what waits behind it stay parked."""


class NotFirst(Exception):
    """The event waits behind another of its key: to drop it first would count that one's version as seen too."""


def parked(database: Database, key: str | None = None) -> list[dict[str, Any]]:
    """The parked events, each key's queue in its order, without the messages themselves."""
    hidden = {"value": 0, "headers": 0, "record_key": 0}
    database = generations.live(database)
    return list(database[parking.PARKED].find({"key": key} if key else {}, hidden).sort(list(parking.ORDER)))


def inspect(database: Database, identifier: str) -> dict[str, Any] | None:
    """One parked event (`topic:partition:offset`) with its message as text."""
    entry = generations.live(database)[parking.PARKED].find_one({"_id": identifier})
    if entry is None:
        return None
    message = parking.message_of(entry)
    entry["value"] = None if message.value is None else message.value.decode("utf-8", errors="replace")
    entry["headers"] = {name: value.decode("utf-8", errors="replace") for name, value in message.headers}
    entry["record_key"] = None if message.key is None else message.key.decode("utf-8", errors="replace")
    return entry


def replay_parked(foundation: Foundation, handlers: Mapping[str, Handler], key: str) -> int:
    """Handles the events of a key's queue in order, each with its removal in one transaction. Returns how many.

    Stops at the first that fails again: StillFails says how it failed.
    """
    foundation = _live(foundation)
    processor = Processor(foundation, handlers)
    done = 0
    while True:

        def work(unit: Unit) -> bool:
            entry = parking.first(unit, key)
            if entry is None:
                return False
            record = read(_record(entry), handlers)
            if record.error is not None or record.header is None:
                raise StillFails(record.error or "no header")
            header = record.header
            last = positions.seen(unit, [header.stream])
            if missing := gap(header, last):
                raise StillFails(missing[0])
            if last.get(header.stream, (0, 0)) < (header.epoch, header.version):
                processor.handle(unit, record)
                positions.remember(unit, {header.stream: (header.epoch, header.version)})
            parking.remove(unit, entry)
            return True

        try:
            more = _transact(foundation, work)
        except (StillFails, Unavailable, PyMongoError):
            raise
        except Exception as error:
            raise StillFails(why(error)) from error
        if not more:
            return done
        done += 1


def drop(foundation: Foundation, identifier: str) -> bool:
    """Removes the first event of a queue for good and counts its version as seen; the drop is kept on record.

    Returns False if there is none. Raises NotFirst for one that waits behind another: its text names the first.
    """

    def work(unit: Unit) -> bool:
        entry = unit.find_one(unit.database[parking.PARKED], {"_id": identifier})
        if entry is None:
            return False
        head = parking.first(unit, entry["key"])
        if head is not None and head["_id"] != identifier:
            raise NotFirst(f"{head['_id']} is before it")
        header = read(_record(entry), {}).header
        if header is not None:
            last = positions.seen(unit, [header.stream])
            if last.get(header.stream, (0, 0)) < (header.epoch, header.version):
                positions.remember(unit, {header.stream: (header.epoch, header.version)})
        unit.insert(
            unit.database[generations.DROPPED],
            {
                **{name: entry[name] for name in ("key", "event", "type", "error")},
                "place": identifier,
                "dropped_at": foundation.clock(),
                "dropped_by": OPERATOR,
            },
        )
        parking.remove(unit, entry)
        return True

    return bool(_transact(_live(foundation), work))


def _live(foundation: Foundation) -> Foundation:
    return generations.of(foundation, generations.state(foundation.database)["live"])


def _transact(foundation: Foundation, work: Callable[[Unit], Any]) -> Any:
    return foundation.journal.transact(work, Context(OPERATOR))


def _record(entry: Mapping[str, Any]) -> Record:
    return Record(entry["topic"], entry["partition"], entry["offset"], parking.message_of(entry))
