"""Journal to Kafka: publishes what is pending, oldest first, in order within each stream, and marks it.

Woken by a change stream, which only wakes: what is pending is found by an index, so that a lost oplog position never
means a skipped event. While a batch is sent, the next is read and the one before is marked. When Kafka is down the
journal keeps what is pending and the relay catches up; what is written meanwhile is published first, so that it need
not wait for what is late already. When the outcome of a send is unknown, `RelayStuck` ends the process: its supervisor
starts it anew with a fresh producer.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kafka.errors import KafkaError
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from shared import failpoints
from shared.broker import why
from shared.events.topics import topic_of
from shared.foundation import Foundation
from shared.journal.unit import JOURNAL
from shared.relay import lease as leases
from shared.relay.publisher import Publisher
from shared.telemetry import metrics
from shared.telemetry.logs import get_logger
from shared.telemetry.tracing import span
from shared.waker import Waker

LEASE = "relay"
BATCH = 1_000
READ_ON = 20
"""Batches that may be read onwards before the reading begins at the oldest again: who committed late is found there."""
NEWEST = 100
"""Of a backlog, so many of the newest entries are looked at in each round: their streams go out before the oldest."""
LATE_SECONDS = 2.0
"""A full batch whose first entry is older than this is a backlog."""
IDLE_SECONDS = 0.5
STANDBY_SECONDS = 1.0
BACKOFF_SECONDS = 1.0

GROWN = [{"$match": {"operationType": "insert"}}]

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Batch:
    """Entries to publish, in this order. `ahead` of them go before older ones of other streams.

    `found` is how many the reading in order found, `last` the highest sequence among them, `age` the seconds since the
    first of them was recorded.
    """

    entries: list[Entry]
    ahead: int = 0
    found: int = 0
    last: int = 0
    age: float = 0.0


log = get_logger(__name__)


class RelayStuck(Exception):
    """Kafka did not acknowledge what was sent: the process ends, and is started anew."""


def run(foundation: Foundation, stop: threading.Event) -> None:
    """Publishes the journal of the foundation's service until `stop` is set. Raises RelayStuck."""
    topic = topic_of(foundation.settings.service)
    if topic is None:
        raise ValueError(f"{foundation.settings.service} writes no topic")
    Relay(foundation, topic.name).run(stop)


