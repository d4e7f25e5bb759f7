"""The real side of the stateful test: journal, topic, relays and workers of one example, on the real servers.

Databases are emptied for each example; topic and consumer group are new. It breaks and reads; it judges nothing.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaTimeoutError
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local import mongod
from deploy.local.ports import wait_until
from shared.access.actor import system_actor
from shared.events import Event, Message, NewEvent
from shared.events.topics import admin, topic_ids
from shared.foundation import Foundation
from shared.journal import Command, Journal, Unit
from shared.journal.journal import BUDGET_SECONDS
from shared.journal.unit import JOURNAL
from shared.relay.relay import Relay
from shared.worker import Permanent, positions
from shared.worker.processor import Processor
from shared.worker.processor import Record as Received
from shared.worker.processor import read as read_record
from shared.worker.worker import Worker
from tests.integration.foundation.stateful.model import ONE_FAULT, PERMANENT_FAULT, PERMANENT_TEXT, Attempt, Record
from tests.support.servers import Kafka, Mongo
from tests.support.stepping import Stepped

CLIENT = system_actor("client")
TOPIC = "stateful.events"
PARTITIONS = (0, 1)
STREAMS = {f"agency-{number:032x}": partition for number, partition in ((1, 1), (2, 0), (3, 0), (7, 1))}
"""Streams and the partition that their key falls into."""
READING_SECONDS = 20.0
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def event(stream: str, version: int, mark: int) -> NewEvent:
    """The fact with this mark: the moment at which it happened tells it from all others."""
    kind = "agency.registered" if version == 1 else "agency.changed"
    data = {"agency_id": stream, "kind": "health_centre", "kecamatan": None, "active": True}
    return NewEvent(kind, data, FIRST_DAY + timedelta(seconds=mark))


def mark_of(entry: Mapping[str, Any]) -> int:
    """The mark of a journal entry."""
    return int((entry["occurred_at"] - FIRST_DAY).total_seconds())


class World:
    """What one example works on. `fresh` empties it for the next."""

    def __init__(self, directory: Foundation, reporting: Foundation, mongo: Mongo, kafka: Kafka) -> None:
        self.mongo, self.kafka = mongo, kafka
        self._bases = directory, reporting
        self._numbers = itertools.count(1)

    def fresh(self, faults: dict[str, str]) -> None:
        """Empty databases, a new topic, a new group; the test's handler fails where `faults` says so."""
        prefix = f"t{uuid.uuid4().hex[:10]}_"
        for base in self._bases:
            for name in base.database.list_collection_names():
                base.database[name].delete_many({})
        self.directory, self.reporting = (
            replace(
                base,
                settings=replace(base.settings, prefix=prefix),
                journal=Journal(base.database, base.clock),
            )
            for base in self._bases
        )
        self.directory.database["tally"].insert_one({"_id": "runs", "count": 0})
        self.topic = prefix + TOPIC
        client = self._admin()
        client.create_topics({self.topic: {"num_partitions": len(PARTITIONS), "replication_factor": 1}})
        client.wait_for_topics([self.topic])
        self.topic_id = topic_ids(client, [self.topic])[self.topic]
        client.close()
        handler = _handler(faults)
        self.handlers = {"agency.registered": handler, "agency.changed": handler}
        self.malformed: dict[tuple[int, int], Record] = {}
        self.sent: dict[int, list[Any]] = {partition: [] for partition in PARTITIONS}
        self._reader: KafkaConsumer | None = None
        self._producer: KafkaProducer | None = None

    def close(self) -> None:
        """Removes the topic."""
        self.forget_connections()
        client = self._admin()
        client.delete_topics([self.topic])
        client.close()

    def _admin(self) -> KafkaAdminClient:
        return admin(self._bases[0].settings)

    def forget_connections(self) -> None:
        """The test's own: it makes new ones after an outage."""
        for connection in (self._reader, self._producer):
            if isinstance(connection, KafkaProducer):
                connection.close(timeout=READING_SECONDS)
            elif connection is not None:
                connection.close(timeout_ms=int(READING_SECONDS * 1_000))
        self._reader = self._producer = None

    # Outages

    @contextmanager
    def away(self, server: Kafka | Mongo, frozen: bool) -> Iterator[None]:
        """While it lasts the server is frozen, or killed; after it, it answers again."""
        # What a client left half done is given up by mongod after 20 s otherwise, and whoever repeats it waits so long.
        self._give_up_transactions_after(1)
        (server.pause if frozen else server.kill)()
        try:
            yield
        finally:
            if frozen:
                server.resume()
            else:
                server.start()
            for each in (self.mongo.client(), *(base.database.client for base in self._bases)):
                wait_until(lambda client=each: _answers(client), 60, "mongod")
            self._give_up_transactions_after(mongod.LEFT_TRANSACTION_SECONDS)

    def _give_up_transactions_after(self, seconds: int) -> None:
        self.mongo.client().admin.command("setParameter", 1, transactionLifetimeLimitSeconds=seconds)

    # The journal

    def write(
        self, attempt: Attempt, counts: bool, journal: Journal | None = None, budget: float = BUDGET_SECONDS
    ) -> Mapping[str, Any]:
        """Tries to write the attempt: with a count that is read and raised by `run` or by `change`, else by `add`."""
        database, journal = self.directory.database, journal or self.directory.journal
        tally = database["tally"]

        def work(unit: Unit) -> dict[str, Any]:
            if counts:
                found = unit.read(tally, "runs")
                assert found is not None
                unit.update(tally, {"_id": "runs"}, {"$set": {"count": found["count"] + 1}}, must_match=True)
            for stream, marks in attempt.marks.items():
                before = attempt.expected[stream]
                events = [event(stream, before + place, mark) for place, mark in enumerate(marks, start=1)]
                unit.append(stream, before, events)
            unit.insert(database["notes"], {"_id": attempt.note})
            return attempt.answer

        command = None if attempt.key is None else Command("client", str(attempt.key), attempt.body)
        if not counts:
            return journal.add(work, actor=CLIENT, command=command, budget=budget)
        # A command that comes again comes the same way.
        if (attempt.note if attempt.key is None else attempt.key) // 2 % 2:
            return journal.change(work, [(tally, "runs")], actor=CLIENT, command=command, budget=budget)
        return journal.run(work, actor=CLIENT, command=command, budget=budget)

    def another_journal(self) -> Journal:
        """The same journal as another process has it."""
        return Journal(self.directory.database, self.directory.clock)

    def next_number(self) -> int:
        """A mark or a note that was not used before."""
        return next(self._numbers)

    def entries(self) -> list[dict[str, Any]]:
        """The journal, stream by stream in order."""
        return list(self.directory.database[JOURNAL].find({}, sort=[("stream", 1), ("version", 1)]))

    def pending(self) -> int:
        """Entries that no relay has marked yet."""
        return self.directory.database[JOURNAL].count_documents({"pending": True})

    def place_of(self, record: Record) -> str:
        """The name of a record that is parked."""
        return f"{self.topic}:{record.partition}:{record.offset}"

    # Relays and workers

    def relay(self) -> Stepped:
        """One more relay, not started yet."""
        return Stepped("relay", lambda stop: Relay(self.directory, TOPIC).run(stop))

    def worker(self) -> Stepped:
        """One more worker, not started yet."""
        return Stepped("worker", lambda stop: Worker(self.reporting, [TOPIC], self.handlers).run(stop))

    def another_member_handles(self, partition: int, most: int) -> None:
        """As a member that took the partition over: handles at most so many records from the stored position on."""
        name = f"{self.topic}:{partition}"
        position = positions.load(self.reporting.database, name, self.topic_id)
        first = position.offset if position else 0
        member = Processor(self.reporting, self.handlers)
        member.topic_ids, member.positions = {self.topic: self.topic_id}, {name: position}
        member.process(
            [
                read_record(
                    Received(self.topic, partition, each.offset, Message(each.key, each.value, list(each.headers))),
                    self.handlers,
                )
                for each in self.sent[partition][first : first + most]
            ]
        )

    def positions(self) -> dict[int, int]:
        """Where the workers stand, by partition."""
        found = self.reporting.database[positions.POSITIONS].find()
        return {int(entry["_id"].rpartition(":")[2]): int(entry["offset"]) for entry in found}

    # The topic

    def send_malformed(self, key: str | None, partition: int, header: tuple[str, int] | None) -> None:
        """Puts a message on the topic that no relay sends: without a readable header, or with one and no JSON."""
        if self._producer is None:
            self._producer = KafkaProducer(bootstrap_servers=self.kafka.bootstrap, acks="all")
        headers = [("ce_type", b"\xff\xfe")]
        if header is not None:
            attributes = {"type": "agency.changed", "subject": header[0], "streamversion": header[1], "epoch": 1}
            attributes |= {"specversion": "1.0", "id": "x", "source": "x", "time": "x"}
            headers = [(f"ce_{name}", str(value).encode()) for name, value in attributes.items()]
            headers.append(("content-type", b"application/json"))
        done = self._producer.send(
            self.topic, value=b"{not json", key=key and key.encode(), headers=headers, partition=partition
        ).get(timeout=30)
        error = "a header is not UTF-8" if header is None else "the body is not JSON"
        place = key or f"{self.topic}:{partition}"
        self.malformed[partition, done.offset] = Record(partition, done.offset, place, header, error)

    def read_topic(self) -> dict[int, list[Record]]:
        """Every record of the topic, by partition, in the order in which they lie there."""
        if not self._read_on():
            # A reader of the test that stands still is no broken promise; a second one that does is worth a look.
            self.forget_connections()
            assert self._read_on(), (
                f"the topic cannot be read: { ({each: len(got) for each, got in self.sent.items()}) }"
            )
        return {number: [self._as_record(each) for each in records] for number, records in self.sent.items()}

    def _read_on(self) -> bool:
        """Whether the topic was read to its end within READING_SECONDS."""
        partitions = [TopicPartition(self.topic, number) for number in PARTITIONS]
        if self._reader is None:
            self._reader = KafkaConsumer(bootstrap_servers=self.kafka.bootstrap, fetch_max_wait_ms=20)
            self._reader.assign(partitions)
            for each in partitions:
                self._reader.seek(each, len(self.sent[each.partition]))
        until = time.monotonic() + READING_SECONDS
        try:
            ends = self._reader.end_offsets(partitions, timeout_ms=int(READING_SECONDS * 1_000))
        except KafkaTimeoutError:
            return False
        while any(len(self.sent[each.partition]) < ends[each] for each in partitions):
            if time.monotonic() > until:
                return False
            for records in self._reader.poll(timeout_ms=100).values():
                for record in records:
                    assert record.offset == len(self.sent[record.partition]), "the test's own reader left something out"
                    self.sent[record.partition].append(record)
        return True

    def _as_record(self, sent: Any) -> Record:
        if (sent.partition, sent.offset) in self.malformed:
            return self.malformed[sent.partition, sent.offset]
        headers = dict(sent.headers)
        stream = headers["ce_subject"].decode()
        return Record(sent.partition, sent.offset, stream, (stream, int(headers["ce_streamversion"])))

    def first_occurrences(self) -> list[tuple[str, str, int]]:
        """(event id, stream, version) of each event of ours on the topic, where it lies first."""
        found: dict[str, tuple[str, str, int]] = {}
        for records in self.sent.values():
            for each in records:
                if (each.partition, each.offset) not in self.malformed:
                    headers = {name: value.decode() for name, value in each.headers}
                    at = (headers["ce_id"], headers["ce_subject"], int(headers["ce_streamversion"]))
                    found.setdefault(headers["ce_id"], at)
        return list(found.values())


def _answers(client: MongoClient[dict[str, Any]]) -> bool:
    """Whether mongod answers; the first question finds connections that are gone, and lets go of them."""
    try:
        client.admin.command("ping")
    except PyMongoError:
        return False
    return True


def _handler(faults: dict[str, str]) -> Callable[[Event, Unit], None]:
    """A handler whose effect shows whether it came twice, or out of order; it writes first, and fails then."""

    def handle(received: Event, unit: Unit) -> None:
        effect = {"$push": {"versions": received.version}, "$inc": {"count": 1}}
        unit.update(unit.database["effects"], {"_id": received.stream}, effect, upsert=True)
        unit.find_one(unit.database["effects"], {"_id": received.stream})
        fault = faults.get(received.stream)
        if fault == ONE_FAULT:
            del faults[received.stream]
        if fault == PERMANENT_FAULT:
            raise Permanent(PERMANENT_TEXT)
        if fault is not None:
            raise RuntimeError("a fault in the handler")

    return handle
