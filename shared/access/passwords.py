"""Passwords of local accounts: argon2id hashes and the little that is asked of a new password.

It does not count wrong attempts (services/directory/throttle.py) and knows no account.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: Characters. More than the 8 that ASVS 5 demands (6.2.1); a passphrase reaches it easily. No rules of composition.
MINIMUM_LENGTH = 12
#: Characters. Long enough for any passphrase, short enough that hashing stays cheap.
MAXIMUM_LENGTH = 128

_KNOWN_BAD_FILE = Path(__file__).with_name("known_bad_passwords.txt")
_hasher = PasswordHasher()  # argon2id with the parameters of RFC 9106 for little memory
# The hash of 32 random bytes that nobody kept. A test says when its parameters are no longer those of the others.
_NOBODYS = (
    "$argon2id$v=19$m=65536,t=3,p=4$"
    "uVv4gpsTchGh/jdiC8xydA$DJtg3RJso7cpr0v2SirKO5GMI76A2wdo9364WW0lDHc"  # pragma: allowlist secret
)


def objection(password: str, *about_the_person: str) -> str | None:
    """Why a new password is refused: `too_short`, `too_long`, `known_bad`, or None when it is good.

    `about_the_person` are words that must not be the password, such as the e-mail address.
    """
    if len(password) < MINIMUM_LENGTH:
        return "too_short"
    if len(password) > MAXIMUM_LENGTH:
        return "too_long"
    folded = _fold(password)
    if len(set(folded)) < 4 or folded in _known_bad() or folded in {_fold(word) for word in about_the_person}:
        return "known_bad"
    return None


def hash_password(password: str) -> str:
    """The argon2id hash to store, with its salt and parameters in it. Takes about a tenth of a second."""
    return _hasher.hash(password)


def verify(password_hash: str | None, password: str) -> bool:
    """Whether `password` is the one. With None, an account that does not exist, it does the same work and says no."""
    # Hashing a text of a megabyte is work that a stranger could order: no password is that long.
    candidate = password[: MAXIMUM_LENGTH + 1]
    try:
        matches = _hasher.verify(password_hash or _NOBODYS, candidate)
    except (VerificationError, InvalidHashError):
        return False
    return matches and password_hash is not None


def _fold(word: str) -> str:
    return "".join(word.casefold().split())


@cache
def _known_bad() -> frozenset[str]:
    lines = _KNOWN_BAD_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(_fold(line) for line in lines if line and not line.startswith("#"))
