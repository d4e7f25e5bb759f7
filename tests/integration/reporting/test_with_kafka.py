"""Reporting on the real Kafka: how far it is behind, and a rebuild while nothing new comes in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from services.reporting import freshness, store
from services.reporting.handlers import TOPICS, handlers
from services.reporting.rebuild import rebuild
from shared import relay, worker
from shared.access import system_actor
from shared.events import NewEvent, topics
from shared.foundation import Foundation
from shared.journal import Unit
from shared.settings import load
from shared.worker import generations
from shared.worker.rebuild import Progress
from tests.integration.reporting.conftest import BARAT, NOW, REPORTS, History
from tests.support.servers import Kafka, Mongo

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain: {what}"
        threading.Event().wait(0.05)


@contextmanager
def running(target: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=target, args=[stop], daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive(), "the role did not stop within 15 s"


@pytest.fixture
def on_kafka(
    mongo: Mongo, kafka: Kafka, prefix: str, make_reporting: Callable[..., Foundation]
) -> tuple[Foundation, Foundation]:
    """Intake, which writes, and reporting, which reads, with topics of their own."""
    environ = mongo.settings_environ("intake", prefix, KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap)
    intake = Foundation.start(load("intake", environ))
    intake.journal.ensure_indexes()
    topics.ensure(intake.settings)
    return intake, make_reporting(KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap)


def register(intake: Foundation, number: int) -> None:
    """Writes so many reports into intake's journal."""
    for _ in range(number):
        history = History()
        history.report()
        [entry] = [entry for entry in history.entries if entry.topic == REPORTS]

        def work(unit: Unit, entry=entry) -> dict[str, str]:
            unit.append(entry.stream, 0, [NewEvent(entry.type, entry.data, NOW)])
            return {}

        intake.journal.run(work, actor=system_actor("test"))


def reports(reporting: Foundation) -> int:
    return store.counts(reporting.database, False, ("2026-11", "2026-11")).get((BARAT, "2026-11"), {}).get("reports", 0)


def test_the_lag_is_known_and_the_worker_goes_on_after_a_rebuild(
    on_kafka: tuple[Foundation, Foundation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "GOOD_FOR", 0.0)
    intake, reporting = on_kafka
    with running(lambda stop: relay.run(intake, stop)):
        register(intake, 7)
        wait_for(lambda: freshness.freshness(reporting).events_behind == 7, "the topics hold seven events")
    with running(lambda stop: worker.run(reporting, TOPICS, handlers(reporting), stop)):
        wait_for(lambda: freshness.freshness(reporting).events_behind == 0, "all are counted")
        assert reports(reporting) == 7
        heard: list[Progress] = []
        assert rebuild(reporting, heard.append) is True
        assert (heard[-1].done, heard[-1].total) == (7, 7)
        assert generations.state(reporting.database) == {"live": 1, "building": None, "removing": None}
        assert reports(reporting) == 7
        with running(lambda stop: relay.run(intake, stop)):
            register(intake, 2)
            wait_for(lambda: reports(reporting) == 9, "the worker goes on with the new generation")
        assert freshness.freshness(reporting).events_behind == 0


def test_a_frozen_broker_delays_the_page_by_seconds_and_then_not_at_all(
    on_kafka: tuple[Foundation, Foundation], kafka: Kafka
) -> None:
    _, reporting = on_kafka
    kafka.pause()
    try:
        started = time.monotonic()
        assert freshness.freshness(reporting).events_behind is None
        first = time.monotonic() - started
        assert freshness.freshness(reporting).events_behind is None
        assert first < 5 and time.monotonic() - started - first < 0.5
    finally:
        kafka.resume()
        wait_for(lambda: freshness._ask(reporting.settings) is not None, "the broker answers again")
