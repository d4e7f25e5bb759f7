"""The key of the hashes by which a sealed name is found: a file beside the key-encryption key, with its own rotation.

It is no key of the vault's values: who has it can test whether a name is held, and open nothing.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from shared.names import SearchKey
from shared.vault.keys import KeyFileError

SECRET_BYTES = 32


def create_search_key_file(path: Path) -> None:
    """Makes a new search key in a file that only its owner can read. Never overwrites one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())


def load_search_key_file(path: Path) -> SearchKey:
    """Reads a search key. Its id is a fingerprint, safe to store beside the hashes. Raises KeyFileError."""
    try:
        mode = path.stat().st_mode
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        raise KeyFileError(f"{path}: cannot be read") from None
    if mode & 0o077:
        raise KeyFileError(f"{path}: others can read it; run: chmod 600 {path}")
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise KeyFileError(f"{path}: holds no key of the right kind")
    return SearchKey(hashlib.sha256(secret).hexdigest()[:16], secret)
