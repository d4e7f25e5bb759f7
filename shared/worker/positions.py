"""How far a worker has come, kept beside the effects and changed in the same transaction.

A position is compared and set: a member that lost its partition while it worked cannot commit. Versions per stream
say which events were seen, so that a redelivered one, or a whole topic read again, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from shared.journal.unit import Duplicate, Mismatch, Unit

POSITIONS = "positions"
VERSIONS = "versions"


class PositionLost(Exception):
    """Another member has moved this partition's position: what was done for it here is not committed."""


@dataclass(frozen=True)
class Position:
    """The next offset to read in a partition of the topic with this id; `stored` is False before the first commit."""

    topic_id: str
    offset: int
    stored: bool


def load(database: Database, partition: str, topic_id: str) -> Position | None:
    """The stored position of `topic:partition`; None if there is none, or if the topic was made anew since."""
    found = database[POSITIONS].find_one({"_id": partition})
    if found is None:
        return None
    if found["topic_id"] != topic_id:
        # A topic made anew begins at 0. What was seen before is known by its versions.
        return Position(topic_id, 0, stored=True)
    return Position(topic_id, int(found["offset"]), stored=True)


def move(unit: Unit, partition: str, before: Position | None, topic_id: str, offset: int) -> Position:
    """Sets the position in the unit's transaction if it is still as `before`. Raises PositionLost."""
    positions = unit.database[POSITIONS]
    after = {"topic_id": topic_id, "offset": offset}
    try:
        if before is None:
            unit.insert(positions, {"_id": partition, **after})
        else:
            unit.update(positions, _still(partition, before), {"$set": after}, must_match=True)
        unit.flush()
    except (Duplicate, Mismatch) as error:
        if error.collection == positions.name:
            raise PositionLost(partition) from None
        raise
    return Position(topic_id, offset, stored=True)


def hold(unit: Unit, partition: str, before: Position | None, ahead: int) -> None:
    """Notes up to which offset events were handled before their turn, if the position is still as `before`.

    It moves nothing. It is written so that whoever moves the position meanwhile conflicts with it. Raises PositionLost.
    """
    if before is None:
        raise PositionLost(partition)
    try:
        unit.update(unit.database[POSITIONS], _still(partition, before), {"$set": {"ahead": ahead}}, must_match=True)
        unit.flush()
    except Mismatch as error:
        if error.collection == POSITIONS:  # else it is of what a handler has gathered
            raise PositionLost(partition) from None
        raise


def _still(partition: str, before: Position) -> Mapping[str, Any]:
    if before.offset == 0:
        # Nothing read yet, or the topic was made anew: the stored id and offset may be the old topic's.
        return {"_id": partition, "$or": [{"topic_id": {"$ne": before.topic_id}}, {"offset": 0}]}
    return {"_id": partition, "topic_id": before.topic_id, "offset": before.offset}


Seen = dict[str, tuple[int, int]]


def seen(unit: Unit, streams: Iterable[str]) -> Seen:
    """stream -> (epoch, version) of the last event that was seen, for the streams that were seen at all."""
    versions, streams = unit.database[VERSIONS], list(streams)
    unit.load(versions, streams)
    found = {stream: unit.get(versions, stream) for stream in streams}
    return {stream: (int(entry["epoch"]), int(entry["version"])) for stream, entry in found.items() if entry}


def remember(unit: Unit, versions: Seen) -> None:
    """Writes the last (epoch, version) of each stream in the unit's transaction."""
    for stream, (epoch, version) in versions.items():
        unit.put(unit.database[VERSIONS], stream, {"epoch": epoch, "version": version})
