"""Sealing, opening and erasing what can identify a person.

Each subject (a person, or a report: its narrative may name several children) has a keyset of its own. Its wrapped
keyset and its values are two documents of one collection, so that both are written in one command and read by one
question, and a copy of either can be made without the other. A value is bound
to its subject, field and version, so that no ciphertext can be moved to another record. Sealing happens in the unit of
work that writes the journal; opening writes an audit entry first: no entry, no data.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tink
from pymongo.database import Database
from tink import aead

from shared import domain
from shared.access.actor import Actor
from shared.access.audit import Audit
from shared.access.fields import closed, readable
from shared.journal.unit import Unit
from shared.mongo import Unavailable, find_surely, reachable
from shared.telemetry.logs import get_logger
from shared.vault.fresh import Seals
from shared.vault.ring import KeyMissing, Ring

SUBJECTS = "subjects"
KEYSET = "key:"
KEYS, PRESENT = "keys", "present"
"""The document that says which key wraps, since the first rotation."""
PRESENT_SECONDS = 5.0
"""`key:<subject>` has `wrapped` and `key_id`, `<subject>` has `fields`: name -> `version` and `sealed`."""

log = get_logger(__name__)


class UndeclaredField(Exception):
    """The field is not in shared/domain/identifying.yaml for this kind of subject, so it cannot be sealed."""

    def __init__(self, kind: str, fields: Iterable[str]) -> None:
        super().__init__(f"not declared as identifying for a {kind}: {', '.join(sorted(fields))}")


class NotReadable(Exception):
    """The field is not open to this role: a mistake in the program, which asks for what it must not show."""

    def __init__(self, role: str, fields: Iterable[str]) -> None:
        super().__init__(f"not open to the role {role}: {', '.join(sorted(fields))}")


@dataclass(frozen=True)
class Opened:
    """What an opening gives: the open values by field, and the names of fields that are held and closed."""

    values: dict[str, str]
    closed: list[str]


class NotHeld(Exception):
    """Nothing can be opened for this subject: it was erased, was never sealed, or its values were tampered with."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"{subject}: nothing is held that can be opened")


