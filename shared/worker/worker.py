"""Kafka to handlers: polls, hands batches to the processor, and stays a member of its group through bad days.

Where to read on is the position in MongoDB; offsets are committed to Kafka only so that lag can be seen there. While
the database is out of reach the partitions are paused and polling goes on, so that membership is not lost. While there
is a backlog, live events are looked at after each batch. A stop finishes the batch and leaves the group within seconds,
also when the broker is frozen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime

from kafka import ConsumerRebalanceListener, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import AuthorizationError, KafkaError
from kafka.structs import OffsetAndMetadata
from pymongo.errors import PyMongoError

from shared import failpoints
from shared.broker import connection, why
from shared.events.topics import BrokerUnavailable, admin, described, topic_ids
from shared.foundation import Foundation
from shared.journal import Unavailable
from shared.telemetry import metrics
from shared.telemetry.logs import get_logger
from shared.worker import generations, positions
from shared.worker.consumer import Consumer, records
from shared.worker.live import LiveLane
from shared.worker.positions import PositionLost
from shared.worker.processor import Handler, Processor

POLL_MS = 200
BATCH = 1_000
FEWEST, LONGEST_SECONDS = 50, 0.5
"""While live events are looked at, a batch is so small that it takes no longer, but not smaller than that."""
SESSION_TIMEOUT_MS = 6_000
CLOSE_MS = 3_000
FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS = 0.5, 10.0
POLL_PAUSED_SECONDS = 0.5
IDLE_CHECK_SECONDS = 3.0

log = get_logger(__name__)


def group_of(prefix: str, service: str) -> str:
    """The consumer group of a service."""
    return f"{prefix}rujukan.{service}"


def run(foundation: Foundation, topics: Iterable[str], handlers: Mapping[str, Handler], stop: threading.Event) -> None:
    """Handles events until `stop` is set. Raises KafkaError where starting anew is the only way on."""
    Worker(foundation, list(topics), handlers).run(stop)


class Worker:
    """The worker of one service: one member of its group."""

    def __init__(self, foundation: Foundation, topics: list[str], handlers: Mapping[str, Handler]) -> None:
        self._foundation = foundation
        self._settings = foundation.settings
        self._topics = [self._settings.prefix + topic for topic in topics]
        self._handlers = handlers
        self._processor = Processor(foundation, handlers)
        self._database = foundation.database
        self._service = foundation.settings.service
        self._live = LiveLane(foundation.settings, handlers)
        self._batch = BATCH
        self._recorded: dict[str, datetime] = {}
        """When the event was recorded at which a partition is, as long as there are more behind it."""
        self._assigned = threading.Event()
        self._checked = time.monotonic()
        self._backoff = FIRST_BACKOFF_SECONDS

    def run(self, stop: threading.Event) -> None:
        """Polls and processes until `stop` is set."""
        consumer = self._connect(stop)
        if consumer is None:
            return
        try:
            self._ask_for_topics(stop)
            consumer.subscribe(self._topics, listener=_Listener(self._assigned))
            while not stop.is_set():
                self._round(consumer, stop)
        except AuthorizationError as error:
            log.error("kafka_refused", user=self._settings.kafka_user, **why(error))
            raise
        finally:
            self._live.close()
            consumer.close(autocommit=False, timeout_ms=CLOSE_MS)

    def _connect(self, stop: threading.Event) -> Consumer | None:
        """A consumer; waits for a broker. None if told to stop meanwhile."""
        while not stop.is_set():
            try:
                return Consumer(
                    **connection(self._settings),
                    client_id=f"rujukan-worker-{self._service}",
                    group_id=group_of(self._settings.prefix, self._service),
                    # A member with a name finds its partitions again when it is back within the session's time-out,
                    # and nobody else is disturbed. Two with one name would drive each other out.
                    group_instance_id=self._settings.instance,
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                    allow_auto_create_topics=False,
                    max_poll_records=BATCH,
                    session_timeout_ms=SESSION_TIMEOUT_MS,
                    heartbeat_interval_ms=SESSION_TIMEOUT_MS // 3,
                    # A batch that takes longer is taken for one that hangs; it is also what a rebalance waits at most.
                    max_poll_interval_ms=self._settings.batch_seconds * 1_000,
                    partition_assignment_strategy=[CooperativeStickyAssignor],
                    fetch_max_wait_ms=100,
                    reconnect_backoff_max_ms=1_000,
                    bootstrap_timeout_ms=3_000,
                )
            except KafkaError as error:
                log.warning("kafka_out_of_reach", **why(error))
                stop.wait(FIRST_BACKOFF_SECONDS)
        return None

    def _ask_for_topics(self, stop: threading.Event) -> None:
        """Returns when the topics may be read: kafka-python would only see no partitions, and say nothing."""
        while not stop.is_set():
            try:
                with admin(self._settings) as client:
                    described(client, self._topics)
                return
            except AuthorizationError as error:
                log.error("kafka_refused", user=self._settings.kafka_user, **why(error))
                stop.wait(LAST_BACKOFF_SECONDS)
            except (KafkaError, BrokerUnavailable) as error:
                log.warning("kafka_out_of_reach", **why(error))
                stop.wait(FIRST_BACKOFF_SECONDS)

    def _round(self, consumer: Consumer, stop: threading.Event) -> None:
        polled = consumer.poll(timeout_ms=POLL_MS, max_records=self._batch)
        try:
            if self._assigned.is_set():
                # What was polled is read again from the positions: it may come from where Kafka believes we were.
                self._assigned.clear()
                self._take_up(consumer)
                return
            found = records(polled, self._handlers)
            if found:
                failpoints.reach("worker.polled")
                began = time.monotonic()
                self._processor.process(found)
                self._backoff = FIRST_BACKOFF_SECONDS
                rate = len(found) / max(time.monotonic() - began, 0.001)
                failpoints.reach("worker.committed")
                self._recorded |= {each.partition_id: each.event.recorded_at for each in reversed(found) if each.event}
                self._look_ahead(*self._tell_kafka(consumer))
                self._batch = max(FEWEST, min(BATCH, int(rate * LONGEST_SECONDS))) if self._live.open else BATCH
            elif time.monotonic() - self._checked > IDLE_CHECK_SECONDS:
                self._check_positions()
        except PositionLost:
            log.warning("position_lost")
            self._assigned.set()
        except (Unavailable, PyMongoError, BrokerUnavailable) as error:
            log.warning("waiting", error=type(error).__name__, seconds=self._backoff)
            self._wait_out(consumer, stop)
            self._assigned.set()

    def _look_ahead(self, reached: Mapping[TopicPartition, int], behind: int) -> None:
        """Handles live events, if so many are behind that they would wait."""
        ahead = self._live.look(reached, behind, min(self._recorded.values(), default=None))
        if ahead:
            self._processor.process_ahead(ahead)
            failpoints.reach("worker.ahead")

    def _take_up(self, consumer: Consumer) -> None:
        """Seeks every assigned partition to its position."""
        self._live.close()
        self._recorded = {}
        assignment = consumer.assignment()
        if not assignment:
            return
        client = admin(self._settings)
        try:
            ids = topic_ids(client, sorted({partition.topic for partition in assignment}))
        except KafkaError as error:
            raise BrokerUnavailable(type(error).__name__) from error
        finally:
            client.close()
        number = generations.state(self._foundation.database)["live"]
        self._processor = Processor(generations.of(self._foundation, number), self._handlers)
        self._database = generations.view(self._foundation.database, number)
        self._processor.topic_ids = ids
        for partition in assignment:
            name = f"{partition.topic}:{partition.partition}"
            position = positions.load(self._database, name, ids[partition.topic])
            self._processor.positions[name] = position
            consumer.seek(partition, position.offset if position else 0)
        log.info("partitions_taken_up", partitions=len(assignment))

    def _check_positions(self) -> None:
        """Raises PositionLost if the positions are no longer ours: a rebuild took their place while no event came."""
        self._checked = time.monotonic()
        for name, position in self._processor.positions.items():
            topic_id = self._processor.topic_ids[name.rpartition(":")[0]]
            if positions.load(self._database, name, topic_id) != position:
                raise PositionLost(name)

    def _wait_out(self, consumer: Consumer, stop: threading.Event) -> None:
        """Keeps polling, paused, until the database answers: bounded backoff, membership kept.

        It grows from one call to the next, too, until events are handled again: a database that answers and refuses is
        not asked more often than one that is away.
        """
        metrics.WORKER_WAITING.labels(self._service).set(1)
        paused: set[TopicPartition] = set()
        while not stop.is_set():
            paused |= self._pause(consumer, self._backoff, stop)
            self._backoff = min(self._backoff * 2, LAST_BACKOFF_SECONDS)
            if self._answers():
                break
        consumer.resume(*(paused & consumer.assignment()))
        metrics.WORKER_WAITING.labels(self._service).set(0)

    def _pause(self, consumer: Consumer, seconds: float, stop: threading.Event) -> set[TopicPartition]:
        """Polls for so long without taking anything. Returns the partitions that were paused."""
        paused: set[TopicPartition] = set()
        end = time.monotonic() + seconds
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            # Also those that came meanwhile.
            paused |= consumer.assignment()
            consumer.pause(*consumer.assignment())
            consumer.poll(timeout_ms=POLL_MS)
            stop.wait(min(left, POLL_PAUSED_SECONDS))
        return paused

    def _answers(self) -> bool:
        try:
            self._foundation.database.command("ping")
        except PyMongoError:
            return False
        return True

    def _tell_kafka(self, consumer: Consumer) -> tuple[dict[TopicPartition, int], int]:
        """Commits the positions to Kafka, where tools look for lag. Nothing depends on it.

        Returns the offset reached in each partition, and how many events are behind in all.
        """
        offsets = {}
        reached: dict[TopicPartition, int] = {}
        behind: dict[str, int] = {}
        for partition in consumer.assignment():
            name = f"{partition.topic}:{partition.partition}"
            position = self._processor.positions.get(name)
            reached[partition] = position.offset if position else 0
            if position is None:
                continue
            offsets[partition] = OffsetAndMetadata(position.offset, "", -1)
            end = consumer.highwater(partition)
            if end is not None:
                behind[partition.topic] = behind.get(partition.topic, 0) + max(0, end - position.offset)
                if end <= position.offset:
                    self._recorded.pop(name, None)
        for topic, lag in behind.items():
            metrics.WORKER_LAG.labels(self._service, topic).set(lag)
        if offsets:
            consumer.commit_async(offsets)
        return reached, sum(behind.values())


class _Listener(ConsumerRebalanceListener):
    """Only says that the assignment changed: it runs on the client's own loop, where nothing may block."""

    def __init__(self, changed: threading.Event) -> None:
        self._changed = changed

    def on_partitions_revoked(self, revoked: object) -> None:
        self._changed.set()

    def on_partitions_assigned(self, assigned: object) -> None:
        self._changed.set()
