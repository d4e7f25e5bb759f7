"""While a backlog drains, what is written now does not wait behind it; order within each stream holds all the same.

Nothing here looks at a clock: a live event is written at a known round, and the place where it lies on the topic, or
the number of events handled before it, is compared with the size of the backlog.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from shared import failpoints, relay
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Unit
from shared.journal.unit import JOURNAL, Context
from tests.integration.foundation.test_relay_and_worker import relaying, wait_for, write
from tests.support import oracle

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
TOPIC = "directory.events"
STREAMS, VERSIONS, BATCH = 700, 3, 50
ROUND = 3
"""The round at which something live is written."""


def backlog(directory: Foundation, streams: list[str], versions: int = VERSIONS) -> None:
    """Puts events of these streams into the journal as they are after an outage: version by version, an hour old."""
    unit = Unit(directory.database, None, Context("system:test"), directory.journal.epoch, directory.clock)
    for version in range(versions):
        for stream in streams:
            kind = "agency.changed" if version else "agency.registered"
            data = {"agency_id": stream, "kind": "health_centre", "kecamatan": None, "active": True}
            unit.append(stream, version, [NewEvent(kind, data)])
    for collection, documents in unit.additions().documents:
        for document in documents:
            document["recorded_at"] -= timedelta(hours=1)
        collection.insert_many(documents)


@contextmanager
def at(point: str, do: Callable[[int], None]) -> Iterator[None]:
    """While it lasts, `do` is called with 1, 2, 3 ... each time that the failpoint is reached."""
    times = Counter[str]()

    def reached(name: str) -> None:
        times[name] += 1
        do(times[name])

    failpoints.ACTIONS["call"] = reached
    failpoints.configure([f"{point}=call"])
    try:
        yield
    finally:
        failpoints.configure(())
        del failpoints.ACTIONS["call"]


def once_at(number: int, do: Callable[[], None]) -> Callable[[int], None]:
    return lambda times: do() if times == number else None


def pending(directory: Foundation) -> int:
    return directory.database[JOURNAL].count_documents({"pending": True})


def on_the_topic(directory: Foundation) -> list[tuple[str, int]]:
    """(stream, version) of what lies on the topic; where an event lies first, its stream is checked to be in order."""
    found = oracle.topic_holds_the_journal(directory.database, directory.settings, TOPIC)
    return [(event.stream, event.version) for event in found]


@pytest.fixture
def directory(connected: Any, monkeypatch: pytest.MonkeyPatch) -> Foundation:
    """A journal with a backlog of 2,100 events of 700 streams, and a relay that takes 50 at a time."""
    monkeypatch.setattr(relay.relay, "BATCH", BATCH)
    monkeypatch.setattr(relay.relay, "NEWEST", BATCH // 5)
    made: Foundation = connected("directory")
    backlog(made, [new_id("agency") for _ in range(STREAMS)])
    return made


def test_what_is_written_now_is_published_long_before_the_backlog(directory: Foundation) -> None:
    """Written at the third round, it is read in the fourth or fifth, and lies within the first six.

    Seen to fail with `_pending` that never asks for the newest: it lies behind all 2,100; and with one that takes of
    them what was `sent`, and is not marked yet: it lies there twice.
    """
    live = new_id("agency")
    with at("relay.read", once_at(ROUND, lambda: write(directory, live, 1))), relaying(directory):
        wait_for(lambda: pending(directory) == 0, "everything published")
    order = on_the_topic(directory)
    assert len(order) == len(set(order)) == STREAMS * VERSIONS + 1
    assert order.index((live, 1)) < (ROUND + 3) * 2 * BATCH, "it waited for the backlog"


def test_what_its_stream_has_in_the_backlog_is_published_before_it(directory: Foundation) -> None:
    """All of the stream goes out ahead, in order: the fourth version needs the three that are late.

    Seen to fail with `_newest` that returns the newest entries alone: the fourth waits for the backlog; and with
    `_ready` besides that does not look for earlier versions: it lies before them, and readers would park it.
    """
    [stream] = directory.database[JOURNAL].distinct("stream", {"version": 1})[STREAMS // 2 :][:1]
    with at("relay.read", once_at(ROUND, lambda: write(directory, stream, 4))), relaying(directory):
        wait_for(lambda: pending(directory) == 0, "everything published")
    order = on_the_topic(directory)
    places = [order.index((stream, version)) for version in (1, 2, 3, 4)]
    assert places == sorted(places) and places[-1] < (ROUND + 3) * 2 * BATCH, places


@pytest.mark.parametrize("point", ["relay.read", "relay.published"])
def test_a_relay_that_dies_while_it_publishes_ahead_loses_nothing(directory: Foundation, point: str) -> None:
    """Before its send, and between that and the mark. Seen to fail, at the first, with marks made before the send."""
    live = [new_id("agency") for _ in range(3)]

    def write_and_die(times: int) -> None:
        if times == ROUND:
            for stream in live:
                write(directory, stream, 1)
        if times == ROUND + 2:
            raise failpoints.Crash(point)

    with at(point, write_and_die), pytest.raises(failpoints.Crash):
        relay.run(directory, threading.Event())
    assert 0 < pending(directory) < STREAMS * VERSIONS
    with relaying(directory):
        wait_for(lambda: pending(directory) == 0, "everything published by the next")
    assert len(set(on_the_topic(directory))) == STREAMS * VERSIONS + len(live)
