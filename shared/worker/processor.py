"""What happens to a batch of records: decode, decide who waits, handle, remember, commit once.

Effects, versions and positions are one transaction. A batch that fails is halved until the record that fails stands
alone; that one is tried again a few times, then parked, and only its own key waits behind it. Kafka is not known here:
records come in, positions go out. Live events may be handled before their turn, where that cannot be told afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.access.actor import system_actor
from shared.events import DecodeError, Event, Message, decode, peek
from shared.events.envelope import Header
from shared.foundation import Foundation
from shared.journal import Context, Unavailable, Unit
from shared.telemetry import metrics
from shared.telemetry.logs import get_logger
from shared.telemetry.tracing import span
from shared.worker import generations, parking, positions
from shared.worker.positions import Position, PositionLost

Handler = Callable[[Event, Unit], None]
Reading = Callable[[Sequence[Event], Unit], None]
ATTEMPTS = 5
FIRST_BACKOFF_SECONDS = 0.1
BUDGET_SECONDS = 8.0
AHEAD_SECONDS = 1.0

log = get_logger(__name__)


class Permanent(Exception):
    """Raised by a handler for what no repetition can mend. The text goes to the operator: no values in it."""


@dataclass(frozen=True)
class Prepared:
    """A handler that is told of all its events of a batch before the first of them, so that it reads in one piece."""

    handle: Handler
    prepare: Reading

    def __call__(self, event: Event, unit: Unit) -> None:
        self.handle(event, unit)


@dataclass(frozen=True)
class Record:
    """One record of a topic, read as far as it can be: `error` says why there is no event where one was wanted."""

    topic: str
    partition: int
    offset: int
    message: Message
    header: Header | None = None
    event: Event | None = None
    error: str | None = None

    @property
    def place(self) -> dict[str, str | int]:
        """Where the record lies."""
        return {"topic": self.topic, "partition": self.partition, "offset": self.offset}

    @property
    def partition_id(self) -> str:
        """The partition, as positions name it."""
        return f"{self.topic}:{self.partition}"

    @property
    def key(self) -> str:
        """Whose order the record belongs to: its stream, or what the record's own key says, or its partition."""
        if self.header is not None:
            return self.header.stream
        key = self.message.key
        return key.decode("utf-8", errors="replace") if key is not None else self.partition_id


def read(record: Record, wanted: Mapping[str, Handler]) -> Record:
    """The record with its header, and its event if its type is wanted. Other types pass by unread."""
    try:
        header = peek(record.message)
        event = decode(record.message) if header.type in wanted else None
    except DecodeError as error:
        return Record(record.topic, record.partition, record.offset, record.message, _peeked(record), None, str(error))
    return Record(record.topic, record.partition, record.offset, record.message, header, event)


def _peeked(record: Record) -> Header | None:
    try:
        return peek(record.message)
    except DecodeError:
        return None


