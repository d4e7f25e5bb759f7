"""The relay beside its floor: entries a second, and bare sends of the same messages with acks=all, flushed per 500.

python -m tests.performance.relay [ENTRIES]
"""

from __future__ import annotations

import statistics
import threading
import time

from kafka import KafkaProducer

from shared import relay
from shared.events import encode
from shared.events.topics import topic_of
from tests.performance.figures import Figure, grown, share
from tests.performance.ground import Ground, entries_of, fill_journal, pending

ENTRIES = 20_000
RUNS = 3
FLUSH = 500


def relay_rate(here: Ground, entries: int, published_before: int = 0) -> tuple[float, float]:
    """(entries a second of the relay, sends a second of the floor), with so many published entries in the journal."""
    foundation = here.foundation("intake", here.new_prefix())
    if published_before:
        fill_journal(foundation, published_before, pending=False)
    fill_journal(foundation, entries, pending=True)
    floor = _floor_rate(here, foundation.settings.prefix, entries_of(foundation))
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, args=(foundation, stop))
    began = time.monotonic()
    thread.start()
    while pending(foundation):
        time.sleep(0.02)
    seconds = time.monotonic() - began
    stop.set()
    thread.join()
    foundation.database.client.close()
    return entries / seconds, floor


def _floor_rate(here: Ground, prefix: str, entries: list[dict[str, object]]) -> float:
    messages = [encode("intake", entry) for entry in entries]
    topic = topic_of("intake")
    assert topic is not None
    producer = KafkaProducer(bootstrap_servers=here.kafka.bootstrap, acks="all")
    producer.send(f"{prefix}cases.events", b"warm").get(10)
    began = time.monotonic()
    for number, message in enumerate(messages, 1):
        producer.send(f"{prefix}cases.events", value=message.value, key=message.key, headers=message.headers)
        if number % FLUSH == 0:
            producer.flush(30)
    producer.flush(30)
    seconds = time.monotonic() - began
    producer.close()
    return len(messages) / seconds


def medians(here: Ground, entries: int = ENTRIES, published_before: int = 0, runs: int = RUNS) -> tuple[float, float]:
    """The median rate of the relay and of its floor."""
    rates = [relay_rate(here, entries, published_before) for _ in range(runs)]
    return statistics.median(rate for rate, _ in rates), statistics.median(floor for _, floor in rates)


def figures(here: Ground) -> list[Figure]:
    """The relay as a share of its floor."""
    ours, floor = medians(here)
    return [share("relay, journal to Kafka", ours, floor, "entries a second", 0.7)]


def growth(here: Ground) -> list[Figure]:
    """The same with a small and a large journal behind what is pending."""

    def measured(entries: int) -> tuple[float, float]:
        return medians(here, published_before=entries, runs=1)

    return grown("relay", "entries a second", lambda _: None, measured)
