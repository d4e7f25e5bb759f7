"""Changing the key-encryption key: every keyset is wrapped anew, then the old key is destroyed.

After that, what was erased before cannot be opened from any copy of the database, for its keyset was wrapped by a key
that is gone. Each step may be the last one of a killed process: the next run goes on from there.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tink
from pymongo import ASCENDING, UpdateOne
from pymongo.database import Database

from shared import failpoints
from shared.vault.keys import create_key_file, load_key_file
from shared.vault.ring import KeyMissing, KeyRing, older_file, older_files
from shared.vault.vault import KEYS, KEYSET, PRESENT, SUBJECTS

BATCH = 500
GRACE_SECONDS = 90.0
"""Longer than a process may go on without asking which key is present (PRESENT_SECONDS) and a transaction may then take
(20 seconds in our mongod, 60 in one that was left as it comes): the last look sees whatever began with the old key.
"""

#: Ids of wrapped keysets: everything that begins with KEYSET.
_KEYSETS = {"$gte": KEYSET, "$lt": KEYSET[:-1] + chr(ord(KEYSET[-1]) + 1)}


@dataclass(frozen=True)
class Progress:
    """How far a rotation is: keysets wrapped anew, of how many that were found, and those that cannot be opened."""

    done: int
    total: int
    unopened: int = 0


def pending(path: Path) -> bool:
    """Whether a rotation was begun and not finished."""
    present = load_key_file(path).id
    return any(load_key_file(older).id != present for older in older_files(path))


class UnderWay(Exception):
    """Another process rotates these keys now."""


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Nobody else rotates these keys meanwhile: of two new keys one would be lost. Raises UnderWay, OSError."""
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnderWay from None
        yield


def begin(path: Path) -> str:
    """Puts a new key into the place of the present one, which stays beside it. Returns the new key's id.

    The caller is `alone`. Raises KeyFileError, OSError (the folder cannot be written).
    """
    present = load_key_file(path)
    kept = older_file(path, present.id)
    if not kept.exists():
        os.link(path, kept)
    _to_disk(path.parent)
    failpoints.reach("keys.kept")
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    create_key_file(new)
    failpoints.reach("keys.made")
    new.replace(path)
    _to_disk(path.parent)
    failpoints.reach("keys.placed")
    return load_key_file(path).id


def rewrap(database: Database, ring: KeyRing) -> Iterator[Progress]:
    """Wraps every keyset anew that the present key did not wrap. Says after each batch how far it is.

    First it says in the database which key is present, so that a process that cannot see it seals nothing more. A
    keyset that is changed or erased meanwhile is left as it is then found.
    """
    present = ring.present
    database[KEYS].update_one({"_id": PRESENT}, {"$set": {"key_id": present.id}}, upsert=True)
    subjects = database[SUBJECTS]
    question: dict[str, Any] = {"_id": dict(_KEYSETS), "key_id": {"$ne": present.id}}
    total, done, unopened = subjects.count_documents(question), 0, 0
    yield Progress(0, total)
    while batch := list(subjects.find(question).sort("_id", ASCENDING).limit(BATCH)):
        updates = []
        for keyset in batch:
            subject = keyset["_id"].removeprefix(KEYSET)
            try:
                wrapped = present.rewrap(subject, keyset["wrapped"], ring.key(keyset["key_id"]))
            except (KeyMissing, tink.TinkError):
                unopened += 1
                continue
            same = {"_id": keyset["_id"], "wrapped": keyset["wrapped"]}
            updates.append(UpdateOne(same, {"$set": {"wrapped": wrapped, "key_id": present.id}}))
        if updates:
            done += subjects.bulk_write(updates, ordered=False).modified_count
        question["_id"]["$gt"] = batch[-1]["_id"]
        failpoints.reach("keys.rewrapped")
        yield Progress(done, max(total, done), unopened)


def destroy_old(database: Database, ring: KeyRing, path: Path, grace: float = GRACE_SECONDS) -> list[str]:
    """Waits until nobody can still be writing with an old key, then destroys the old keys that no keyset needs.

    Returns the ids of the old keys that are still needed: by keysets that were written meanwhile, or that cannot be
    opened.
    """
    time.sleep(grace)
    counts = count(database)
    needed = []
    for file in older_files(path):
        key_id = load_key_file(file).id
        if key_id != ring.present.id and counts.get(key_id):
            needed.append(key_id)
            continue
        file.unlink()
        failpoints.reach("keys.destroyed")
    _to_disk(path.parent)
    return needed


def count(database: Database) -> dict[str, int]:
    """How many keysets each key has wrapped, by the key's id."""
    pipeline: list[dict[str, Any]] = [
        {"$match": {"_id": _KEYSETS}},
        {"$group": {"_id": "$key_id", "keysets": {"$sum": 1}}},
    ]
    return {group["_id"]: group["keysets"] for group in database[SUBJECTS].aggregate(pipeline)}


def _to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
