"""Finding a sealed person by keyed hashes of two facts joined (shared/names), and ranking the few that were found.

The hashes of a new person are kept beside its sealed values, where no index is touched: registering waits for nothing.
A worker moves them into the index a moment later. Both go with the person when it is erased, in the same unit of work.
Every candidate that is opened to be ranked is audited before anything is shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from shared.access.actor import Actor
from shared.journal.unit import Unit
from shared.mongo import reachable
from shared.names import Person, SearchKey, blocks_to_find, blocks_to_keep, closeness, rank
from shared.settings import SEARCH_KEY
from shared.vault.search_key import create_search_key_file, load_search_key_file
from shared.vault.vault import SUBJECTS, Vault
from shared.vault.watched import Watched

INDEX = "findable"
WAITING = "findable"
"""The member of a subject's document in which its hashes wait to be moved."""
COMPARED = ("name", "guardian_name")
MOST_OPENED = 50
"""Candidates whose names are opened to be ranked: each leaves an entry in the audit log."""
LEAST_SHARED = 0.2
"""Who shares less than this part of the hashes that the nearest one shares is not opened: measured on 100,000 persons,
a third of the names stay closed and nobody is found less often (docs/decisions/0018)."""


@dataclass(frozen=True)
class Match:
    """A person who may be the one that was asked for. `likeness` of the names is 0 to 1, `points` order the matches."""

    person_id: str
    report_id: str
    likeness: float
    points: float


class SearchKeys:
    """The present search key, and the one before it while hashes are made anew: files, which are watched."""

    def __init__(self, path: Path) -> None:
        """Reads the keys. Raises KeyFileError."""
        self._path = path
        self._watched = Watched(self._look, self._read)

    @property
    def present(self) -> SearchKey:
        """The key of new hashes."""
        return self.all()[0]

    def all(self) -> list[SearchKey]:
        """The keys by which somebody may have been kept, the present one first."""
        return self._watched()

    def begin_anew(self) -> None:
        """Puts a new key in place; the one before lies beside it until `end`. Goes on with one that was begun.

        A crash at any step leaves the present key where it is, or the new one with the one before beside it.
        """
        old = older(self._path)
        if not old.exists():
            os.link(self._path, old)
        if load_search_key_file(old).id != load_search_key_file(self._path).id:
            return
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)
        create_search_key_file(new)
        new.replace(self._path)
        self._watched.now()

    def end(self) -> None:
        """Destroys the key before: what was hashed with it can be tested against no name any more."""
        older(self._path).unlink(missing_ok=True)
        self._watched.now()

    def _read(self) -> list[SearchKey]:
        present, old = load_search_key_file(self._path), older(self._path)
        before = load_search_key_file(old) if old.exists() else present
        return [present] if before.id == present.id else [present, before]

    def _look(self) -> tuple[int, ...]:
        files = [path.stat() for path in (self._path, older(self._path)) if path.exists()]
        return tuple(part for file in files for part in (file.st_ino, file.st_mtime_ns))


def beside(vault_key: Path) -> Path:
    """Where the search key lies: beside the vault's key, of which it is none."""
    return vault_key.with_name(SEARCH_KEY)


def older(path: Path) -> Path:
    """Where the search key before lies while hashes are made anew."""
    return path.with_name(f"{path.stem}-old{path.suffix}")


def ensure_indexes(database: Database) -> None:
    """Creates what finding needs in the vault's database. Safe to repeat."""
    database[INDEX].create_index([("hashes", ASCENDING)])
    database[INDEX].create_index([("key", ASCENDING)])


