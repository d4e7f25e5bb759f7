"""The ring of key-encryption keys: the present one wraps new keysets, older ones only open what they wrapped.

What a ring is stands in `Ring`. The keys lie in files (`KeyRing`) or in a server (transit.py). In files, the present
one has the name that the settings give; while a rotation goes on, older ones lie beside it under their ids. A process
sees a new or a destroyed key within a second, without a restart: it looks whether the files changed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import tink
from tink import aead

from shared import failpoints
from shared.vault.fresh import Seals
from shared.vault.keys import KeyEncryptionKey, create_key_file, load_key_file
from shared.vault.watched import Watched


class KeyMissing(Exception):
    """The key that wrapped this keyset is not there: it was destroyed, or these are another instance's keys."""


class UnderWay(Exception):
    """Another process rotates these keys now."""


@dataclass(frozen=True)
class Wrapped:
    """A keyset as it is stored: whose it is, which key wrapped it, and the wrapped bytes."""

    subject: str
    key_id: str
    wrapped: bytes


class Ring(Protocol):
    """What wraps keysets, wherever its keys are. Whatever needs a key may raise mongo.Unavailable."""

    @property
    def present_id(self) -> str:
        """The id of the key that wraps now. Ids are safe to store beside what their keys wrapped."""

    def sees(self, key_id: str) -> bool:
        """Whether this ring's present key is the one with this id, or one that came after it."""

    def check(self) -> None:
        """Raises when no key can be used now."""

    def new_keyset(self, subject: str) -> tuple[str, bytes, Seals]:
        """A fresh keyset for `subject`: the id of the key that wrapped it, wrapped for storing, ready to seal with."""

    def unwrap(self, key_id: str, subject: str, wrapped: bytes) -> aead.Aead:
        """A stored keyset of `subject`, ready for use. Raises KeyMissing, tink.TinkError."""

    def rewrap(self, keysets: Sequence[Wrapped]) -> list[Wrapped | None]:
        """The same keysets, wrapped by the present key; None for one that no key here opens."""

    def held(self) -> dict[str, datetime]:
        """The id of each key that is there, and since when."""

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else rotates these keys meanwhile, if that would do harm. Raises UnderWay, OSError."""

    def begin(self) -> str:
        """Puts a new key in the place of the present one, which goes on opening. Returns the new key's id."""

    def destroy(self, present: str, needed: Collection[str]) -> list[str]:
        """Destroys the keys before `present` that are not needed. Returns the ids of those that are left."""


def older_files(path: Path) -> list[Path]:
    """The files of older keys beside the present one's."""
    return sorted(path.parent.glob(f"{path.stem}-*{path.suffix}"))


def older_file(path: Path, key_id: str) -> Path:
    """Where the key with this id lies once it is not the present one any more."""
    return path.with_name(f"{path.stem}-{key_id}{path.suffix}")


class KeyRing:
    """The keys of one instance, from files. Threads of a process share it."""

    def __init__(self, path: Path) -> None:
        """Reads the keys. Raises KeyFileError."""
        self._path = path
        self._watched = Watched(self._look, self._read)

    @property
    def present(self) -> KeyEncryptionKey:
        """The key that wraps now."""
        present, _ = self._watched()
        return present

    @property
    def present_id(self) -> str:
        """As Ring."""
        return self.present.id

    def sees(self, key_id: str) -> bool:
        """As Ring: what lies beside the present key came before it."""
        return self._found(key_id) is not None

    def check(self) -> None:
        """As Ring. Raises KeyFileError."""
        load_key_file(self._path)

    def new_keyset(self, subject: str) -> tuple[str, bytes, Seals]:
        """A fresh keyset for `subject`: the id of the key that wrapped it, wrapped for storing, ready to seal with."""
        present = self.present
        return (present.id, *present.new_keyset(subject))

    def key(self, key_id: str) -> KeyEncryptionKey:
        """The key with this id. Raises KeyMissing."""
        found = self._found(key_id)
        if found is None:
            raise KeyMissing(key_id)
        return found

    def unwrap(self, key_id: str, subject: str, wrapped: bytes) -> aead.Aead:
        """A stored keyset of `subject`, ready for use. Raises KeyMissing, tink.TinkError."""
        return self.key(key_id).unwrap(subject, wrapped)

    def rewrap(self, keysets: Sequence[Wrapped]) -> list[Wrapped | None]:
        """As Ring."""
        return [self._rewrapped(keyset, self.present) for keyset in keysets]

    def held(self) -> dict[str, datetime]:
        """As Ring."""
        files = (*older_files(self._path), self._path)
        return {load_key_file(file).id: datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in files}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """As Ring: of two new keys in one place one would be lost."""
        with self._path.with_name(f"{self._path.name}.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UnderWay from None
            yield

    def begin(self) -> str:
        """As Ring. The caller is `alone`. Raises KeyFileError, OSError (the folder cannot be written)."""
        path = self._path
        kept = older_file(path, load_key_file(path).id)
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
        self._watched.now()
        return load_key_file(path).id

    def destroy(self, present: str, needed: Collection[str]) -> list[str]:
        """As Ring."""
        left = []
        for file in older_files(self._path):
            key_id = load_key_file(file).id
            if key_id != present and key_id in needed:
                left.append(key_id)
                continue
            file.unlink()
            failpoints.reach("keys.destroyed")
        _to_disk(self._path.parent)
        self._watched.now()
        return left

    def _rewrapped(self, keyset: Wrapped, present: KeyEncryptionKey) -> Wrapped | None:
        try:
            wrapped = present.rewrap(keyset.subject, keyset.wrapped, self.key(keyset.key_id))
        except (KeyMissing, tink.TinkError):
            return None
        return Wrapped(keyset.subject, present.id, wrapped)

    def _found(self, key_id: str) -> KeyEncryptionKey | None:
        """The key with this id; one that is not known may just have been put in place."""
        _, keys = self._watched()
        if key_id not in keys:
            _, keys = self._watched.now()
        return keys.get(key_id)

    def _look(self) -> tuple[int, ...]:
        file, folder = self._path.stat(), self._path.parent.stat()
        return file.st_ino, file.st_mtime_ns, folder.st_mtime_ns

    def _read(self) -> tuple[KeyEncryptionKey, dict[str, KeyEncryptionKey]]:
        present = load_key_file(self._path)
        keys = [load_key_file(path) for path in older_files(self._path)]
        return present, {key.id: key for key in (*keys, present)}


def _to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
