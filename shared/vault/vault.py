"""Sealing, opening and erasing what can identify a person.

Each subject (a person, or a report: its narrative may name several children) has a keyset of its own. A value is bound
to its subject, field and version, so that no ciphertext can be moved to another record. Sealing happens in the unit of
work that writes the journal; opening writes an audit entry first: no entry, no data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tink
from pymongo.database import Database
from pymongo.errors import PyMongoError
from tink import aead

from shared import domain
from shared.access.actor import Actor
from shared.access.audit import Audit
from shared.journal.unit import Unit
from shared.mongo import Unavailable, is_unreachable
from shared.vault.keys import KeyEncryptionKey

KEYSETS = "keysets"
VALUES = "values"


class UndeclaredField(Exception):
    """The field is not in shared/domain/identifying.yaml for this kind of subject, so it cannot be sealed."""

    def __init__(self, kind: str, fields: Iterable[str]) -> None:
        super().__init__(f"not declared as identifying for a {kind}: {', '.join(sorted(fields))}")


class NotHeld(Exception):
    """Nothing can be opened for this subject: it was erased, was never sealed, or its values were tampered with."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"{subject}: nothing is held that can be opened")


class Vault:
    """The vault's database with the key-encryption key. Only intake and cases have a user that may reach it."""

    def __init__(self, database: Database, key: KeyEncryptionKey, audit: Audit) -> None:
        self.database = database
        self._key = key
        self._audit = audit

    def create(self, unit: Unit, subject: str, fields: Mapping[str, str] | None = None) -> None:
        """Begins a subject that is not there yet, with a keyset of its own, and seals its first fields."""
        wrapped, primitive = self._key.new_keyset(subject)
        _declared(subject, fields or {})
        unit.insert(
            self.database[KEYSETS],
            {"_id": subject, "key_id": self._key.id, "wrapped": wrapped},
        )
        unit.insert(
            self.database[VALUES],
            {
                "_id": subject,
                "fields": {name: _seal(primitive, subject, name, 1, value) for name, value in (fields or {}).items()},
            },
        )

    def seal(self, unit: Unit, subject: str, fields: Mapping[str, str]) -> None:
        """Seals fields of a subject that exists, each as its next version. Raises UndeclaredField, NotHeld."""
        _declared(subject, fields)
        keyset = unit.find_one(self.database[KEYSETS], {"_id": subject})
        held = unit.find_one(self.database[VALUES], {"_id": subject})
        if keyset is None or held is None:
            raise NotHeld(subject)
        primitive = self._unwrap(keyset)
        for name, value in fields.items():
            version = held["fields"].get(name, {}).get("version", 0) + 1
            unit.update(
                self.database[VALUES],
                {"_id": subject, f"fields.{name}.version": {"$not": {"$gte": version}}},
                {"$set": {f"fields.{name}": _seal(primitive, subject, name, version, value)}},
                must_match=True,
            )

    def open(self, actor: Actor, subject: str, fields: Iterable[str], purpose: str) -> dict[str, str]:
        """The named fields that are held, after the audit entry is safely written. Raises NotHeld, Unavailable.

        The caller has asked `may` already; `purpose` is a code, such as the page that shows the fields.
        """
        wanted = list(fields)
        _declared(subject, wanted)
        self._audit.record(actor, "identity.opened", subject, wanted, purpose, "allowed")
        try:
            keyset = self.database[KEYSETS].find_one({"_id": subject})
            held = self.database[VALUES].find_one({"_id": subject})
        except PyMongoError as error:
            if is_unreachable(error):
                raise Unavailable from None
            raise
        if keyset is None or held is None:
            raise NotHeld(subject)
        primitive = self._unwrap(keyset)
        return {
            name: _open(primitive, subject, name, held["fields"][name]) for name in wanted if name in held["fields"]
        }

    def erase(self, unit: Unit, subject: str) -> None:
        """Deletes the subject's keyset and values. Older copies of the values cannot be opened without the keyset.

        (An older copy of the wrapped keyset can: that ends when the key-encryption key is rotated.)
        """
        unit.delete(self.database[KEYSETS], {"_id": subject})
        unit.delete(self.database[VALUES], {"_id": subject})

    def _unwrap(self, keyset: Mapping[str, Any]) -> aead.Aead:
        if keyset["key_id"] != self._key.id:
            raise NotHeld(keyset["_id"])
        try:
            return self._key.unwrap(keyset["_id"], bytes(keyset["wrapped"]))
        except tink.TinkError:
            raise NotHeld(keyset["_id"]) from None


def _declared(subject: str, fields: Iterable[str]) -> None:
    kind = subject.partition("-")[0]
    undeclared = [name for name in fields if name not in domain.identifying_fields(kind)]
    if undeclared:
        raise UndeclaredField(kind, undeclared)


def _bound(subject: str, field: str, version: int) -> bytes:
    return f"{subject}|{field}|{version}".encode()


def _seal(primitive: aead.Aead, subject: str, field: str, version: int, value: str) -> dict[str, Any]:
    return {"version": version, "sealed": primitive.encrypt(value.encode(), _bound(subject, field, version))}


def _open(primitive: aead.Aead, subject: str, field: str, sealed: Mapping[str, Any]) -> str:
    try:
        text: bytes = primitive.decrypt(bytes(sealed["sealed"]), _bound(subject, field, sealed["version"]))
    except tink.TinkError:
        raise NotHeld(subject) from None
    return text.decode()
