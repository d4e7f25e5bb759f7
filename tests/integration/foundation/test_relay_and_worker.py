"""From the journal over the real Kafka to a handler's effect, on good days and bad ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kafka import KafkaProducer

from shared import relay, worker
from shared.access.actor import system_actor
from shared.events import Event, NewEvent
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Unit
from shared.worker import operations
from tests.support.servers import Kafka, Mongo

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
SOMEBODY = system_actor("test")
TOPIC = "directory.events"


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")
        threading.Event().wait(0.05)


@contextmanager
def running(target: Callable[[threading.Event], None]) -> Iterator[None]:
    """Runs a role in a thread, started anew when it ends with an error, as the supervisor does."""
    stop = threading.Event()

    def supervised() -> None:
        while not stop.is_set():
            try:
                target(stop)
            except Exception:  # noqa: BLE001  # as the supervisor, whatever ended it
                stop.wait(0.2)

    thread = threading.Thread(target=supervised, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive(), "the role did not stop within 15 s"


def write(foundation: Foundation, stream: str, version: int) -> None:
    kind = "agency.registered" if version == 1 else "agency.changed"
    data = {"agency_id": stream, "kind": "health_centre", "kecamatan": None, "active": True}

    def work(unit: Unit) -> dict[str, Any]:
        unit.append(stream, version - 1, [NewEvent(kind, data)])
        return {}

    foundation.journal.run(work, actor=SOMEBODY)


def count(event: Event, unit: Unit) -> None:
    """A handler whose effect is easily seen twice: it adds the version to the stream's list."""
    unit.update(unit.database["effects"], {"_id": event.stream}, {"$push": {"versions": event.version}}, upsert=True)


HANDLERS = {"agency.registered": count, "agency.changed": count}


def effects(foundation: Foundation) -> dict[str, list[int]]:
    return {entry["_id"]: entry["versions"] for entry in foundation.database["effects"].find()}


def relaying(foundation: Foundation) -> Any:
    return running(lambda stop: relay.run(foundation, stop))


def working(foundation: Foundation, handlers: Any = HANDLERS) -> Any:
    return running(lambda stop: worker.run(foundation, [TOPIC], handlers, stop))


def test_what_is_written_has_its_effect_once_and_in_order(connected: Any) -> None:
    directory, reporting = connected("directory"), connected("reporting")
    streams = [new_id("agency") for _ in range(20)]
    with relaying(directory), working(reporting):
        for version in (1, 2, 3):
            for stream in streams:
                write(directory, stream, version)
        wait_for(lambda: effects(reporting) == {stream: [1, 2, 3] for stream in streams}, "all effects, once, in order")
        wait_for(lambda: directory.database["journal"].count_documents({"pending": True}) == 0, "all marked")


def test_a_relay_that_forgets_its_marks_sends_twice_and_nothing_happens_twice(connected: Any) -> None:
    directory, reporting = connected("directory"), connected("reporting")
    stream, later = new_id("agency"), new_id("agency")
    with relaying(directory), working(reporting):
        write(directory, stream, 1)
        wait_for(lambda: effects(reporting) == {stream: [1]}, "the first effect")
        directory.database["journal"].update_many({}, {"$set": {"pending": True}})
        write(directory, later, 1)
        wait_for(lambda: later in effects(reporting), "the later effect")
    assert effects(reporting)[stream] == [1]


def test_with_kafka_gone_the_journal_accepts_and_everything_arrives_later(connected: Any, kafka: Kafka) -> None:
    directory, reporting = connected("directory"), connected("reporting")
    streams = [new_id("agency") for _ in range(30)]
    with relaying(directory), working(reporting):
        write(directory, streams[0], 1)
        wait_for(lambda: len(effects(reporting)) == 1, "the first effect")
        kafka.kill()
        for stream in streams[1:]:
            write(directory, stream, 1)
        kafka.start()
        wait_for(lambda: effects(reporting) == {stream: [1] for stream in streams}, "all effects, once", 60)


def test_of_two_relays_one_leads_and_the_other_takes_over(connected: Any) -> None:
    directory = connected("directory")
    stream = new_id("agency")
    with relaying(directory):
        write(directory, stream, 1)
        wait_for(lambda: directory.database["journal"].count_documents({"pending": True}) == 0, "published")
        first = relay.lease.leader(directory.database, relay.LEASE)
        with relaying(directory):
            assert relay.lease.leader(directory.database, relay.LEASE) == first
    with relaying(directory):
        write(directory, stream, 2)
        wait_for(lambda: directory.database["journal"].count_documents({"pending": True}) == 0, "published again")
        second = relay.lease.leader(directory.database, relay.LEASE)
    assert first is not None and second is not None
    assert second["token"] == first["token"] + 1


def test_a_fenced_relay_marks_nothing(connected: Any) -> None:
    directory = connected("directory")
    write(directory, new_id("agency"), 1)
    mine = relay.lease.acquire(directory.database, relay.LEASE, "me")
    assert mine is not None
    directory.database["leases"].update_one({"_id": relay.LEASE}, {"$inc": {"token": 1}})
    asleep = relay.relay.Relay(directory, TOPIC)
    [entry] = directory.database["journal"].find()
    with pytest.raises(relay.lease.Fenced):
        asleep._mark(mine, [entry["_id"]])
    assert directory.database["journal"].count_documents({"pending": True}) == 1