class Relay:
    """The relay of one service."""

    def __init__(self, foundation: Foundation, topic: str) -> None:
        self._settings = foundation.settings
        self._database = foundation.database
        self._topic = topic
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{threading.get_ident()}"
        self._service = foundation.settings.service
        self._publisher: Publisher | None = None

    def run(self, stop: threading.Event) -> None:
        """Leads whenever nobody else does, until `stop` is set. A database out of reach is waited for."""
        try:
            with Waker(self._database[JOURNAL], GROWN, "journal-waker") as waker:
                while not stop.is_set():
                    self._try_to_lead(waker, stop)
        finally:
            if self._publisher is not None:
                self._publisher.close()

    def _try_to_lead(self, waker: Waker, stop: threading.Event) -> None:
        try:
            lease = leases.acquire(self._database, LEASE, self._holder)
            if lease is None:
                stop.wait(STANDBY_SECONDS)
                return
            log.info("relay_leads", token=lease.token)
            metrics.RELAY_LEADER.labels(self._service).set(1)
            try:
                self._lead(lease, waker, stop)
            finally:
                leases.release(self._database, lease)
        except leases.Fenced:
            log.warning("relay_fenced")
        except PyMongoError as error:
            log.warning("database_out_of_reach", error=type(error).__name__)
            stop.wait(BACKOFF_SECONDS)
        finally:
            metrics.RELAY_LEADER.labels(self._service).set(0)

    def _lead(self, lease: leases.Lease, waker: Waker, stop: threading.Event) -> None:
        with ThreadPoolExecutor(2, thread_name_prefix="relay") as aside:
            marked: Future[None] | None = None
            read: Future[Batch] | None = None
            read_on = 0
            sent: set[str] = set()
            while not stop.is_set():
                waker.clear()
                batch = read.result() if read else Batch([])
                if not batch.entries:
                    # Only now is it certain which are still pending: whatever is read was not sent before.
                    _finish(marked)
                    marked, read_on, sent = None, 0, set()
                    batch = self._pending()
                    metrics.RELAY_OLDEST.labels(self._service).set(batch.age)
                read, entries = None, batch.entries
                if not entries:
                    leases.renew(self._database, lease)
                    waker.wait(IDLE_SECONDS)
                    continue
                publisher = self._connected()
                if publisher is None:
                    leases.renew(self._database, lease)
                    stop.wait(BACKOFF_SECONDS)
                    continue
                if batch.found > BATCH // 2 and read_on < READ_ON:
                    read_on += 1
                    read = aside.submit(self._pending, batch.last, sent | {entry["_id"] for entry in entries})
                metrics.RELAY_AHEAD.labels(self._service).inc(batch.ahead)
                acknowledged = self._publish(publisher, entries)
                _finish(marked)
                sent = set(acknowledged)
                marked = aside.submit(self._mark, lease, acknowledged)
                if len(acknowledged) < len(entries):
                    _finish(marked)
                    raise RelayStuck(f"{len(entries) - len(acknowledged)} sends were not acknowledged")
            _finish(marked)

    def _publish(self, publisher: Publisher, entries: list[Entry]) -> list[str]:
        failpoints.reach("relay.read")
        with span("relay.publish", entries[0].get("traceparent"), attributes={"entries": len(entries)}):
            acknowledged = publisher.publish(entries)
        failpoints.reach("relay.published")
        metrics.RELAY_PUBLISHED.labels(self._service).inc(len(acknowledged))
        metrics.RELAY_FAILED.labels(self._service).inc(len(entries) - len(acknowledged))
        return acknowledged

    def _pending(self, onwards: int = 0, sent: Set[str] = frozenset()) -> Batch:
        """The oldest unpublished entries, each stream from its first unpublished one on; of a backlog the newest too.

        With `onwards` those from that sequence on; those that were `sent`, and may not be marked yet, are left out.
        """
        wanted: dict[str, Any] = {"pending": True, **({"sequence": {"$gte": onwards}} if onwards else {})}
        found = list(self._database[JOURNAL].find(wanted, sort=[("sequence", ASCENDING)], limit=BATCH, hint="pending"))
        if not found:
            return Batch([])
        age = max(0.0, (datetime.now(UTC) - found[0]["recorded_at"]).total_seconds())
        newest = self._newest() if len(found) == BATCH and age > LATE_SECONDS else []
        known = {entry["_id"]: entry for entry in (*newest, *found) if entry["_id"] not in sent}
        old = {entry["_id"] for entry in found} - sent
        ready = self._ready(known.values(), sent)
        ahead = sum(entry["_id"] not in old for entry in ready)
        return Batch(ready, ahead, len(old), found[-1]["sequence"], age)

    def _newest(self) -> list[Entry]:
        """Unpublished entries of the streams that were written last, each stream from its first unpublished one on."""
        journal = self._database[JOURNAL]
        last = journal.find(
            {"pending": True}, {"stream": 1}, sort=[("sequence", DESCENDING)], limit=NEWEST, hint="pending"
        )
        streams = {"$in": list({entry["stream"] for entry in last})}
        order = [("stream", ASCENDING), ("version", ASCENDING)]
        return list(journal.find({"stream": streams, "pending": True}, sort=order, limit=BATCH, hint=order))

    def _ready(self, entries: Iterable[Entry], sent: Set[str]) -> list[Entry]:
        """Those of the entries that may go out now, in order within their stream.

        Two writers' clocks may differ, so the order of insertion alone could put version 2 before version 1: a stream
        whose earlier version is still pending waits for the next round. That is asked after the entries were read, for
        whatever is before them was committed before them.
        """
        entries = list(entries)
        first: dict[str, int] = {}
        for entry in entries:
            first[entry["stream"]] = min(entry["version"], first.get(entry["stream"], entry["version"]))
        before = [{"stream": stream, "version": version - 1} for stream, version in first.items() if version > 1]
        waiting: set[str] = set()
        if before:
            earlier = self._database[JOURNAL].find({"$or": before, "pending": True}, {"stream": 1})
            waiting = {entry["stream"] for entry in earlier if entry["_id"] not in sent}
        return _contiguous(entry for entry in entries if entry["stream"] not in waiting)

    def _connected(self) -> Publisher | None:
        """The publisher; None while no broker answers. Nothing was sent then, so there is nothing to be unsure of."""
        if self._publisher is None:
            try:
                self._publisher = Publisher(self._settings, self._topic)
            except KafkaError as error:
                log.warning("kafka_out_of_reach", **why(error))
        return self._publisher

    def _mark(self, lease: leases.Lease, ids: list[str]) -> None:
        """Marks the entries published, in one transaction with the proof that the lease is still held."""
        if not ids:
            return
        with (
            self._database.client.start_session() as session,
            session.start_transaction(write_concern=WriteConcern("majority", j=True)),
        ):
            leases.renew(self._database, lease, session)
            self._database[JOURNAL].update_many(
                {"_id": {"$in": ids}},
                {"$unset": {"pending": ""}, "$currentDate": {"published_at": True}},
                session=session,
            )


def _finish(marked: Future[None] | None) -> None:
    """Waits for the marks. Raises what they raised."""
    if marked is not None:
        marked.result()


def _contiguous(entries: Iterable[Entry]) -> list[Entry]:
    """The entries in order of version within each stream, without what lies behind a gap."""
    streams: dict[str, list[Entry]] = {}
    for entry in entries:
        streams.setdefault(entry["stream"], []).append(entry)
    ordered: list[Entry] = []
    for stream in streams.values():
        stream.sort(key=lambda entry: entry["version"])
        for position, entry in enumerate(stream):
            if entry["version"] != stream[0]["version"] + position:
                break
            ordered.append(entry)
    return ordered
