"""Parked events: they wait once, in order, whatever is read again, and giving one up costs no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events import Event, Message, encode
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Unavailable, Unit
from shared.worker import operations, processor
from shared.worker.processor import Processor, Record, read

pytestmark = pytest.mark.mongo
TOPIC, STREAM = "directory.events", new_id("agency")


class Broken:
    """A handler that notes the versions it was given, and fails as long as `error` is set."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __call__(self, event: Event, unit: Unit) -> None:
        unit.update(unit.database["effects"], {"_id": 1}, {"$push": {"versions": event.version}}, upsert=True)
        if self.error is not None:
            raise self.error


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Broken:
    monkeypatch.setattr(processor, "FIRST_BACKOFF_SECONDS", 0.001)
    return Broken()


@pytest.fixture
def reporting(foundation_of: Callable[..., Foundation]) -> Foundation:
    return foundation_of("reporting")


def message(version: int) -> Message:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    data = {"agency_id": STREAM, "kind": "health_centre", "kecamatan": None, "active": True}
    entry = {"_id": f"event-{version}", "stream": STREAM, "version": version, "epoch": 1, "type": "agency.changed"}
    entry |= {"data": data, "schema_version": 1, "occurred_at": now, "recorded_at": now, "actor": "system:test"}
    return encode("directory", {**entry, "correlation_id": "c"})


def member(reporting: Foundation, handler: Broken, topic_id: str = "first") -> Callable[..., None]:
    """A worker that has just been given the partition: it handles messages from offset 0 on."""
    part = Processor(reporting, {"agency.changed": handler})
    part.topic_ids, part.positions = {TOPIC: topic_id}, {}
    reporting.database["positions"].delete_many({})

    def handle(*messages: Message) -> None:
        part.process(
            [read(Record(TOPIC, 0, offset, each), {"agency.changed": handler}) for offset, each in enumerate(messages)]
        )

    return handle


def effects(reporting: Foundation) -> list[int]:
    found = reporting.database["effects"].find_one({"_id": 1})
    return found["versions"] if found else []


def replay(reporting: Foundation, handler: Broken) -> int:
    return operations.replay_parked(reporting, {"agency.changed": handler}, STREAM)


def test_what_waits_already_is_not_parked_again_when_the_topic_is_read_again(
    reporting: Foundation, handler: Broken
) -> None:
    handler.error = RuntimeError("broken")
    for _ in range(2):
        member(reporting, handler)(message(1), message(2))
    assert [entry["version"] for entry in operations.parked(reporting.database)] == [1, 2]
    handler.error = None
    assert replay(reporting, handler) == 2
    assert effects(reporting) == [1, 2]


def test_another_message_at_the_place_of_a_parked_one_waits_too(reporting: Foundation, handler: Broken) -> None:
    handler.error = RuntimeError("broken")
    member(reporting, handler)(message(1))
    member(reporting, handler, "made anew")(message(2))
    assert [entry["version"] for entry in operations.parked(reporting.database)] == [1, 2]
    handler.error = None
    assert replay(reporting, handler) == 2
    assert effects(reporting) == [1, 2]


def test_an_event_cannot_be_given_up_before_those_it_waits_behind(reporting: Foundation, handler: Broken) -> None:
    handler.error = RuntimeError("broken")
    member(reporting, handler)(message(1), message(2), message(3))
    with pytest.raises(operations.NotFirst, match=f"{TOPIC}:0:0"):
        operations.drop(reporting, f"{TOPIC}:0:1")
    assert len(operations.parked(reporting.database)) == 3
    assert operations.drop(reporting, f"{TOPIC}:0:0")
    handler.error = None
    assert replay(reporting, handler) == 2
    assert effects(reporting) == [2, 3]


def test_a_replay_says_how_the_handler_failed_and_leaves_the_queue(reporting: Foundation, handler: Broken) -> None:
    handler.error = RuntimeError("broken")
    member(reporting, handler)(message(1))
    with pytest.raises(operations.StillFails, match=r"^RuntimeError$"):
        replay(reporting, handler)
    handler.error = processor.Permanent("no such agency")
    with pytest.raises(operations.StillFails, match=r"^no such agency$"):
        replay(reporting, handler)
    assert len(operations.parked(reporting.database)) == 1


def test_a_replay_without_a_database_is_no_fault_of_the_event(
    reporting: Foundation, handler: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(reporting.journal, "transact", away)
    with pytest.raises(Unavailable):
        replay(reporting, handler)