def test_a_poison_event_is_parked_and_only_its_own_key_waits(connected: Any) -> None:
    directory, reporting = connected("directory"), connected("reporting")
    poisoned, healthy = new_id("agency"), new_id("agency")
    broken = threading.Event()
    broken.set()

    def fails(event: Event, unit: Unit) -> None:
        count(event, unit)
        if event.stream == poisoned and broken.is_set():
            raise RuntimeError("a fault in the handler")

    handlers = {"agency.registered": fails, "agency.changed": fails}
    with relaying(directory), working(reporting, handlers):
        for version in (1, 2):
            write(directory, poisoned, version)
            write(directory, healthy, version)
        wait_for(lambda: effects(reporting) == {healthy: [1, 2]}, "the healthy stream goes on")
        wait_for(lambda: len(operations.parked(reporting.database)) == 2, "both events of the poisoned stream parked")
        first, second = operations.parked(reporting.database)
        assert first["error"] == "RuntimeError" and first["attempts"] == 5
        assert second["error"] == worker.parking.BEHIND
        broken.clear()
        assert operations.replay_parked(reporting, handlers, poisoned) == 2
        write(directory, poisoned, 3)
        wait_for(lambda: effects(reporting).get(poisoned) == [1, 2, 3], "order restored")
    assert operations.parked(reporting.database) == []


def test_a_malformed_event_is_parked_with_its_error_and_an_unknown_one_passes_by(connected: Any, kafka: Kafka) -> None:
    directory, reporting = connected("directory"), connected("reporting")
    topic = directory.settings.prefix + TOPIC
    stream = new_id("agency")
    header = [("ce_specversion", b"1.0"), ("ce_subject", stream.encode()), ("ce_epoch", b"1")]
    known = [*header, ("ce_type", b"agency.registered"), ("ce_streamversion", b"1")]
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    for headers, value in (
        ([*header, ("ce_type", b"agency.renamed"), ("ce_streamversion", b"1")], b"whatever"),
        (known, b"{not json"),
        ([("ce_type", b"\xff\xfe")], b"{}"),
    ):
        key = b"nobody" if len(headers) == 1 else stream.encode()
        producer.send(topic, value=value, key=key, headers=headers).get(timeout=10)
    producer.close()
    healthy = new_id("agency")
    with relaying(directory), working(reporting):
        write(directory, healthy, 1)
        wait_for(lambda: healthy in effects(reporting), "others go on")
        wait_for(lambda: len(operations.parked(reporting.database)) == 1, "the unreadable one is parked")
    [unreadable] = operations.parked(reporting.database)
    assert (unreadable["key"], unreadable["error"]) == ("nobody", "a header is not UTF-8")
    # version 1 of the stream was seen as an unknown type, so the malformed event of the same version is a repetition
    assert stream not in effects(reporting)


def test_with_mongo_gone_nothing_is_parked_and_the_worker_goes_on_by_itself(
    connected: Any, mongo: Mongo, kafka: Kafka
) -> None:
    directory, reporting = connected("directory"), connected("reporting")
    streams = [new_id("agency") for _ in range(10)]
    with relaying(directory), working(reporting):
        write(directory, streams[0], 1)
        wait_for(lambda: len(effects(reporting)) == 1, "the first effect")
        mongo.kill()
        threading.Event().wait(3)
        mongo.start()
        for stream in streams[1:]:
            write(directory, stream, 1)
        wait_for(lambda: effects(reporting) == {stream: [1] for stream in streams}, "all effects, once", 60)
    assert operations.parked(reporting.database) == []


def test_a_topic_read_again_from_the_start_changes_nothing(connected: Any) -> None:
    directory, reporting = connected("directory"), connected("reporting")
    streams = [new_id("agency") for _ in range(5)]
    with relaying(directory):
        for stream in streams:
            write(directory, stream, 1)
        with working(reporting):
            wait_for(lambda: len(effects(reporting)) == 5, "all effects")
        reporting.database["positions"].delete_many({})
        last = new_id("agency")
        with working(reporting):
            write(directory, last, 1)
            wait_for(lambda: last in effects(reporting), "the last effect")
    assert effects(reporting) == {stream: [1] for stream in [*streams, last]}


def test_a_worker_behind_a_moved_position_writes_nothing_twice(connected: Any) -> None:
    directory, reporting = connected("directory"), connected("reporting")
    stream = new_id("agency")
    with relaying(directory), working(reporting):
        write(directory, stream, 1)
        wait_for(lambda: effects(reporting) == {stream: [1]}, "the first effect")
        # as another member would have done that took the partition over
        reporting.database["positions"].update_many({}, {"$set": {"offset": 0, "topic_id": "another"}})
        write(directory, stream, 2)
        wait_for(lambda: effects(reporting) == {stream: [1, 2]}, "goes on from the stored position")


def test_a_gap_is_parked_and_not_jumped_over(connected: Any) -> None:
    directory, reporting = connected("directory"), connected("reporting")
    stream = new_id("agency")
    write(directory, stream, 1)
    write(directory, stream, 2)
    lost = directory.database["journal"].find_one_and_update({"version": 1}, {"$unset": {"pending": 1}})
    with relaying(directory), working(reporting):
        wait_for(lambda: len(operations.parked(reporting.database)) == 1, "version 2 waits for version 1")
        [entry] = operations.parked(reporting.database)
        assert entry["error"] == "expected version 1 of the stream, found 2"
        directory.database["journal"].update_one({"_id": lost["_id"]}, {"$set": {"pending": True}})
        wait_for(lambda: len(operations.parked(reporting.database)) == 2, "version 1 is there at last")
        assert operations.replay_parked(reporting, HANDLERS, stream) == 2
    assert effects(reporting) == {stream: [1, 2]}