class Finder:
    """Keeps the hashes of persons in the vault's database, and finds by them."""

    def __init__(self, vault: Vault, keys: SearchKeys) -> None:
        self._vault = vault
        self._index = vault.database[INDEX]
        self._subjects = vault.database[SUBJECTS]
        self._keys = keys

    def findable(self, report_id: str, person: Person) -> dict[str, Any] | None:
        """What is kept of a person so that it can be found, for `Vault.create`; None if two facts are not known."""
        key = self._keys.present
        hashes = blocks_to_keep(person, key)
        if not hashes:
            return None
        about = {"report_id": report_id, "kecamatan": person.kecamatan, "age_years": person.age_years}
        return {"key": key.id, "hashes": hashes, **about}

    def move(self, unit: Unit, person_id: str) -> bool:
        """Moves the hashes of a new person into the index. Returns whether there were any.

        It changes the person's own document, so that an erasure at the same moment is not overtaken.
        """
        found = unit.find_one(self._subjects, {"_id": person_id}, {WAITING: 1})
        if found is None or WAITING not in found:
            return False
        unit.update(
            self._subjects, {"_id": person_id, WAITING: {"$exists": True}}, {"$unset": {WAITING: ""}}, must_match=True
        )
        unit.update(self._index, {"_id": person_id}, {"$set": found[WAITING]}, upsert=True)
        return True

    def replace(self, unit: Unit, person_id: str, found_by: Mapping[str, Any] | None) -> None:
        """Puts what `findable` gave for a corrected person in the place of its hashes; None takes it out of the index.

        What waits to be moved goes too: it is of the former name, and a worker must not bring it back.
        """
        unit.update(self._subjects, {"_id": person_id}, {"$unset": {WAITING: ""}})
        if found_by is None:
            self.forget(unit, person_id)
        else:
            unit.update(self._index, {"_id": person_id}, {"$set": dict(found_by)}, upsert=True)

    def forget(self, unit: Unit, person_id: str) -> None:
        """Takes a person out of the index: part of an erasure."""
        unit.delete(self._index, {"_id": person_id})

    def find(self, actor: Actor, wanted: Person, purpose: str) -> list[Match]:
        """Those who may be meant, best first. Each that is opened to be ranked is audited before.

        Raises names.OneMoreFact, NotReadable for a role that may not open a name, Unavailable.
        """
        found = self._nearest([block for key in self._keys.all() for block in blocks_to_find(wanted, key)])
        opened = self._vault.open_many(actor, [each["_id"] for each in found], COMPARED, purpose, "search")
        people = {
            each["_id"]: Person(
                opened[each["_id"]]["name"],
                each["age_years"],
                each["kecamatan"],
                opened[each["_id"]].get("guardian_name"),
            )
            for each in found
            if "name" in opened.get(each["_id"], {})
        }
        reports = {each["_id"]: each["report_id"] for each in found}
        return [
            Match(person_id, reports[person_id], closeness(wanted.name, people[person_id].name), points)
            for person_id, points in rank(wanted, people)
        ]

    def _nearest(self, blocks: list[bytes]) -> list[dict[str, Any]]:
        """Those of the index that share the most hashes with a question: `_id`, `report_id`, `kecamatan`, `age_years`.

        MOST_OPENED at most, and only those that share LEAST_SHARED of what the nearest one does.

        The database counts and orders: no hashes travel, and nobody is left out before that.
        """
        shared = {"$size": {"$setIntersection": ["$hashes", blocks]}}
        pipeline: list[dict[str, Any]] = [
            {"$match": {"hashes": {"$in": blocks}}},
            {"$project": {"report_id": 1, "kecamatan": 1, "age_years": 1, "shared": shared}},
            {"$sort": {"shared": DESCENDING, "_id": ASCENDING}},
            {"$limit": MOST_OPENED},
        ]
        with reachable():
            found = list(self._index.aggregate(pipeline))
        return [each for each in found if each["shared"] >= LEAST_SHARED * found[0]["shared"]]

    def begin_anew(self) -> None:
        """Puts a new search key in place: from now on hashes are made with it, and both are asked."""
        self._keys.begin_anew()

    def stale(self, limit: int) -> list[str]:
        """Persons in the index whose hashes are not of the present key."""
        with reachable():
            found = self._index.find({"key": {"$ne": self._keys.present.id}}, {"_id": 1}, limit=limit)
            return [each["_id"] for each in found]

    def counts(self) -> Mapping[str, int]:
        """How many persons are in the index by the id of their key, and under `waiting` how many wait to be moved."""
        with reachable():
            by_key = {each["_id"]: each["count"] for each in self._index.aggregate([{"$sortByCount": "$key"}])}
            return {**by_key, "waiting": self._subjects.count_documents({WAITING: {"$exists": True}})}

    def waiting(self) -> Iterator[str]:
        """Persons whose hashes wait to be moved: what a worker has not come to. It looks at every subject."""
        with reachable():
            for found in self._subjects.find({WAITING: {"$exists": True}}, {"_id": 1}):
                yield found["_id"]

    def make_anew(self, unit: Unit, person_ids: Sequence[str]) -> int:
        """Hashes persons of the index with the present key. Nothing is shown of them, so nothing is recorded.

        Returns how many; one that cannot be opened (it was erased) is taken out of the index.
        """
        held = self._vault.compare(unit, person_ids, COMPARED)
        for entry in unit.find(self._index, {"_id": {"$in": list(person_ids)}}):
            person_id = entry["_id"]
            values = held.get(person_id, {})
            kept = None
            if "name" in values:
                person = Person(values["name"], entry["age_years"], entry["kecamatan"], values.get("guardian_name"))
                kept = self.findable(entry["report_id"], person)
            if kept is None:
                self.forget(unit, person_id)
            else:
                unit.update(self._index, {"_id": person_id}, {"$set": kept})
        return len(person_ids)

    def end_anew(self) -> None:
        """Destroys the search key before."""
        self._keys.end()
