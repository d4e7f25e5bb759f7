"""The trace that a look at an identity leaves: written before the data is shown, or the data is not shown.

Entries hold ids and codes, never the identity itself. Entries are only ever added: the services' database users may
insert here and nothing else. Each is chained to the one before of the same process (chain.py), so that a change shows.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakMethod

import pymongo
from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from shared.access.actor import Actor
from shared.access.audit.chain import NOTHING, link
from shared.access.audit.heads import Heads
from shared.ids import new_id
from shared.mongo import Unavailable

COLLECTION = "entries"
WRITE_TIMEOUT_MS = 5_000
MOST_AT_ONCE = 100
"""Callers whose entries go into one insert."""

BASES = ("assigned", "unassigned", "needed", "glass", "referral", "registered", "area", "request", "search", "any")
"""On which grounds an identity was opened: the case is assigned to the one who opens, or to nobody; something in it
waits for them; broken glass; a referral to their agency; they registered the report; it is of their area, no more; a
child or guardian asked; they looked for a child that may be known; their right has no limit."""

_CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
_SUBJECT = re.compile(r"[a-z_]+-[0-9a-f]{32}")


def ensure_indexes(database: Database) -> None:
    """Create the indexes by which an auditor asks. Needs a user with more rights than the services have here."""
    entries = database[COLLECTION]
    entries.create_index([("subject", ASCENDING), ("at", DESCENDING)], name="by_subject")
    entries.create_index([("concerns", ASCENDING), ("at", DESCENDING)], name="by_concern", sparse=True)
    entries.create_index([("actor", ASCENDING), ("at", DESCENDING)], name="by_actor")
    entries.create_index([("at", DESCENDING)], name="by_time")
    # Not unique: a place that is there twice is for the verifier to tell.
    entries.create_index([("chain", ASCENDING), ("seq", ASCENDING)], name="by_chain")


def by_chain(database: Database) -> Iterator[dict[str, Any]]:
    """All entries by chain and place, as `chain.verify` wants them."""
    yield from database[COLLECTION].find().sort([("chain", ASCENDING), ("seq", ASCENDING)]).hint("by_chain")


def firsts(database: Database) -> Iterator[dict[str, Any]]:
    """The entries that begin a chain and follow another one."""
    yield from database[COLLECTION].find({"follows": {"$ne": None}}, {"chain": 1, "follows": 1})


def count(database: Database) -> int:
    """How many entries there are."""
    return database[COLLECTION].count_documents({})


@dataclass(eq=False)
class _Waiting:
    """Entries of one caller. `done` when they are stored, `failed` when they are not, or perhaps."""

    entries: list[dict[str, Any]]
    done: bool = False
    failed: bool = False


class Audit:
    """Writes entries to the audit database. `clock` gives an aware UTC datetime; `heads` keeps the chain's ends.

    Threads of one process share a chain. Whoever holds its pen writes for all who wait, in one insert, so that the
    chain allows as many entries as the database takes and not one for each answer of it.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        heads: Heads | None = None,
    ) -> None:
        self._entries = database.get_collection(
            COLLECTION, write_concern=WriteConcern(w="majority", j=True, wtimeout=WRITE_TIMEOUT_MS)
        )
        self._clock = clock
        self._heads = heads
        self._begin()
        begin = WeakMethod(self._begin)
        # A forked process must not go on with its parent's chain: both would write the same places.
        os.register_at_fork(after_in_child=lambda: (again := begin()) and again())

    def record(
        self,
        actor: Actor,
        action: str,
        subject: str,
        fields: Sequence[str] = (),
        purpose: str = "",
        outcome: str = "allowed",
        basis: str = "",
        concerns: Sequence[str] = (),
    ) -> str:
        """Store one entry, acknowledged by a majority, and return its id.

        `action`, each of `fields`, `purpose` and `outcome` are codes, `basis` is one of BASES where an identity is
        opened, and `subject` is an id such as `person-<hex>`: anything else raises ValueError, so that no name slips
        in. `concerns`: ids of the report and the persons in whose lists of who has looked the entry belongs too, such
        as those of a photograph. Raises `Unavailable` when the entry cannot be stored; the caller then shows nothing.
        """
        return self.record_all(actor, action, [subject], fields, purpose, outcome, basis, concerns)[0]

    def record_all(
        self,
        actor: Actor,
        action: str,
        subjects: Sequence[str],
        fields: Sequence[str] = (),
        purpose: str = "",
        outcome: str = "allowed",
        basis: str = "",
        concerns: Sequence[str] = (),
    ) -> list[str]:
        """Store one entry for each subject, all or none, and return their ids. As `record` otherwise."""
        for code in (action, *fields, outcome, *([purpose] if purpose else [])):
            if not _CODE.fullmatch(code):
                raise ValueError("an audit entry holds codes only: action, fields, purpose and outcome")
        if basis and basis not in BASES:
            raise ValueError("the basis of an audit entry is one of audit.BASES")
        if not all(_SUBJECT.fullmatch(subject) for subject in (*subjects, *concerns)):
            raise ValueError("what an audit entry is about is an id such as person-<32 hexadecimal digits>")
        if not subjects:
            return []
        now = self._clock()
        entries: list[dict[str, Any]] = [
            {
                "_id": new_id("audit"),
                # To the millisecond, as it is stored: the hash covers it.
                "at": now.replace(microsecond=now.microsecond // 1000 * 1000),
                "actor": actor.id,
                "role": actor.role,
                "agency": actor.agency_id,
                "session": actor.session,
                "action": action,
                "subject": subject,
                "fields": list(fields),
                "purpose": purpose,
                "outcome": outcome,
                **({"basis": basis} if basis else {}),
                **({"concerns": list(concerns)} if concerns else {}),
            }
            for subject in subjects
        ]
        self._store(_Waiting(entries))
        return [entry["_id"] for entry in entries]

    def _begin(self) -> None:
        """A chain of this process's own, of which nothing is written yet."""
        self._pen = threading.Lock()
        self._gate = threading.Lock()
        self._queue: list[_Waiting] = []
        self._chain, self._seq, self._hash = new_id("chain"), 0, NOTHING
        self._follows: dict[str, Any] | None = None
        self._last: tuple[str, int, str] | None = None
        self._kept = False

    def _store(self, waiting: _Waiting) -> None:
        with self._gate:
            self._queue.append(waiting)
        if not self._pen.acquire(timeout=WRITE_TIMEOUT_MS / 1000):
            with self._gate:
                if waiting in self._queue:
                    self._queue.remove(waiting)
            raise Unavailable
        try:
            if not (waiting.done or waiting.failed):
                self._write()
        finally:
            self._pen.release()
        if not waiting.done:
            raise Unavailable

    def _write(self) -> None:
        """Stores what waits, in one insert. The caller holds the pen."""
        with self._gate:
            batch, self._queue = self._queue[:MOST_AT_ONCE], self._queue[MOST_AT_ONCE:]
        entries = [entry for waiting in batch for entry in waiting.entries]
        if self._seq == 0 and self._follows is not None:
            entries[0]["follows"] = self._follows
        seq, head = link(entries, self._chain, self._seq, self._hash)
        try:
            with pymongo.timeout(WRITE_TIMEOUT_MS / 1000):
                self._entries.insert_many(entries)
        except PyMongoError:
            # Not only a database out of reach: whatever the reason, no entry means no data. The driver's text is
            # dropped, for it may quote values. Whether anything was stored is not known, so this chain ends at the
            # last entry that surely was, and the next one says so.
            self._follow()
            for waiting in batch:
                waiting.failed = True
            return
        except BaseException:
            self._follow()
            for waiting in batch:
                waiting.failed = True
            raise
        self._seq, self._hash = seq, head
        self._last = (self._chain, seq - 1, head)
        for waiting in batch:
            waiting.done = True
        if self._heads is not None and not self._kept:
            self._kept = True
            self._heads.keep(lambda: self._last)

    def _follow(self) -> None:
        if self._last is not None:
            chain, seq, hashed = self._last
            self._follows = {"chain": chain, "seq": seq, "hash": hashed}
        self._chain, self._seq, self._hash = new_id("chain"), 0, NOTHING