class Vault:
    """The vault's database with the key-encryption keys. Only intake and cases have a user that may reach it."""

    def __init__(self, database: Database, keys: Ring, audit: Audit) -> None:
        self.database = database
        self._subjects = database[SUBJECTS]
        self._keys = keys
        self._audit = audit
        self._asked_again = 0.0

    def create(
        self,
        unit: Unit,
        subject: str,
        fields: Mapping[str, str] | None = None,
        findable: Mapping[str, Any] | None = None,
    ) -> None:
        """Begins a subject that is not there yet, with a keyset of its own, and seals its first fields.

        `findable` is by what it can be found (finder.py), kept beside them.
        """
        self._sees_the_present_key()
        key_id, wrapped, primitive = self._keys.new_keyset(subject)
        _declared(subject, fields or {})
        sealed = {name: _seal(primitive, subject, name, 1, value) for name, value in (fields or {}).items()}
        unit.insert(self._subjects, {"_id": _key_of(subject), "key_id": key_id, "wrapped": wrapped})
        found_by = {} if findable is None else {"findable": dict(findable)}
        unit.insert(self._subjects, {"_id": subject, "fields": sealed, **found_by})

    def seal(self, unit: Unit, subject: str, fields: Mapping[str, str]) -> None:
        """Seals fields of a subject that exists, each as its next version. Raises UndeclaredField, NotHeld."""
        _declared(subject, fields)
        primitive, held = self._held(subject, unit.find(self._subjects, _both(subject)))
        for name, value in fields.items():
            version = held.get(name, {}).get("version", 0) + 1
            unit.update(
                self._subjects,
                {"_id": subject, f"fields.{name}.version": {"$not": {"$gte": version}}},
                {"$set": {f"fields.{name}": _seal(primitive, subject, name, version, value)}},
                must_match=True,
            )

    def open(
        self,
        actor: Actor,
        subject: str,
        fields: Iterable[str],
        purpose: str,
        basis: str,
        concerns: Sequence[str] = (),
    ) -> dict[str, str]:
        """The named fields that are held, after the audit entry is safely written.

        The caller has asked `may` already; `basis` are the grounds on which it was allowed (access.audit.BASES),
        `purpose` is a code, such as the page that shows the fields, `concerns` are other subjects that the opening
        tells of. Raises NotHeld, NotReadable for a field that is not open to the actor's role, Unavailable.
        """
        wanted = list(fields)
        _declared(subject, wanted)
        if not_open := closed(actor, _kind(subject), wanted):
            raise NotReadable(actor.role, not_open)
        return self._opened(actor, subject, wanted, purpose, basis, concerns).values

    def open_readable(self, actor: Actor, subject: str, purpose: str, basis: str) -> Opened:
        """All that is held and open to the actor's role, and the names of what is held and closed to it.

        As `open` otherwise.
        """
        return self._opened(actor, subject, readable(actor, _kind(subject)), purpose, basis)

    def open_granted(self, actor: Actor, subject: str, granted: Collection[str], purpose: str) -> dict[str, str]:
        """What is held of the fields that a referral to the actor's agency opens, and of no others.

        The caller has seen that the referral is open and theirs. As `open` otherwise.
        """
        wanted = [name for name in readable(actor, _kind(subject), granted) if name in granted]
        return self._opened(actor, subject, wanted, purpose, "referral").values

    def _opened(
        self,
        actor: Actor,
        subject: str,
        wanted: Sequence[str],
        purpose: str,
        basis: str,
        concerns: Sequence[str] = (),
    ) -> Opened:
        self._audit.record(actor, "identity.opened", subject, wanted, purpose, "allowed", basis, concerns)
        with reachable():
            found = list(self._subjects.find(_both(subject)))
        if not found:  # what was registered just now is not said to be erased
            surely = (find_surely(self._subjects, {"_id": each}) for each in _all_of([subject]))
            found = [document for document in surely if document is not None]
        primitive, held = self._held(subject, found)
        values = {name: _open(primitive, subject, name, held[name]) for name in wanted if name in held}
        return Opened(values, closed(actor, _kind(subject), held))

    def open_many(
        self, actor: Actor, subjects: Sequence[str], fields: Sequence[str], purpose: str, basis: str
    ) -> dict[str, dict[str, str]]:
        """The named fields of several subjects of one kind, those left out of which nothing is held any more.

        One audit entry for each subject is written before, all or none. Raises NotReadable, Unavailable.
        """
        if not subjects:
            return {}
        kind = _kind(subjects[0])
        _declared(subjects[0], fields)
        if not_open := closed(actor, kind, fields):
            raise NotReadable(actor.role, not_open)
        self._audit.record_all(actor, "identity.opened", subjects, fields, purpose, "allowed", basis)
        with reachable():
            found = list(self._subjects.find({"_id": {"$in": _all_of(subjects)}}))
        return self._each(subjects, found, fields)

    def compare(self, unit: Unit, subjects: Sequence[str], fields: Sequence[str]) -> dict[str, dict[str, str]]:
        """The named fields of several subjects, for the program's own comparing: nothing of it may be shown to anybody,
        so nothing is recorded."""
        return self._each(subjects, unit.find(self._subjects, {"_id": {"$in": _all_of(subjects)}}), fields)

    def _each(
        self, subjects: Sequence[str], found: Sequence[Mapping[str, Any]], fields: Sequence[str]
    ) -> dict[str, dict[str, str]]:
        documents = {document["_id"]: document for document in found}
        opened = {}
        for subject in subjects:
            both = [documents[each] for each in (_key_of(subject), subject) if each in documents]
            try:
                primitive, held = self._held(subject, both)
                opened[subject] = {n: _open(primitive, subject, n, held[n]) for n in fields if n in held}
            except NotHeld:
                continue
        return opened

    def held(self, unit: Unit, subject: str) -> list[str]:
        """The names of the fields that are held of a subject, which tell nothing; none if there is none."""
        found = unit.find_one(self._subjects, {"_id": subject})
        return list(found["fields"]) if found else []

    def seal_anew(self, unit: Unit, subject: str, fields: Mapping[str, str | None]) -> dict[str, str]:
        """Seals fields, and all that is held beside them, under a new keyset: it does not open what was there before.

        A field that is None is held no more. Returns what is held now, for the program's own use: nothing of it may be
        shown to anybody, so nothing is recorded. Raises UndeclaredField, NotHeld.
        """
        _declared(subject, fields)
        before, held = self._held(subject, unit.find(self._subjects, _both(subject)))
        stays = {name: _open(before, subject, name, sealed) for name, sealed in held.items() if name not in fields}
        values = stays | {name: value for name, value in fields.items() if value is not None}
        self._sees_the_present_key()
        key_id, wrapped, primitive = self._keys.new_keyset(subject)
        versions = {name: held.get(name, {}).get("version", 0) + 1 for name in values}
        sealed_anew = {name: _seal(primitive, subject, name, versions[name], value) for name, value in values.items()}
        keyset = {"$set": {"key_id": key_id, "wrapped": wrapped}}
        unit.update(self._subjects, {"_id": _key_of(subject)}, keyset, must_match=True)
        unit.update(self._subjects, {"_id": subject}, {"$set": {"fields": sealed_anew}}, must_match=True)
        return values

    def erase(self, unit: Unit, subject: str) -> int:
        """Deletes the subject's keyset and values, and returns how many fields were held. Older copies of the values
        cannot be opened without the keyset.

        (An older copy of the wrapped keyset can: that ends when the key-encryption key is rotated, rotation.py.)
        """
        fields = len(self.held(unit, subject))
        unit.delete(self._subjects, {"_id": _key_of(subject)})
        unit.delete(self._subjects, {"_id": subject})
        return fields

    def check(self) -> None:
        """Raises when the vault's keys cannot be used now."""
        self._keys.check()

    def _sees_the_present_key(self) -> None:
        """Raises Unavailable if a rotation has put a key in place that this process cannot see.

        What it sealed with the key before would be lost when that is destroyed. The database says which key is present;
        it is asked at most every PRESENT_SECONDS, which is less than the grace before an old key is destroyed.
        """
        now = time.monotonic()
        if now < self._asked_again:
            return
        with reachable():
            present = self.database[KEYS].find_one({"_id": PRESENT})
        if present is not None and not self._keys.sees(present["key_id"]):
            log.error("vault_key_missing", key=present["key_id"])
            raise Unavailable
        self._asked_again = now + PRESENT_SECONDS

    def _held(self, subject: str, found: Iterable[Mapping[str, Any]]) -> tuple[aead.Aead, Mapping[str, Any]]:
        """What opens the subject's values, and its sealed fields by name. Raises NotHeld."""
        documents = {document["_id"]: document for document in found}
        keyset, values = documents.get(_key_of(subject)), documents.get(subject)
        if keyset is None or values is None:
            raise NotHeld(subject)
        try:
            return self._keys.unwrap(keyset["key_id"], subject, keyset["wrapped"]), values["fields"]
        except KeyMissing:
            # No erasure: the key file is not where this process looks. Whoever runs it must hear of it.
            log.error("vault_key_missing", key=keyset["key_id"])
            raise Unavailable from None
        except tink.TinkError:
            raise NotHeld(subject) from None


