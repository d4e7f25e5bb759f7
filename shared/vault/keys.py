"""The key-encryption key and the keysets that it wraps. All cryptography is Google Tink's.

A key-encryption key lies in a file that only its owner can read. Tink for Python has no keyset manager, so a key file
holds one key with an id of its own, and each wrapped keyset says which key wrapped it. Several of them are ring.py's.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import tink
from tink import aead, json_proto_keyset_format, proto_keyset_format, secret_key_access

from shared.vault.fresh import FreshKeyset, Seals


class KeyFileError(Exception):
    """The key file is missing, readable by others, or no key. The message names the file and what to do."""


@dataclass(frozen=True)
class KeyEncryptionKey:
    """Wraps the keysets of persons and reports. `id` is a fingerprint of the key, safe to store beside them."""

    id: str
    primitive: aead.Aead

    def new_keyset(self, subject: str) -> tuple[bytes, Seals]:
        """A fresh keyset for `subject`: wrapped for storing (bound to the subject), and ready to seal with."""
        fresh = FreshKeyset()
        return fresh.wrapped(self.primitive, subject.encode()), fresh

    def rewrap(self, subject: str, wrapped: bytes, before: KeyEncryptionKey) -> bytes:
        """A keyset of `subject` that another key wrapped, wrapped by this one. Raises tink.TinkError."""
        handle = proto_keyset_format.parse_encrypted(wrapped, before.primitive, subject.encode())
        rewrapped: bytes = proto_keyset_format.serialize_encrypted(handle, self.primitive, subject.encode())
        return rewrapped

    def unwrap(self, subject: str, wrapped: bytes) -> aead.Aead:
        """The stored keyset of `subject`, ready for use. Raises tink.TinkError if it is another's, or was changed."""
        handle = proto_keyset_format.parse_encrypted(wrapped, self.primitive, subject.encode())
        return handle.primitive(aead.Aead)


def create_key_file(path: Path) -> None:
    """Makes a new key-encryption key in a file that only its owner can read. Never overwrites one."""
    handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    write_secret_file(path, json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))


def load_key_file(path: Path) -> KeyEncryptionKey:
    """Reads a key-encryption key. Raises KeyFileError."""
    text = read_secret_file(path)
    try:
        handle = json_proto_keyset_format.parse(text, secret_key_access.TOKEN)
        primitive = handle.primitive(aead.Aead)
    except tink.TinkError:
        raise KeyFileError(f"{path}: holds no key of the right kind") from None
    return KeyEncryptionKey(hashlib.sha256(text.encode()).hexdigest()[:16], primitive)


def write_secret_file(path: Path, text: str) -> None:
    """Writes a new file that only its owner can read, down to the disk. Raises FileExistsError if there is one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read_secret_file(path: Path) -> str:
    """The text of a file that only its owner can read. Raises KeyFileError for one that others can, or none."""
    try:
        mode = path.stat().st_mode
        text = path.read_text()
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise KeyFileError(f"{path}: cannot be read (it is no text)") from None
    if mode & 0o077:
        raise KeyFileError(f"{path}: others can read it; run: chmod 600 {path}")
    return text
