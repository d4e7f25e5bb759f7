"""A unit of work: everything that one command, or one batch of events, changes.

Writes are gathered and sent together: before the next read, and at the end. What the unit has read and written is seen
by others all at once, when the journal commits it, or never. The unit opens no transaction itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple, Protocol, TypeVar

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from shared.events import CATALOGUE, Event, NewEvent
from shared.events.catalogue import produce
from shared.ids import new_uuid
from shared.journal.exchange import write_together
from shared.journal.merged import Merged

JOURNAL = "journal"
DUPLICATE_KEY = 11000
CHUNK = 1_000
"""Statements of one command: far below the 16 MB that it may have."""


class VersionConflict(Exception):
    """Another writer was first. `current` is the version that the stream has now, None where it is not known yet."""

    def __init__(self, stream: str, expected: int, current: int | None = None) -> None:
        super().__init__(f"{stream}: expected version {expected}, found {current}")
        self.stream, self.expected, self.current = stream, expected, current


class Duplicate(Exception):
    """A document that must be unique exists already. Names the collection only: the driver's text quotes values."""

    def __init__(self, collection: str) -> None:
        super().__init__(f"{collection}: a document with this unique value exists already")
        self.collection = collection


class Mismatch(Exception):
    """An update that had to find its document did not: it was changed or removed meanwhile."""

    def __init__(self, collection: str) -> None:
        super().__init__(f"{collection}: the document to change was not found in the expected state")
        self.collection = collection


class HasId(Protocol):
    """Whoever acts: an Actor, or the system."""

    @property
    def id(self) -> str: ...


@dataclass(frozen=True)
class Context:
    """Who acts and because of what; written into every entry."""

    actor: str
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None

    @classmethod
    def of(cls, event: Event, actor: str) -> Context:
        """The context of an effect of `event`."""
        return cls(actor, event.correlation_id, event.id, event.traceparent)


Document = dict[str, Any]
Found = TypeVar("Found")
Read = Mapping[tuple[str, str], Document | None]
"""Documents (None: there is none) by the full name of their collection and their id."""


class _Write(NamedTuple):
    """A statement as MongoDB's commands have it, the command it belongs to and under which name, and whether it must
    find a document."""

    command: str
    list: str
    statement: Document
    must_match: bool = False


class _Command(NamedTuple):
    """A whole command, and how many documents it must find, if it must."""

    collection: Collection
    command: Document
    must_match: int | None


@dataclass(frozen=True)
class Additions:
    """New documents by collection, and the keys that no other document may have."""

    documents: Sequence[tuple[Collection, list[Document]]]
    keys: frozenset[tuple[Any, ...]]