class Processor:
    """Handles records for one service. `positions` maps `topic:partition` to what this process knows of it."""

    def __init__(self, foundation: Foundation, handlers: Mapping[str, Handler]) -> None:
        self._foundation = foundation
        self._handlers = handlers
        self._service = foundation.settings.service
        self._actor = system_actor(f"{self._service}.worker").id
        self.topic_ids: dict[str, str] = {}
        self.positions: dict[str, Position | None] = {}
        self._epochs: dict[str, int] = {}

    def process(self, records: Sequence[Record]) -> None:
        """Handles the records in order and moves the positions. Raises Unavailable or PositionLost: then what was not
        committed must be read again."""
        if not records:
            return
        started = time.monotonic()
        try:
            self._commit(records)
        except (Unavailable, PositionLost):
            raise
        except Exception as error:  # noqa: BLE001  # whatever a handler raises, the others must go on
            if len(records) > 1:
                middle = len(records) // 2
                self.process(records[:middle])
                self.process(records[middle:])
            else:
                self._alone(records[0], error)
        metrics.WORKER_BATCH.labels(self._service).observe(time.monotonic() - started)

    def process_ahead(self, records: Sequence[Record], until: float | None = None) -> None:
        """Handles those of the records, which lie beyond the positions, that are the next of their streams.

        Whatever else they are, they are left: in their turn all come again, and what was handled here is a repetition
        then. It parks nothing and moves no position; if some fail, it looks for the others for AHEAD_SECONDS. Raises
        Unavailable or PositionLost.
        """
        if not records:
            return
        until = time.monotonic() + AHEAD_SECONDS if until is None else until
        try:
            self._commit_ahead(records)
        except (Unavailable, PositionLost):
            raise
        except Exception as error:  # noqa: BLE001  # as above; here the one that fails is left to its turn
            if len(records) > 1 and time.monotonic() < until:
                middle = len(records) // 2
                self.process_ahead(records[:middle], until)
                self.process_ahead(records[middle:], until)
            else:
                log.warning("left_to_their_turn", **records[0].place, events=len(records), error=why(error))

    def _commit_ahead(self, records: Sequence[Record]) -> None:
        counts: dict[str, int] = {}

        def work(unit: Unit) -> None:
            counts.clear()
            generations.check(unit)
            chosen = self._next(unit, records)
            self._prepare(unit, [record for record, _ in chosen])
            moved: positions.Seen = {}
            for record, header in chosen:
                self.handle(unit, record)
                moved[header.stream] = (header.epoch, header.version)
                counts[header.type] = counts.get(header.type, 0) + 1
            positions.remember(unit, moved)
            for partition, last in {record.partition_id: record for record, _ in chosen}.items():
                positions.hold(unit, partition, self.positions[partition], last.offset + 1)

        self._foundation.journal.transact(work, Context(self._actor), BUDGET_SECONDS)
        _count(self._service, counts)
        metrics.WORKER_AHEAD.labels(self._service).inc(sum(counts.values()))

    def _next(self, unit: Unit, records: Sequence[Record]) -> list[tuple[Record, Header]]:
        """Those that may be handled before what lies between: it can neither belong before them nor be in doubt.

        That is the event after the last one that was seen of its stream, in the same epoch, or the first of a stream;
        if nothing of its key is parked. A first event of a later epoch may stand for another of an earlier one, which
        lies before all of the later: it is left until the partition has been read into that epoch. So is all of a
        partition that has no position yet, for nothing would tell that it belongs to another member now.
        """
        held = [record for record in records if self.positions.get(record.partition_id) and record.error is None]
        readable = [(record, record.header) for record in held if record.header]
        last = positions.seen(unit, {header.stream for _, header in readable})
        waiting = parking.waiting_keys(unit, {record.key for record, _ in readable})
        chosen = []
        for record, header in readable:
            epoch, version = last.get(header.stream, (self._epochs.get(record.partition_id, 1), 0))
            if record.key not in waiting and (header.epoch, header.version) == (epoch, version + 1):
                last[header.stream] = (header.epoch, header.version)
                chosen.append((record, header))
        return chosen

    def _alone(self, record: Record, error: Exception) -> None:
        """Tries a record that failed again, then parks it."""
        for attempt in range(1, ATTEMPTS):
            if isinstance(error, Permanent):
                break
            time.sleep(FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1))
            try:
                self._commit([record])
                return
            except (Unavailable, PositionLost):
                raise
            except Exception as again:  # noqa: BLE001  # as above
                error = again
        attempts = 1 if isinstance(error, Permanent) else ATTEMPTS
        self._commit([record], park={id(record): (why(error), attempts)})
        log.error("event_parked", **record.place, type=record.header and record.header.type, exc_info=error)

    def _commit(self, records: Sequence[Record], park: Mapping[int, tuple[str, int]] | None = None) -> None:
        counts: dict[str, int] = {}

        def work(unit: Unit) -> dict[str, Position]:
            counts.clear()
            generations.check(unit)
            self._apply(unit, records, park or {}, counts)
            return self._move(unit, records)

        moved = self._foundation.journal.transact(work, Context(self._actor), BUDGET_SECONDS)
        self.positions.update(moved)
        _count(self._service, counts)

    def _apply(
        self, unit: Unit, records: Sequence[Record], park: Mapping[int, tuple[str, int]], counts: dict[str, int]
    ) -> None:
        streams = {record.header.stream for record in records if record.header}
        last = positions.seen(unit, streams)
        waiting = parking.waiting_keys(unit, {record.key for record in records})
        self._prepare(unit, records)
        moved: positions.Seen = {}
        for record in records:
            header = record.header
            if header is not None:
                self._epochs[record.partition_id] = max(header.epoch, self._epochs.get(record.partition_id, 1))
            if header is not None and last.get(header.stream, (0, 0)) >= (header.epoch, header.version):
                counts["skipped"] = counts.get("skipped", 0) + 1
            elif reason := self._reason_to_park(record, last, waiting, park):
                added = parking.park(
                    unit,
                    record.key,
                    record.place,
                    record.message,
                    (header.epoch, header.version) if header else None,
                    *reason,
                    self._foundation.clock(),
                )
                waiting.add(record.key)
                counts["parked"] = counts.get("parked", 0) + added
            elif header is not None:
                self.handle(unit, record)
                last[header.stream] = moved[header.stream] = (header.epoch, header.version)
                counts[header.type] = counts.get(header.type, 0) + 1
        positions.remember(unit, moved)

    def _prepare(self, unit: Unit, records: Sequence[Record]) -> None:
        for handler in dict.fromkeys(self._handlers.values()):
            if isinstance(handler, Prepared):
                events = [r.event for r in records if r.event and self._handlers.get(r.event.type) == handler]
                if events:
                    handler.prepare(events, unit)

    def _reason_to_park(
        self, record: Record, last: positions.Seen, waiting: set[str], park: Mapping[int, tuple[str, int]]
    ) -> tuple[str, int] | None:
        if record.key in waiting:
            return parking.BEHIND, 0
        if id(record) in park:
            return park[id(record)]
        if record.error is not None or record.header is None:
            return record.error or "no header", 1
        return gap(record.header, last)

    def handle(self, unit: Unit, record: Record) -> None:
        """Gives the event to its handler, in the context of its cause."""
        event = record.event
        if event is None:
            return
        unit.context = Context.of(event, self._actor)
        unit.origin = f"{record.topic.removeprefix(self._foundation.settings.prefix)}:{record.partition}"
        with span(f"handle {event.type}", event.traceparent, attributes={"event": event.id}):
            self._handlers[event.type](event, unit)

    def _move(self, unit: Unit, records: Sequence[Record]) -> dict[str, Position]:
        ends = {record.partition_id: record for record in records}
        return {
            partition: positions.move(
                unit, partition, self.positions.get(partition), self.topic_ids[record.topic], record.offset + 1
            )
            for partition, record in ends.items()
        }


def gap(header: Header, last: positions.Seen) -> tuple[str, int] | None:
    """Why an event whose predecessor has not been seen must wait: handled now, the predecessor would be dropped.

    A restored journal goes on from an earlier version, under a new epoch: that is no gap.
    """
    known = last.get(header.stream)
    expected = known[1] + 1 if known else 1
    if header.version <= expected:
        return None
    return f"expected version {expected} of the stream, found {header.version}", 0


def why(error: Exception) -> str:
    """What an operator is told: our own words for a Permanent, only the kind of error for anything else."""
    return str(error) if isinstance(error, Permanent) else type(error).__name__


def _count(service: str, counts: Mapping[str, int]) -> None:
    for name, number in counts.items():
        if name == "parked":
            metrics.WORKER_PARKED.labels(service).inc(number)
        elif name == "skipped":
            metrics.WORKER_SKIPPED.labels(service).inc(number)
        else:
            metrics.WORKER_HANDLED.labels(service, name).inc(number)
