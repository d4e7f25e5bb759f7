"""What an operator sees and does, against the real parts."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from shared import operations
from shared.events import Event
from shared.ids import new_id
from tests.integration.foundation.test_relay_and_worker import (
    HANDLERS,
    TOPIC,
    effects,
    relaying,
    wait_for,
    working,
    write,
)
from tests.support.servers import Kafka

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]


def test_the_status_names_what_waits_and_who_leads(connected: Any, kafka: Kafka) -> None:
    directory, reporting = connected("directory"), connected("reporting")
    write(directory, new_id("agency"), 1)
    status = operations.service_status(directory)
    assert status["unpublished"] == 1 and status["relay"] is None
    assert status["oldest_unpublished_seconds"] < 60
    with relaying(directory):
        wait_for(lambda: operations.service_status(directory)["unpublished"] == 0, "published")
        assert operations.service_status(directory)["relay"] is not None
        assert operations.service_status(reporting, [TOPIC])["lag"] == 1
        with working(reporting):
            wait_for(lambda: operations.service_status(reporting, [TOPIC])["lag"] == 0, "read")
    kafka.kill()
    try:
        assert operations.service_status(reporting, [TOPIC])["lag"] is None
        assert not operations.reachable_kafka(reporting.settings)
    finally:
        kafka.start()


def test_the_tail_shows_what_travels(connected: Any) -> None:
    directory = connected("directory")
    stream = new_id("agency")
    seen: list[Any] = []

    def follow() -> None:
        for event in operations.tail(directory.settings, [TOPIC], from_start=True):
            seen.append(event)
            return

    follower = threading.Thread(target=follow, daemon=True)
    with relaying(directory):
        write(directory, stream, 1)
        follower.start()
        wait_for(lambda: len(seen) == 1, "the event is shown")
    assert isinstance(seen[0], Event)
    assert (seen[0].stream, seen[0].type) == (stream, "agency.registered")


def test_the_journal_is_published_once_more_and_nothing_happens_twice(connected: Any) -> None:
    directory, reporting = connected("directory"), connected("reporting")
    streams = [new_id("agency") for _ in range(5)]
    with relaying(directory), working(reporting, HANDLERS):
        for stream in streams:
            write(directory, stream, 1)
        wait_for(lambda: len(effects(reporting)) == 5, "all effects")
        wait_for(lambda: operations.service_status(directory)["unpublished"] == 0, "all published")
        assert operations.republish(directory) == 5
        wait_for(lambda: operations.service_status(directory)["unpublished"] == 0, "published once more")
        wait_for(lambda: operations.service_status(reporting, [TOPIC])["lag"] == 0, "read once more")
    assert effects(reporting) == {stream: [1] for stream in streams}
