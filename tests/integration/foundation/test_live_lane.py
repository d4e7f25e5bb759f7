"""A worker far behind on the real Kafka: what comes now is handled now, and in the end all is as if read in order.

A live event comes at a known batch; what is compared is how far the position is when its effect is there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kafka import KafkaProducer

from shared import failpoints, worker
from shared.events import encode
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal.unit import JOURNAL
from shared.worker import live, operations, positions, processor
from shared.worker.processor import Handler
from tests.integration.foundation.test_backlog import TOPIC, at, backlog
from tests.integration.foundation.test_relay_and_worker import HANDLERS, count, effects, wait_for, working, write
from tests.support.servers import Kafka

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
STREAMS, VERSIONS, BATCH = 700, 3, 50
TOTAL = STREAMS * VERSIONS
SOON = 500
"""The position by which a live event is handled: a few batches after it came, and far from the end at 2,100."""
Publish = Callable[..., None]


class Late:
    """A worker's service, a topic whose 2,100 events nobody has handled, and what is put behind them."""

    def __init__(self, directory: Foundation, reporting: Foundation, producer: KafkaProducer) -> None:
        self.directory, self.reporting = directory, reporting
        self._producer = producer
        self.streams = [new_id("agency") for _ in range(STREAMS)]
        backlog(directory, self.streams, VERSIONS)
        self._publish()

    def _publish(self) -> None:
        """Everything that the journal holds and no relay has sent; when it returns, it lies on the topic."""
        journal = self.directory.database[JOURNAL]
        entries = list(journal.find({"pending": True}, sort=[("sequence", 1), ("version", 1)]))
        for entry in entries:
            message = encode("directory", entry)
            name = self.directory.settings.prefix + TOPIC
            self._producer.send(name, value=message.value, key=message.key, headers=message.headers)
        self._producer.flush(30)
        journal.update_many({"_id": {"$in": [entry["_id"] for entry in entries]}}, {"$unset": {"pending": ""}})

    def comes(self, stream: str, version: int = 1) -> None:
        """Something happens now."""
        write(self.directory, stream, version)
        self._publish()

    def position(self) -> int:
        found = self.reporting.database[positions.POSITIONS].find_one()
        return int(found["offset"]) if found else 0

    def expected(self, *live_streams: str) -> dict[str, list[int]]:
        return {**{stream: [1, 2, 3] for stream in self.streams}, **{stream: [1] for stream in live_streams}}

    def run(self, do: Callable[[int], None], extra: int, handlers: dict[str, Handler] | None = None) -> None:
        """A worker handles all of it; `do` is called after each batch, and then the live lane looks."""
        with at("worker.committed", do), working(self.reporting, handlers or HANDLERS):
            wait_for(lambda: self.position() == TOTAL + extra, "everything handled in its turn")


