"""The journal: one write, one truth. History, audit trail and outbox at once.

`run` executes a unit of work in one transaction with majority write concern. It repeats what was interrupted, finds
the answer of a command that was already carried out, and turns a database out of reach into `Unavailable`.
It does not publish: the relay does.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from shared import failpoints
from shared.journal import exchange
from shared.journal.group import Group, TakenApart
from shared.journal.unit import JOURNAL, Additions, Context, Document, HasId, Read, Unit, VersionConflict
from shared.mongo import Unavailable, find_surely, is_unreachable
from shared.telemetry.tracing import current_traceparent

COMMANDS = "commands"
META = "journal_meta"
COMMAND_DAYS = 90
COMMAND_ID = "command.id"
BUDGET_SECONDS = 8.0
JOURNALS = Context("system:journal")
"""Of a transaction of several units, each of which has its own."""


@dataclass(frozen=True)
class Command:
    """A request that may come twice. `key` is the caller's own; `fingerprint` is a keyed HMAC of the body.

    (A plain hash of a report is a guessable identity.)
    """

    caller: str
    key: str
    fingerprint: str

    @property
    def id(self) -> str:
        """Keys are scoped to their caller."""
        return f"{self.caller}:{self.key}"


class KeyReused(Exception):
    """The same idempotency key came with another body."""


Work = Callable[[Unit], Mapping[str, Any]]
Answer = Mapping[str, Any]


@dataclass(eq=False)
class _Change:
    """One command that may share a transaction with others, and what became of it: an answer, or its own error."""

    work: Work
    reads: Sequence[tuple[Collection, str]]
    command: Command | None
    context: Context
    answer: Answer = field(default_factory=dict)
    error: Exception | None = None
    keys: frozenset[Any] = field(init=False)
    """Who reads the same document may change it, or goes by what the other changes."""

    def __post_init__(self) -> None:
        keys: set[Any] = {(collection.full_name, identifier) for collection, identifier in self.reads}
        self.keys = frozenset(keys if self.command is None else keys | {self.command.id})


class Journal:
    """The journal of one service, in that service's database."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self.database = database
        self._clock = clock
        self._epoch: int | None = None
        self._added: Group[Additions] = Group(lambda batch, seconds: self._together(_adding(batch), seconds))
        self._changed: Group[_Change] = Group(lambda batch, seconds: self._together(self._changing(batch), seconds))

    def ensure_indexes(self) -> None:
        """Creates what the journal needs. Safe to repeat."""
        entries = self.database[JOURNAL]
        entries.create_index([("stream", ASCENDING), ("version", ASCENDING)], unique=True)
        entries.create_index([("sequence", ASCENDING)], partialFilterExpression={"pending": True}, name="pending")
        entries.create_index(
            COMMAND_ID, unique=True, partialFilterExpression={COMMAND_ID: {"$exists": True}}, name="command"
        )
        self.database[COMMANDS].create_index("at", expireAfterSeconds=COMMAND_DAYS * 86_400)

    @property
    def epoch(self) -> int:
        """Which life of this journal it is: 1, and one more after each restore, so that versions are not mistaken."""
        if self._epoch is None:
            found = self.database[META].find_one({"_id": "epoch"})
            self._epoch = int(found["value"]) if found else 1
        return self._epoch

    def begin_new_epoch(self) -> int:
        """After a restore: what is written from now on is of a new life of this journal. Returns its number.

        It is the time in milliseconds, and more than the journal's own number: a backup that is restored a second time
        does not know of the life that began after the first. Processes that run already go on in the old one.
        """
        raised = {"$max": [{"$add": [{"$ifNull": ["$value", 1]}, 1]}, {"$toLong": "$$NOW"}]}
        meta = self.database.get_collection(META, write_concern=WriteConcern("majority", j=True))
        meta.update_one({"_id": "epoch"}, [{"$set": {"value": raised}}], upsert=True)
        self._epoch = None
        return self.epoch

    def run(
        self,
        work: Work,
        *,
        actor: HasId,
        command: Command | None = None,
        context: Context | None = None,
        budget: float = BUDGET_SECONDS,
    ) -> Mapping[str, Any]:
        """Runs `work(unit)` in a transaction, commits it and returns its answer. May call `work` more than once.

        With a `command`, the answer is kept with the commit, and a repetition gets that answer and changes nothing.
        Raises KeyReused, VersionConflict, Duplicate, Mismatch, whatever `work` raises, or Unavailable after `budget`
        seconds.
        """
        context = context or _context(actor, command)
        return self._carry_out(lambda: self.transact(self._whole(work, command), context, budget), command, COMMANDS)

    def add(
        self,
        work: Work,
        *,
        actor: HasId,
        command: Command | None = None,
        context: Context | None = None,
        budget: float = BUDGET_SECONDS,
    ) -> Mapping[str, Any]:
        """As `run`, for work that only adds documents, an entry among them, and reads nothing. It calls `work` once.

        What several threads add at the same time shares one transaction, which is several times faster under load.
        The record of the command stands in the entry, and stays; keys are apart from those of `run`.
        """
        context = context or _context(actor, command)
        unit = Unit(self.database, None, context, self.epoch, self._clock)
        answer = work(unit)
        _note(unit, command, answer)
        additions = unit.additions()

        deadline = time.monotonic() + budget

        def commit() -> Mapping[str, Any]:
            try:
                self._added.commit(additions, budget)
            except TakenApart:
                self.transact(_adding([additions]), JOURNALS, deadline - time.monotonic())
            return answer

        return self._carry_out(commit, command, JOURNAL)

    def change(
        self,
        work: Work,
        reads: Sequence[tuple[Collection, str]],
        *,
        actor: HasId,
        command: Command | None = None,
        context: Context | None = None,
        budget: float = BUDGET_SECONDS,
    ) -> Answer:
        """As `run`, for work that appends an entry and can say beforehand which documents it `reads` by their ids and
        may change: `unit.read` gives them. Work that names none of the same may share its transaction, on any thread.

        What a unit decides by and does not name may be changed by another of the same transaction, as by anybody else.
        The record of the command stands in the entry, as with `add`. `work` goes by its arguments alone, for it may run
        in the thread of another command; and it does not call the journal, which would wait for itself.
        """
        change = _Change(work, reads, command, context or _context(actor, command))
        deadline = time.monotonic() + budget

        def commit() -> Answer:
            try:
                self._changed.commit(change, budget)
            except TakenApart:
                self.transact(self._changing([change]), JOURNALS, deadline - time.monotonic())
            if change.error is not None:
                raise change.error
            return change.answer

        # A command that was given before commands on cases shared transactions has its record where `run` keeps it.
        return self._carry_out(commit, command, JOURNAL, COMMANDS)

    def _changing(self, batch: Sequence[_Change]) -> Callable[[Unit], None]:
        """Carrying out changes in one transaction. What one refuses is its own error, and keeps no other."""

        def work(unit: Unit) -> None:
            read = _read(batch, unit.session)
            for change in batch:
                own = Unit(self.database, unit.session, change.context, self.epoch, self._clock, read)
                change.error = None
                try:
                    change.answer = change.work(own)
                    _note(own, change.command, change.answer)
                except PyMongoError:
                    raise
                except Exception as error:
                    if own.sent:  # and what it has written stands in the transaction of all
                        raise
                    change.error = error
                else:
                    unit.take_over(own)

        return work

    def _together(self, work: Callable[[Unit], None], budget: float) -> None:
        """One transaction of several. Raises TakenApart where another transaction holds what one of them writes: that
        one alone waits for it, not all who share its transaction or come after it."""
        self.transact(work, JOURNALS, budget, waits=False)

    def _whole(self, work: Work, command: Command | None) -> Work:
        """The work and the record of its command."""

        def whole(unit: Unit) -> Mapping[str, Any]:
            answer = work(unit)
            if command is not None:
                unit.insert(
                    self.database[COMMANDS],
                    {
                        "_id": command.id,
                        "fingerprint": command.fingerprint,
                        "answer": answer,
                        "at": self._clock(),
                    },
                )
            return answer

        return whole

    def _carry_out(
        self, commit: Callable[[], Mapping[str, Any]], command: Command | None, *kept: str
    ) -> Mapping[str, Any]:
        """Commits. `kept` are the collections in which the command's record may be."""
        try:
            answer = commit()
        except (Unavailable, KeyReused):
            raise
        except Exception as error:
            if command is not None and (known := self._known_answer(command, kept)) is not None:
                return known
            if isinstance(error, VersionConflict) and error.current is None:
                raise VersionConflict(error.stream, error.expected, self.version(error.stream)) from None
            raise
        failpoints.reach("journal.committed")
        return answer

    def transact(
        self, work: Callable[[Unit], Any], context: Context, budget: float = BUDGET_SECONDS, *, waits: bool = True
    ) -> Any:
        """`work` in one transaction, repeated while the driver says that repeating may help, for `budget` seconds.

        Without `waits` it is not repeated for what another transaction holds: then it raises TakenApart.
        """
        deadline = time.monotonic() + budget
        for attempt in range(1_000):
            try:
                with self.database.client.start_session() as session:
                    return self._once(work, context, session, deadline)
            except PyMongoError as error:
                held = error.has_error_label("TransientTransactionError") and not is_unreachable(error)
                if held and not waits:
                    raise TakenApart from None
                retry = held or is_unreachable(error)
                if retry and time.monotonic() < deadline:
                    time.sleep(_backoff(attempt, deadline))
                    continue
                if retry or error.has_error_label("UnknownTransactionCommitResult"):
                    raise Unavailable from None
                raise
        raise Unavailable

    def _once(self, work: Callable[[Unit], Any], context: Context, session: ClientSession, deadline: float) -> Any:
        unit = Unit(self.database, session, context, self.epoch, self._clock)
        session.start_transaction(
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority", j=True),
            read_preference=ReadPreference.PRIMARY,
            max_commit_time_ms=5_000,
        )
        try:
            answer = work(unit)
            unit.flush()
        except BaseException:
            session.abort_transaction()
            raise
        failpoints.reach("journal.flushed")
        _commit(session, deadline)
        return answer

    def _known_answer(self, command: Command, kept: Sequence[str]) -> Mapping[str, Any] | None:
        for name in kept:
            # What stood in the way may be the first attempt's own commit, which the primary has and no majority yet.
            found = find_surely(self.database[name], {COMMAND_ID if name == JOURNAL else "_id": command.id})
            if found is not None:
                record = found["command"] if name == JOURNAL else found
                if record["fingerprint"] != command.fingerprint:
                    raise KeyReused
                answer: Mapping[str, Any] = record["answer"]
                return answer
        return None

    def answer_of(self, command: Command) -> Answer | None:
        """What a command answered when `change` carried it out; None if it never did. Raises KeyReused, Unavailable."""
        return self._known_answer(command, (JOURNAL, COMMANDS))

    def version(self, stream: str) -> int:
        """The stream's version now; 0 if it does not exist."""
        last = self.database[JOURNAL].find_one({"stream": stream}, {"version": 1}, sort=[("version", -1)])
        return int(last["version"]) if last else 0

    def history(self, stream: str) -> Iterator[Mapping[str, Any]]:
        """The stream's entries, oldest first."""
        yield from self.database[JOURNAL].find({"stream": stream}, sort=[("version", ASCENDING)])


