"""What must hold after every bad day: journal, topic and effects say the same, without a gap, and nothing twice.

For one service and its topic; tests/support/ledger.py asks it for each, and adds what clients were told.
"""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from shared import operations
from shared.events import DecodeError, Event
from shared.settings import Settings
from shared.worker import generations

Found = Database[dict[str, Any]]


def contiguous(database: Found, service: str) -> None:
    """The versions of each stream of the journal are 1, 2, 3 and so on."""
    versions: dict[str, list[int]] = {}
    for entry in database["journal"].find({}, {"stream": 1, "version": 1}, sort=[("stream", 1), ("version", 1)]):
        versions.setdefault(entry["stream"], []).append(entry["version"])
    broken = [stream for stream, found in versions.items() if found != list(range(1, len(found) + 1))]
    assert not broken, f"{service}: gaps in {broken[:3]}"


def topic_holds_the_journal(database: Found, settings: Settings, topic: str) -> list[Event]:
    """Every entry is on the topic and nothing else is; where an event lies first, its stream is in order.

    Returns all that lies there, repetitions too.
    """
    service = settings.service
    written = {entry["_id"] for entry in database["journal"].find({}, {"_id": 1})}
    events: list[Event] = []
    seen: set[str] = set()
    order: dict[str, int] = {}
    for event in operations.tail(settings, [topic], from_start=True, until_end=True):
        assert not isinstance(event, DecodeError), event
        if event.id not in seen:
            assert event.version == order.get(event.stream, 0) + 1, f"{event.stream}: out of order"
            order[event.stream] = event.version
        seen.add(event.id)
        events.append(event)
    assert seen == written, f"{service}: journal and topic differ by {len(seen ^ written)}"
    return events


def counted_once(journal: Found, reporting: Found) -> None:
    """Each entry of intake's journal is one effect in reporting, or parked there. Counting twice would show."""
    registered = {entry["stream"] for entry in journal["journal"].find({}, {"stream": 1})}
    reporting = generations.live(reporting)
    facts = {entry["_id"] for entry in reporting["facts"].find({"kind": "report"}, {"_id": 1})}
    parked = {entry["key"] for entry in reporting["parked"].find({}, {"key": 1})}
    assert facts | parked == registered and not facts & parked, f"differ by {len((facts | parked) ^ registered)}"
    counted = sum(cell.get("reports", 0) for cell in reporting["cubes"].find())
    assert counted == len(facts), f"{len(facts)} reports were counted {counted} times"