@pytest.fixture
def late(connected: Any, kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> Iterator[Late]:
    for module, name, value in (
        (worker.worker, "BATCH", BATCH),
        (live, "BEHIND", BATCH),
        # A machine that stands still for a while must not make the live old.
        (live, "LIVE_SECONDS", 600),
        (processor, "FIRST_BACKOFF_SECONDS", 0.001),
    ):
        monkeypatch.setattr(module, name, value)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
    try:
        yield Late(connected("directory"), connected("reporting"), producer)
    finally:
        producer.close()


def first_seen(late: Late, stream: str, seen: list[int]) -> None:
    """Notes the position at which an effect of the stream is there."""
    if not seen and late.reporting.database["effects"].find_one({"_id": stream}):
        seen.append(late.position())


def test_what_comes_now_is_handled_long_before_the_backlog_is(late: Late) -> None:
    """Seen to fail with a lane that never opens: it is handled at 2,101. And nothing is handled twice."""
    stream, seen = new_id("agency"), list[int]()

    def after(batch: int) -> None:
        if batch == 3:
            late.comes(stream)
        first_seen(late, stream, seen)

    late.run(after, extra=1)
    assert effects(late.reporting) == late.expected(stream)
    assert seen[0] <= SOON, "it waited for the backlog"


def test_what_continues_a_late_stream_waits_for_it_and_is_in_order(late: Late) -> None:
    """The last stream's fourth version comes at the third batch, while three are late."""
    stream, seen = late.streams[-1], list[int]()

    def after(batch: int) -> None:
        if batch == 3:
            late.comes(stream, 4)
        first_seen(late, stream, seen)

    late.run(after, extra=1)
    assert effects(late.reporting) == {**late.expected(), stream: [1, 2, 3, 4]}
    assert seen[0] >= STREAMS, "it was handled before those that are late"
    assert operations.parked(late.reporting.database) == []


def test_poison_that_comes_now_is_parked_in_its_turn_and_others_do_not_wait_for_it(late: Late) -> None:
    """Between two healthy ones. Seen to fail with a look ahead that is not taken apart: they wait for the backlog."""
    poison, healthy, seen = new_id("agency"), [new_id("agency"), new_id("agency")], list[int]()
    parked_at = list[int]()

    def fails(event: Any, unit: Any) -> None:
        count(event, unit)
        if event.stream == poison:
            raise RuntimeError("a fault in the handler")

    def after(batch: int) -> None:
        if batch == 3:
            for stream in (healthy[0], poison, healthy[1]):
                late.comes(stream)
        first_seen(late, healthy[1], seen)
        if not parked_at and operations.parked(late.reporting.database):
            parked_at.append(late.position())

    late.run(after, extra=3, handlers={"agency.registered": fails, "agency.changed": fails})
    assert effects(late.reporting) == late.expected(*healthy)
    assert seen[0] <= SOON, "the healthy ones waited"
    [entry] = operations.parked(late.reporting.database)
    assert (entry["key"], entry["offset"], entry["attempts"]) == (poison, TOTAL + 1, 5)
    assert not parked_at or parked_at[0] > TOTAL, "parked before its turn"


def test_what_was_published_a_moment_before_the_lane_opened_is_live_as_well(late: Late) -> None:
    """It comes before the worker starts. Seen to fail with a lane that begins at the end of the topic."""
    stream, seen = new_id("agency"), list[int]()
    late.comes(stream)
    late.run(lambda _: first_seen(late, stream, seen), extra=1)
    assert effects(late.reporting) == late.expected(stream)
    assert seen[0] <= SOON, "it waited for the backlog"


def test_in_a_burst_everything_waits_for_its_turn(late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is hardly older than the newest is no backlog: to handle half of it early would only be more work.

    Seen to fail with a lane that does not compare the two: it is handled at 200 of 2,101.
    """
    monkeypatch.setattr(live, "LATE_SECONDS", 7_200)
    stream, seen = new_id("agency"), list[int]()
    late.comes(stream)
    late.run(lambda _: first_seen(late, stream, seen), extra=1)
    assert seen[0] == TOTAL + 1


def test_killed_after_it_handled_something_ahead_nothing_is_lost_and_nothing_happens_twice(late: Late) -> None:
    """The next worker knows only the versions. Seen to fail with a processor that does not compare them: twice."""
    stream = new_id("agency")
    late.comes(stream)

    def crash(_: int) -> None:
        raise failpoints.Crash("worker.ahead")

    with at("worker.ahead", crash), pytest.raises(failpoints.Crash):
        worker.run(late.reporting, [TOPIC], HANDLERS, threading.Event())
    assert effects(late.reporting)[stream] == [1] and late.position() < SOON
    late.run(lambda _: None, extra=1)
    assert effects(late.reporting) == late.expected(stream)


def test_partitions_that_are_taken_up_anew_have_their_lane_again(late: Late) -> None:
    """As after another member was there: at the third batch the position is lost. What came then is handled soon."""
    stream, seen = new_id("agency"), list[int]()

    def after(batch: int) -> None:
        if batch == 3:
            late.comes(stream)
            late.reporting.database[positions.POSITIONS].update_one({}, {"$inc": {"offset": -BATCH}})
        first_seen(late, stream, seen)

    late.run(after, extra=1)
    assert effects(late.reporting) == late.expected(stream)
    assert seen[0] <= SOON, "it waited for the backlog"
