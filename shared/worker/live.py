"""The live lane: what is written now is read from the end of the topics, while a backlog before it is handled in order.

A consumer of its own that joins no group and keeps no position. It only decides what is looked at early: whether an
event may be handled before its turn is decided by the processor, and in its turn each event comes again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from shared.events.envelope import rfc3339
from shared.settings import Settings
from shared.telemetry import metrics
from shared.telemetry.logs import get_logger
from shared.worker.consumer import onlooker, records
from shared.worker.processor import Handler, Record

BEHIND = 1_000
"""The lane is open while more events than this are not handled in all."""
LIVE_SECONDS = 10
"""What was recorded longer ago is not live. (After an outage, the relay sends such events to the end of the topics.)"""
LATE_SECONDS = 2
"""Nor is what was recorded hardly later than what is handled in order: its turn is near, as in any burst."""
MOST = 500
"""Live events that one look returns. It may pass over many more that are not live."""
READ = 1_000
LOOK_SECONDS, POLL_MS = 1.0, 5
"""A look lasts so long only while it is not at the end: what the relay publishes of a backlog is passed over first."""
ANSWER_MS, CLOSE_MS = 2_000, 1_000

log = get_logger(__name__)


class LiveLane:
    """Reads the ends of the topics for one worker. Not open at first."""

    def __init__(self, settings: Settings, handlers: Mapping[str, Handler]) -> None:
        self._settings = settings
        self._handlers = handlers
        self._consumer: KafkaConsumer | None = None
        self._next: dict[TopicPartition, int] = {}

    @property
    def open(self) -> bool:
        """Whether it reads."""
        return self._consumer is not None

    def look(self, reached: Mapping[TopicPartition, int], behind: int, oldest: datetime | None) -> list[Record]:
        """Live events, of those partitions, that lie after the offsets `reached` in order: MOST or a few more, and what
        is found in LOOK_SECONDS.

        It opens when `behind`, the number of events still to be handled in order, is large, and those are late:
        `oldest` says when the first was recorded. It closes when little is behind. A Kafka that does not answer costs
        the lane, and nobody else.
        """
        if behind <= BEHIND:
            self.close()
            return []
        now = datetime.now(UTC)
        since = now - timedelta(seconds=LIVE_SECONDS)
        if oldest is not None:
            since = max(since, oldest + timedelta(seconds=LATE_SECONDS))
        if since > now:
            return []
        try:
            if self._consumer is None:
                self._consumer = self._begin(list(reached), since)
            return self._read(self._consumer, reached, since)
        except KafkaError as error:
            log.warning("live_lane_lost", error=type(error).__name__)
            self.close()
            return []

    def close(self) -> None:
        """Lets go of the connection. What is opened again begins a little before."""
        consumer, self._consumer, self._next = self._consumer, None, {}
        if consumer is not None:
            consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
            metrics.WORKER_LIVE.labels(self._settings.service).set(0)
            log.info("live_lane_closed")

    def _begin(self, partitions: list[TopicPartition], since: datetime) -> KafkaConsumer:
        consumer = onlooker(
            self._settings,
            "live",
            auto_offset_reset="latest",
            max_poll_records=READ,
            # Its memory comes on top of the worker's.
            fetch_max_bytes=8_388_608,
            fetch_max_wait_ms=100,
            bootstrap_timeout_ms=ANSWER_MS,
        )
        try:
            consumer.assign(partitions)
            # From what was published a moment ago on: what came before the lane was opened is live as well.
            times = dict.fromkeys(partitions, int(since.timestamp() * 1_000))
            begins = consumer.offsets_for_times(times, timeout_ms=ANSWER_MS)
            ends = consumer.end_offsets(partitions, timeout_ms=ANSWER_MS)
            for partition in partitions:
                found = begins.get(partition)
                self._next[partition] = found.offset if found else ends[partition]
                consumer.seek(partition, self._next[partition])
        except BaseException:
            consumer.close(autocommit=False, timeout_ms=CLOSE_MS)
            raise
        metrics.WORKER_LIVE.labels(self._settings.service).set(1)
        log.info("live_lane_open", partitions=len(partitions))
        return consumer

    def _read(self, consumer: KafkaConsumer, reached: Mapping[TopicPartition, int], since: datetime) -> list[Record]:
        first = rfc3339(since)
        for partition, offset in reached.items():
            # (What was assigned a moment ago is taken up first.)
            if self._next.get(partition, offset) < offset:
                self._next[partition] = offset
                consumer.seek(partition, offset)
        found: list[Record] = []
        until = time.monotonic() + LOOK_SECONDS
        while len(found) < MOST and time.monotonic() < until:
            polled = consumer.poll(timeout_ms=POLL_MS)
            self._next.update({partition: batch[-1].offset + 1 for partition, batch in polled.items()})
            live = {name: [each for each in batch if _recorded(each) >= first] for name, batch in polled.items()}
            found += records(live, self._handlers)
            if all(offset >= (consumer.highwater(partition) or 0) for partition, offset in self._next.items()):
                break
        return found


def _recorded(record: Any) -> bytes:
    """When an event was recorded, as its header has it: such texts are in the order of time."""
    found = dict(record.headers).get("ce_recordedat")
    return found if isinstance(found, bytes) else b""
