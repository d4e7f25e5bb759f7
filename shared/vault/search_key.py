"""The key of the hashes by which a sealed name is found: a file beside the key-encryption key, with its own rotation.

It is no key of the vault's values: who has it can test whether a name is held, and open nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from shared.names import SearchKey
from shared.vault.keys import KeyFileError, read_secret_file, write_secret_file

SECRET_BYTES = 32
HASHED_BY = b"blake2b, single names with an age"
"""How and what is hashed. Another one makes every hash one of another key: `rujukan search reindex` makes it anew."""


def create_search_key_file(path: Path) -> None:
    """Makes a new search key in a file that only its owner can read. Never overwrites one."""
    write_secret_file(path, secrets.token_hex(SECRET_BYTES))


def load_search_key_file(path: Path) -> SearchKey:
    """Reads a search key. Its id is a fingerprint, also of how is hashed with it, safe to store beside the hashes.

    Raises KeyFileError.
    """
    try:
        secret = bytes.fromhex(read_secret_file(path))
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise KeyFileError(f"{path}: holds no key of the right kind")
    return SearchKey(hashlib.sha256(HASHED_BY + secret).hexdigest()[:16], secret)
