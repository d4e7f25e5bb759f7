"""What journal, relay and worker promise, in memory: the side that the real ones are compared with.

Plain lists and dictionaries, no transaction, no retry, no batch. `Ledger` knows what clients were told; `Reader` knows
what a reader of the topic should have done with each record, in the order in which they lie there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RUNTIME_FAULT, PERMANENT_FAULT, ONE_FAULT = "always", "permanent", "once"
PERMANENT_TEXT = "this kind of agency is not known here"
BEHIND = "waits behind an earlier event of its key"
FAULTS = {RUNTIME_FAULT: ("RuntimeError", 5), PERMANENT_FAULT: (PERMANENT_TEXT, 1)}
"""How a record is parked whose handler fails so: the error, and how often it was tried."""


def key_of(number: int, counts: bool) -> int:
    """The keys of `run`, which counts, are odd, those of `add` even: they are apart."""
    return 2 * number + counts


@dataclass(frozen=True)
class Attempt:
    """What one unit of work would write: marks by stream, the first of each as its version `expected` + 1."""

    note: int
    marks: Mapping[str, list[int]]
    expected: Mapping[str, int]
    key: int | None = None
    body: str = ""

    @property
    def answer(self) -> dict[str, Any]:
        """What the client is told."""
        versions = {stream: self.expected[stream] + len(marks) for stream, marks in self.marks.items()}
        return {"note": self.note, "versions": versions}


@dataclass
class Ledger:
    """Streams with the marks of their events, and commands with their answers, as far as clients know."""

    streams: dict[str, list[int]] = field(default_factory=dict)
    notes: set[int] = field(default_factory=set)
    commands: dict[int, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    counted: int = 0

    def version(self, stream: str) -> int:
        """How many events the stream has."""
        return len(self.streams.get(stream, ()))

    def acknowledge(self, attempt: Attempt, counts: bool) -> None:
        """The attempt is written: each of its streams goes on from where the attempt expected it."""
        for stream, marks in attempt.marks.items():
            assert self.version(stream) == attempt.expected[stream], f"{attempt} acknowledged over another's version"
            self.streams.setdefault(stream, []).extend(marks)
        assert attempt.note not in self.notes, f"{attempt} acknowledged twice"
        self.notes.add(attempt.note)
        self.counted += counts
        if attempt.key is not None:
            self.commands[attempt.key] = (attempt.body, attempt.answer)


@dataclass(frozen=True)
class Record:
    """One record of the topic: its place, its key, (stream, version) if its header can be read, and its fault."""

    partition: int
    offset: int
    key: str
    header: tuple[str, int] | None
    error: str | None = None


@dataclass(frozen=True)
class Parked:
    """A record in its key's queue."""

    record: Record
    error: str
    attempts: int


class StillFails(Exception):
    """The head of a queue cannot be handled yet."""


@dataclass
class Reader:
    """What a reader has done after so many records, if it handles each event once, in order, and parks what fails.

    `faults` says for which streams the handler fails now. A fault that comes once is taken out by the handler.
    """

    faults: dict[str, str] = field(default_factory=dict)
    effects: dict[str, list[int]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    queues: dict[str, list[Parked]] = field(default_factory=dict)
    positions: dict[int, int] = field(default_factory=dict)
    dropped: list[Record] = field(default_factory=list)

    def read(self, records: list[Record], partition: int, position: int) -> None:
        """The partition's position is now before that offset."""
        before = self.positions.get(partition, 0)
        assert position >= before, f"partition {partition}: the position went back from {before} to {position}"
        for record in records[before:position]:
            self._take(record)
        self.positions[partition] = position

    def forget_positions(self) -> None:
        """They were lost: everything is read again."""
        self.positions = {}

    def _take(self, record: Record) -> None:
        if record.header and record.header[1] <= self.seen.get(record.header[0], 0):
            return
        if record.key in self.queues:
            self._park(record, BEHIND, 0)
        elif (reason := self._fails(record)) is not None:
            self._park(record, *reason)
        else:
            self._handle(record)

    def _fails(self, record: Record) -> tuple[str, int] | None:
        if record.error is not None or record.header is None:
            return record.error or "", 1
        stream, version = record.header
        if version > self.seen.get(stream, 0) + 1:
            return f"expected version {self.seen.get(stream, 0) + 1} of the stream, found {version}", 0
        return FAULTS.get(self.faults.get(stream, ""))

    def _handle(self, record: Record) -> None:
        assert record.header is not None
        stream, version = record.header
        self.effects.setdefault(stream, []).append(version)
        self.seen[stream] = version

    def _park(self, record: Record, error: str, attempts: int) -> None:
        queue = self.queues.setdefault(record.key, [])
        if any(each.record == record for each in queue):
            return
        queue.append(Parked(record, error, attempts))
        queue.sort(key=lambda each: each.record.header[1] if each.record.header else 0)  # stable: then as they came

    def replay(self, key: str) -> int:
        """Handles the queue from its head. Raises StillFails at the first that fails."""
        done = 0
        while key in self.queues:
            record = self.queues[key][0].record
            if record.error is not None or record.header is None:
                raise StillFails
            stream, version = record.header
            if version > self.seen.get(stream, 0):
                # A fault that comes once hurts here: an operator's replay tries once, a worker five times.
                if self._fails(record) or self.faults.get(stream) == ONE_FAULT:
                    raise StillFails
                self._handle(record)
            self._remove(key)
            done += 1
        return done

    def drop(self, record: Record) -> bool:
        """Gives up the head of a queue; another that waits behind it cannot be given up before it."""
        queue = self.queues.get(record.key, [])
        if not queue or queue[0].record != record:
            return False
        if record.header:
            stream, version = record.header
            self.seen[stream] = max(version, self.seen.get(stream, 0))
        self.dropped.append(record)
        self._remove(record.key)
        return True

    def _remove(self, key: str) -> None:
        del self.queues[key][0]
        if not self.queues[key]:
            del self.queues[key]
