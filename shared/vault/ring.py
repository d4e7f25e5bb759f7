"""The ring of key-encryption keys: the present one wraps new keysets, older ones only open what they wrapped.

The present key lies in the file that the settings name; while a rotation goes on, older ones lie beside it under their
ids. A process sees a new or a destroyed key at its next use, without a restart: it looks whether the files changed.
"""

from __future__ import annotations

import threading
from pathlib import Path

from tink import aead

from shared.vault.keys import KeyEncryptionKey, KeyFileError, load_key_file


class KeyMissing(Exception):
    """The key that wrapped this keyset is not there: it was destroyed, or these are another instance's keys."""


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
        self._lock = threading.Lock()
        self._seen = self._look()
        self._present, self._keys = self._read()

    @property
    def present(self) -> KeyEncryptionKey:
        """The key that wraps now."""
        self._refresh()
        return self._present

    def new_keyset(self, subject: str) -> tuple[str, bytes, aead.Aead]:
        """A fresh keyset for `subject`: the id of the key that wrapped it, wrapped for storing, and ready for use."""
        present = self.present
        return (present.id, *present.new_keyset(subject))

    def key(self, key_id: str) -> KeyEncryptionKey:
        """The key with this id. Raises KeyMissing."""
        self._refresh()
        found = self._keys.get(key_id)
        if found is None:
            raise KeyMissing(key_id)
        return found

    def unwrap(self, key_id: str, subject: str, wrapped: bytes) -> aead.Aead:
        """A stored keyset of `subject`, ready for use. Raises KeyMissing, tink.TinkError."""
        return self.key(key_id).unwrap(subject, wrapped)

    def _refresh(self) -> None:
        if self._look() == self._seen:
            return
        with self._lock:
            seen = self._look()
            try:
                self._present, self._keys = self._read()
            except KeyFileError:
                return  # between two steps of whoever changes the files: what is known stays good
            self._seen = seen

    def _look(self) -> tuple[int, ...]:
        """What changes when a file is put in place or taken away."""
        try:
            file, folder = self._path.stat(), self._path.parent.stat()
        except OSError:
            return ()
        return file.st_ino, file.st_mtime_ns, folder.st_mtime_ns

    def _read(self) -> tuple[KeyEncryptionKey, dict[str, KeyEncryptionKey]]:
        present = load_key_file(self._path)
        keys = [load_key_file(path) for path in older_files(self._path)]
        return present, {key.id: key for key in (*keys, present)}
