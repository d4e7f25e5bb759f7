"""Builds the next generation of a service's read models from its topics, beside the live one, and switches to it.

The same processor and handlers as the worker's, with a consumer of its own that joins no group: the worker goes on with
the live generation. What is done is kept batch by batch, so that a rebuild that was killed goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from pymongo.database import Database

from shared import failpoints
from shared.access.actor import system_actor
from shared.events.topics import BrokerUnavailable, admin, topic_ids
from shared.foundation import Foundation
from shared.journal import Context
from shared.worker import generations, parking, positions
from shared.worker.consumer import onlooker, records
from shared.worker.positions import PositionLost
from shared.worker.processor import Handler, Processor

BATCH = 1_000
POLL_MS = 200
SAY_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Progress:
    """Events done of those that the topics hold now; `rate` in events per second since this run began."""

    done: int
    total: int
    rate: float


Say = Callable[[Progress], None]


@dataclass(frozen=True)
class Models:
    """What is rebuilt: the topics and handlers of a service, its collections, and how their indexes are made."""

    topics: Iterable[str]
    handlers: Mapping[str, Handler]
    collections: Iterable[str]
    ensure_indexes: Callable[[Database], None]


def rebuild(foundation: Foundation, models: Models, say: Say) -> bool:
    """Builds, switches and removes the old generation; goes on where a run before it was interrupted.

    False: there was only something to remove, for the run before it had been interrupted after the switch. Raises
    Unavailable or BrokerUnavailable; what was done until then is kept.
    """
    database = foundation.database
    if generations.state(database)["removing"] is not None:
        generations.remove(database, models.collections)
        return False
    context = Context(system_actor(f"{foundation.settings.service}.rebuild").id)
    number = foundation.journal.transact(generations.begin, context)
    base = generations.of(foundation, number)
    parking.ensure_indexes(base.database)
    models.ensure_indexes(base.database)
    try:
        _Reader(base, models, say).run(
            lambda: bool(foundation.journal.transact(lambda unit: generations.switch(unit, number), context))
        )
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka did not answer: {type(error).__name__}") from error
    failpoints.reach("rebuild.switched")
    generations.remove(database, models.collections)
    return True


class _Reader:
    """Reads the topics of a generation that is being built up to their end."""

    def __init__(self, foundation: Foundation, models: Models, say: Say) -> None:
        self._foundation = foundation
        self._models = models
        self._processor = Processor(foundation, models.handlers)
        self._say = say

    def run(self, switch: Callable[[], bool]) -> None:
        """Returns when `switch` has said that this generation is live."""
        consumer = onlooker(self._foundation.settings, "rebuild", max_poll_records=BATCH, fetch_max_wait_ms=100)
        try:
            partitions = self._take_up(consumer)
            began, before, said = time.monotonic(), self._done(), 0.0
            while True:
                number = self._round(consumer)
                if number:
                    failpoints.reach("rebuild.batch")
                if number < BATCH or time.monotonic() - said > SAY_EVERY_SECONDS:
                    total, done = sum(consumer.end_offsets(partitions).values()), self._done()
                    said = time.monotonic()
                    self._say(Progress(done, total, (done - before) / max(said - began, 0.001)))
                    # Events go on coming in: what counts is not to be behind the live generation at the switch.
                    if total - done < BATCH and switch():
                        return
        finally:
            consumer.close(autocommit=False, timeout_ms=3_000)

    def _round(self, consumer: KafkaConsumer) -> int:
        found = records(consumer.poll(timeout_ms=POLL_MS), self._models.handlers)
        try:
            self._processor.process(found)
        except PositionLost:
            # Another run builds the same generation: go on from where the two have come. Raises if it has switched.
            self._take_up(consumer)
        return len(found)

    def _take_up(self, consumer: KafkaConsumer) -> list[TopicPartition]:
        names = [self._foundation.settings.prefix + topic for topic in self._models.topics]
        client = admin(self._foundation.settings)
        try:
            self._processor.topic_ids = topic_ids(client, names)
        finally:
            client.close()
        partitions = [TopicPartition(name, one) for name in names for one in consumer.partitions_for_topic(name) or ()]
        consumer.assign(partitions)
        for partition in partitions:
            name = f"{partition.topic}:{partition.partition}"
            position = positions.load(self._foundation.database, name, self._processor.topic_ids[partition.topic])
            self._processor.positions[name] = position
            consumer.seek(partition, position.offset if position else 0)
        return partitions

    def _done(self) -> int:
        return sum(position.offset for position in self._processor.positions.values() if position)