class Unit:
    """Gathers the writes of one transaction. Made by the journal, handed to the code that decides.

    Without a session it can only add, and reads nothing: what it gathered is then committed by `Journal.add`.
    """

    def __init__(
        self,
        database: Database,
        session: ClientSession | None,
        context: Context,
        epoch: int,
        clock: Callable[[], datetime],
        read: Read | None = None,
    ) -> None:
        self.database = database
        self.session = session
        self.sent = False
        """Whether something was written in the transaction already."""
        self.context = context
        self.origin = ""
        """Where the event being handled came from (a partition): counts that are kept apart by it never conflict."""
        self._epoch = epoch
        self._clock = clock
        self._read = read or {}
        self._pending: dict[str, tuple[Collection, list[_Write]]] = {}
        self._merged: dict[str, Merged] = {}
        self._found: dict[str, Any] = {}
        self._streams: dict[str, int] = {}

    def append(self, stream: str, expected_version: int, events: Sequence[NewEvent]) -> int:
        """Adds events to a stream whose version the caller has read as `expected_version` (0: it is new).

        Returns the stream's new version. Raises InvalidEvent at once; VersionConflict when the unit is flushed.
        """
        recorded_at = self._clock()
        sequence = time.time_ns()
        version = expected_version
        for event in events:
            version += 1
            identifier = str(new_uuid())
            entry = {
                "_id": identifier,
                "stream": stream,
                "version": version,
                "epoch": self._epoch,
                "type": event.type,
                "data": produce(event.type, event.data),
                "schema_version": CATALOGUE[event.type].version,
                "occurred_at": (event.occurred_at or recorded_at).astimezone(UTC),
                "recorded_at": recorded_at,
                "actor": self.context.actor,
                "correlation_id": self.context.correlation_id or identifier,
                "causation_id": self.context.causation_id,
                "traceparent": self.context.traceparent,
                "sequence": sequence,
                "pending": True,
            }
            self.insert(self.database[JOURNAL], entry)
        self._streams.setdefault(stream, expected_version)
        return version

    def note(self, name: str, value: Mapping[str, Any]) -> None:
        """Writes something beside the first entry that was appended. Raises RuntimeError without one."""
        _, entries = self._pending.get(self.database[JOURNAL].full_name, (None, []))
        if not entries:
            raise RuntimeError("a command with a note appends an event, and reads nothing after it")
        entries[0].statement[name] = value

    def once(self, name: str, read: Callable[[], Found]) -> Found:
        """What `read` finds, asked once in this unit under this name: what a batch's events need in common."""
        if name not in self._found:
            self._found[name] = read()
        found: Found = self._found[name]
        return found

    def insert(self, collection: Collection, document: Mapping[str, Any]) -> None:
        """Adds a document. Duplicate is raised when the unit is flushed."""
        self._gather(collection, _Write("insert", "documents", dict(document)))

    def update(
        self,
        collection: Collection,
        filter: Mapping[str, Any],
        update: Mapping[str, Any] | list[Mapping[str, Any]],
        *,
        upsert: bool = False,
        must_match: bool = False,
    ) -> None:
        """Changes one document. With `must_match`, Mismatch is raised when the unit is flushed if there is none."""
        statement = {"q": filter, "u": update, "upsert": upsert}
        self._gather(collection, _Write("update", "updates", statement, must_match))

    def delete(self, collection: Collection, filter: Mapping[str, Any]) -> None:
        """Removes one document, if it is there."""
        self._gather(collection, _Write("delete", "deletes", {"q": filter, "limit": 1}))

    def put(self, collection: Collection, identifier: str, content: Mapping[str, Any]) -> None:
        """Says what the document with this id is. However often in a unit, it is written once.

        A collection is written by `put` and `add`, or by the others, not by both.
        """
        self._merge(collection).put(identifier, content)

    def add(
        self,
        collection: Collection,
        identifier: str,
        increments: Mapping[str, int],
        *,
        highest: Mapping[str, Any],
        first: Mapping[str, Any],
    ) -> None:
        """Adds to the numbers of a document, raises what is `highest`, sets `first` if it is new: once per unit."""
        self._merge(collection).add(identifier, increments, highest, first)

    def load(self, collection: Collection, identifiers: Iterable[str]) -> None:
        """Reads those documents in one piece, so that `get` need not ask for each. It sends nothing."""
        merged = self._merge(collection)
        missing = merged.missing(identifiers)
        if missing:
            merged.learn(missing, collection.find({"_id": {"$in": missing}}, session=self.session))

    def get(self, collection: Collection, identifier: str) -> dict[str, Any] | None:
        """A document that is written by `put`, as this unit sees it, without its id; None if there is none."""
        self.load(collection, [identifier])
        return self._merge(collection).get(identifier)

    def _merge(self, collection: Collection) -> Merged:
        merged = self._merged.get(collection.full_name)
        if merged is None:
            merged = self._merged[collection.full_name] = Merged(collection)
        return merged

    def read(self, collection: Collection, identifier: str) -> Document | None:
        """A document by its id. What `Journal.change` was told of was read with others' and is not asked for again."""
        key = (collection.full_name, identifier)
        if key in self._read and not (self.sent or self._pending):
            return self._read[key]
        return self.find_one(collection, {"_id": identifier})

    def find_one(
        self, collection: Collection, filter: Mapping[str, Any], projection: Any = None
    ) -> dict[str, Any] | None:
        """One document as this unit sees it, its own writes included."""
        self.flush()
        return collection.find_one(filter, projection, session=self.session)

    def find(
        self,
        collection: Collection,
        filter: Mapping[str, Any],
        projection: Any = None,
        *,
        sort: Sequence[tuple[str, int]] | None = None,
        limit: int = 0,
    ) -> list[dict[str, Any]]:
        """Documents as this unit sees them, its own writes included."""
        self.flush()
        return list(collection.find(filter, projection, sort=sort, limit=limit, session=self.session))

    def flush(self) -> None:
        """Sends what has been gathered, inside the transaction. Raises VersionConflict or Duplicate."""
        if self.session is None:
            raise RuntimeError("work that reads, or changes what exists, is given to Journal.run")
        pending, self._pending = self._pending, {}
        commands: list[_Command] = []
        for collection, writes in pending.values():
            for (command, name, must_match), alike in groupby(writes, _kind):
                commands += _commands(collection, command, name, [write.statement for write in alike], must_match)
        for merged in self._merged.values():
            commands += _commands(merged.collection, "update", "updates", merged.take(), ordered=False)
        if not commands:
            return
        self.sent = True
        answers = write_together(self.session, [(each.collection.database.name, each.command) for each in commands])
        for each, answer in zip(commands, answers, strict=False):  # what comes after a refusal has no answer
            if answer.get("writeErrors"):
                raise self._refusal(each.collection, answer)
            if each.must_match is not None and answer["n"] != each.must_match:
                raise Mismatch(each.collection.name)

    def additions(self) -> Additions:
        """What was gathered, if it only adds. Raises RuntimeError for any other change."""
        if self._merged:
            raise RuntimeError("work that changes what exists is given to Journal.run")
        added: list[tuple[Collection, list[Document]]] = []
        keys: set[tuple[Any, ...]] = set()
        for collection, writes in self._pending.values():
            documents = [each.statement for each in writes]
            if any(each.command != "insert" for each in writes):
                raise RuntimeError("work that changes what exists is given to Journal.run")
            added.append((collection, documents))
            keys.update((collection.full_name, document["_id"]) for document in documents)
            if collection.name == JOURNAL:
                keys.update((document["stream"], document["version"]) for document in documents)
                keys.update(("command", document["command"]["id"]) for document in documents if "command" in document)
        return Additions(added, frozenset(keys))

    def take_in(self, additions: Additions) -> None:
        """Adds what another unit gathered."""
        for collection, documents in additions.documents:
            for document in documents:
                self.insert(collection, document)

    def take_over(self, other: Unit) -> None:
        """Writes what another unit of the same transaction has gathered, as if it had been gathered here.

        Raises RuntimeError for what was merged (`put`, `add`): such work is given to Journal.run.
        """
        if other._merged:
            raise RuntimeError("work that puts or adds to documents is given to Journal.run")
        for collection, writes in other._pending.values():
            for each in writes:
                self._gather(collection, each)
        other._pending = {}
        self._streams.update(other._streams)

    def _gather(self, collection: Collection, each: _Write) -> None:
        self._pending.setdefault(collection.full_name, (collection, []))[1].append(each)

    def _refusal(self, collection: Collection, answer: Document) -> Exception:
        """The error of ours for a duplicate key, for the driver's text quotes values: a lost race for a stream's
        version, or something else unique."""
        for error in answer["writeErrors"]:
            if error.get("code") == DUPLICATE_KEY:
                stream = (error.get("keyValue") or {}).get("stream")
                if collection.name == JOURNAL and isinstance(stream, str):
                    return VersionConflict(stream, self._streams.get(stream, 0))
                return Duplicate(collection.name)
        return BulkWriteError(answer)


def _commands(
    collection: Collection,
    command: str,
    name: str,
    statements: Sequence[Document],
    must_match: bool = False,
    **options: Any,
) -> Iterator[_Command]:
    for start in range(0, len(statements), CHUNK):
        sent = statements[start : start + CHUNK]
        whole = {command: collection.name, name: sent, **options}
        yield _Command(collection, whole, len(sent) if must_match else None)


def _kind(each: _Write) -> tuple[str, str, bool]:
    return each.command, each.list, each.must_match
