"""The trace that a look at an identity leaves: written before the data is shown, or the data is not shown.

Entries hold ids and codes, never the identity itself. Entries are only ever added: the services' database users may
insert and find here and nothing else. A later hash chain has its place in each entry beside these fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from shared.access.actor import Actor
from shared.ids import new_id
from shared.mongo import Unavailable

COLLECTION = "entries"
WRITE_TIMEOUT_MS = 5_000

_CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
_SUBJECT = re.compile(r"[a-z_]+-[0-9a-f]{32}")


def ensure_indexes(database: Database) -> None:
    """Create the indexes by which an auditor asks. Needs a user with more rights than the services have here."""
    entries = database[COLLECTION]
    entries.create_index([("subject", ASCENDING), ("at", DESCENDING)], name="by_subject")
    entries.create_index([("actor", ASCENDING), ("at", DESCENDING)], name="by_actor")


class Audit:
    """Writes entries to the audit database. `clock` gives an aware UTC datetime."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._entries = database.get_collection(
            COLLECTION, write_concern=WriteConcern(w="majority", j=True, wtimeout=WRITE_TIMEOUT_MS)
        )
        self._clock = clock

    def record(
        self,
        actor: Actor,
        action: str,
        subject: str,
        fields: Sequence[str] = (),
        purpose: str = "",
        outcome: str = "allowed",
    ) -> str:
        """Store one entry, acknowledged by a majority, and return its id.

        `action`, each of `fields`, `purpose` and `outcome` are codes and `subject` is an id such as `person-<hex>`:
        anything else raises ValueError, so that no name slips in. Raises `Unavailable` when the entry cannot be
        stored; the caller then shows nothing.
        """
        for code in (action, *fields, outcome, *([purpose] if purpose else [])):
            if not _CODE.fullmatch(code):
                raise ValueError("an audit entry holds codes only: action, fields, purpose and outcome")
        if not _SUBJECT.fullmatch(subject):
            raise ValueError("the subject of an audit entry is an id such as person-<32 hexadecimal digits>")
        entry = {
            "_id": new_id("audit"),
            "at": self._clock(),
            "actor": actor.id,
            "role": actor.role,
            "agency": actor.agency_id,
            "session": actor.session,
            "action": action,
            "subject": subject,
            "fields": list(fields),
            "purpose": purpose,
            "outcome": outcome,
        }
        try:
            self._entries.insert_one(entry)
        except PyMongoError:
            # Not only a database out of reach: whatever the reason, no entry means no data. The driver's text is
            # dropped, for it may quote values.
            raise Unavailable from None
        return str(entry["_id"])