def _adding(batch: Sequence[Additions]) -> Callable[[Unit], None]:
    """Writing what several units gathered, in one transaction."""

    def work(unit: Unit) -> None:
        for additions in batch:
            unit.take_in(additions)

    return work


def _read(batch: Sequence[_Change], session: ClientSession | None) -> Read:
    """What the changes want to read, with one question for each collection."""
    wanted: dict[str, tuple[Collection, set[str]]] = {}
    for change in batch:
        for collection, identifier in change.reads:
            wanted.setdefault(collection.full_name, (collection, set()))[1].add(identifier)
    found: dict[tuple[str, str], Document | None] = {}
    for name, (collection, identifiers) in wanted.items():
        found.update(dict.fromkeys((name, each) for each in identifiers))
        for document in collection.find({"_id": {"$in": list(identifiers)}}, session=session):
            found[name, document["_id"]] = document
    return found


def _note(unit: Unit, command: Command | None, answer: Answer) -> None:
    if command is not None:
        unit.note("command", {"id": command.id, "fingerprint": command.fingerprint, "answer": answer})


def _context(actor: HasId, command: Command | None) -> Context:
    return Context(actor.id, command.id if command else None, traceparent=current_traceparent())


def _commit(session: ClientSession, deadline: float) -> None:
    """Commits; where the outcome is unknown, only the commit is repeated."""
    for attempt in range(1_000):
        try:
            exchange.commit(session)
            return
        except PyMongoError as error:
            unknown = error.has_error_label("UnknownTransactionCommitResult")
            if not unknown or time.monotonic() >= deadline:
                raise
            time.sleep(_backoff(attempt, deadline))


def _backoff(attempt: int, deadline: float) -> float:
    """Seconds to wait before the next attempt: 5 ms growing to half a second, with jitter, within the deadline."""
    wait = random.random() * min(0.5, 0.005 * 1.5 ** min(attempt, 20))  # noqa: S311
    return max(0.0, min(wait, deadline - time.monotonic()))