def _key_of(subject: str) -> str:
    return f"{KEYSET}{subject}"


def _both(subject: str) -> dict[str, Any]:
    return {"_id": {"$in": [_key_of(subject), subject]}}


def _all_of(subjects: Iterable[str]) -> list[str]:
    return [each for subject in subjects for each in (_key_of(subject), subject)]


def _kind(subject: str) -> str:
    return subject.partition("-")[0]


def _declared(subject: str, fields: Iterable[str]) -> None:
    kind = _kind(subject)
    declared = domain.identifying_fields(kind)
    undeclared = [name for name in fields if name not in declared]
    if undeclared:
        raise UndeclaredField(kind, undeclared)


def _bound(subject: str, field: str, version: int) -> bytes:
    return f"{subject}|{field}|{version}".encode()


def _seal(primitive: Seals, subject: str, field: str, version: int, value: str) -> dict[str, Any]:
    return {"version": version, "sealed": primitive.encrypt(value.encode(), _bound(subject, field, version))}


def _open(primitive: aead.Aead, subject: str, field: str, sealed: Mapping[str, Any]) -> str:
    try:
        text: bytes = primitive.decrypt(bytes(sealed["sealed"]), _bound(subject, field, sealed["version"]))
    except tink.TinkError:
        raise NotHeld(subject) from None
    return text.decode()
