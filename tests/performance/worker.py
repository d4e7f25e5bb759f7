"""How fast the worker feeds reporting, beside a bare kafka-python poll with one unordered bulk write of the same facts.

Both read the same topics, filled through the real encoder, on one mongod and one Kafka of their own, in turn.
"""

from __future__ import annotations

import statistics
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from pymongo import UpdateOne

from services.reporting import store
from services.reporting.handlers import TOPICS, handlers
from shared.clock import utc_now
from shared.events import encode
from shared.events.catalogue import produce
from shared.foundation import Foundation
from shared.settings import Settings
from shared.worker import positions
from shared.worker.worker import Worker, group_of
from tests.integration.reporting.conftest import BARAT, SELATAN, TIMUR, UTARA, Entry, History
from tests.performance.figures import Figure, grown, share
from tests.performance.ground import CHUNK, Ground

EVENTS = 20_000
RUNS = 3
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def measured(here: Ground, events: int = EVENTS, runs: int = RUNS) -> tuple[float, float]:
    """Events per second of the worker and of its floor: the medians of `runs` runs in turn."""
    ours, floor = [], []
    for _ in range(runs):
        foundation = here.foundation("reporting", here.new_prefix())
        fill(foundation.settings, events)
        ours.append(events / _timed(lambda done, base=foundation: _worker(base, events, done)))
        facts = {fact.pop("_id"): fact for fact in foundation.database[store.FACTS].find()}
        floor.append(events / _timed(lambda done, base=foundation, same=facts: _bare(base, events, same, done)))
        foundation.database.client.close()
    return statistics.median(ours), statistics.median(floor)


def growth(here: Ground) -> list[Figure]:
    """The same with few and with many facts, and streams seen, in the read model."""
    foundation = here.foundation("reporting", here.new_prefix())
    fill(foundation.settings, EVENTS)
    _timed(lambda done: _worker(foundation, EVENTS, done))
    read = [EVENTS]
    [some_fact] = foundation.database[store.FACTS].find({}, {"_id": 0}, limit=1)
    alike: dict[str, Any] = defaultdict(lambda: some_fact)

    def add(number: int) -> None:
        for collection in (foundation.database[store.FACTS], foundation.database[positions.VERSIONS]):
            models = list(collection.find(limit=CHUNK))
            for begin in range(0, number, CHUNK):
                chosen = models[: min(CHUNK, number - begin)]
                collection.insert_many([{**one, "_id": f"report-{uuid.uuid4().hex}"} for one in chosen], ordered=False)

    def measure(_: int) -> tuple[float, float]:
        ours, floor = [], []
        for _ in range(RUNS):
            fill(foundation.settings, EVENTS)
            read[0] += EVENTS
            ours.append(EVENTS / _timed(lambda done: _worker(foundation, read[0], done)))
            floor.append(read[0] / _timed(lambda done: _bare(foundation, read[0], alike, done)))
        return statistics.median(ours), statistics.median(floor)

    return grown("worker into reporting", "events a second", add, measure)


def figures(here: Ground) -> list[Figure]:
    """The worker as a share of its floor."""
    ours, floor = measured(here)
    return [share("worker into reporting", ours, floor, "events a second", 0.5)]


def entries(number: int) -> Iterator[Entry]:
    """Reports with the opening and the screening of their case, over a year and the city."""
    made = 0
    while made < number:
        history = History()
        place, month = (BARAT, TIMUR, UTARA, SELATAN)[made // 3 % 4], made // 12 % 12 + 1
        [case] = history.report(f"2026-{month:02}-03", place, ("low", "high")[made % 2])
        history.screen(case)
        yield from history.entries[: number - made]
        made += len(history.entries)


def fill(settings: Settings, number: int) -> None:
    """Puts so many events on their topics."""
    producer = KafkaProducer(bootstrap_servers=list(settings.kafka_bootstrap), acks="all", linger_ms=5)
    now = utc_now()
    for entry in entries(number):
        message = encode(
            "bench",
            {
                "_id": str(uuid.uuid4()),
                "type": entry.type,
                "stream": entry.stream,
                "version": entry.version,
                "epoch": entry.epoch,
                "schema_version": 1,
                "occurred_at": now,
                "recorded_at": now,
                "actor": "account-" + "0" * 32,
                "correlation_id": str(uuid.uuid4()),
                "traceparent": TRACE,
                "data": produce(entry.type, entry.data),
            },
        )
        producer.send(settings.prefix + entry.topic, message.value, message.key, message.headers)
    producer.flush(60)
    producer.close()


def _worker(foundation: Foundation, number: int, done: Callable[[], None]) -> None:
    """The real worker to the end of the topics; the clock starts when it has its partitions."""
    stop = threading.Event()

    def watch() -> None:
        positions = foundation.database["positions"]
        while not stop.is_set():
            read = sum(entry["offset"] for entry in positions.find())
            if read >= number:
                done()
                stop.set()
            time.sleep(0.01)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        worker = _Started(foundation, list(TOPICS), handlers(foundation))
        worker.done = done
        worker.run(stop)
    finally:
        stop.set()
        watching.join()


class _Started(Worker):
    """A worker that says when it begins to read: joining its group is not what is measured."""

    done: Callable[[], None]

    def _take_up(self, consumer: Any) -> None:
        super()._take_up(consumer)
        self.done()


def _bare(foundation: Foundation, number: int, facts: dict[str, Any], done: Callable[[], None]) -> None:
    """The floor: poll, one unordered bulk write with the final fact of each record's stream, nothing else."""
    settings = foundation.settings
    consumer = KafkaConsumer(
        bootstrap_servers=list(settings.kafka_bootstrap),
        group_id=group_of(settings.prefix, "bare"),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=500,
    )
    target = foundation.database["bare"]
    names = [settings.prefix + name for name in TOPICS]
    consumer.assign([TopicPartition(name, one) for name in names for one in consumer.partitions_for_topic(name)])
    read = 0
    done()
    while read < number:
        records = [record for batch in consumer.poll(timeout_ms=200).values() for record in batch]
        if records:
            keys = [record.key.decode() for record in records]
            target.bulk_write(
                [UpdateOne({"_id": key}, {"$set": facts[key]}, upsert=True) for key in keys], ordered=False
            )
            read += len(records)
    done()
    consumer.close()


def _timed(run: Callable[[Callable[[], None]], None]) -> float:
    """Seconds between the first and the last time that `run` calls what it is given."""
    moments: list[float] = []
    run(lambda: moments.append(time.monotonic()))
    return moments[-1] - moments[0]
