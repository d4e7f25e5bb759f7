"""Passwords of local accounts: argon2id hashes and the little that is asked of a new password.

It does not count wrong attempts (services/directory/throttle.py) and knows no account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared import domain

#: Characters. More than the 8 that ASVS 5 demands (6.2.1); a passphrase reaches it easily. No rules of composition.
MINIMUM_LENGTH = 12
#: Characters. Long enough for any passphrase, short enough that hashing stays cheap.
MAXIMUM_LENGTH = 128
#: Guesses, as a power of ten, that one needs who knows whose password it is and what is usual here. From 10 on zxcvbn
#: gives its highest score (docs/decisions/0019).
LEAST_GUESSES = 10

_EASY_WORDS_FILE = Path(__file__).with_name("easy_words.txt")
_SEPARATORS = re.compile(r"[\s._-]")
_WORD = re.compile(r"[^\W_]{3,}")
_hasher = PasswordHasher()  # argon2id with the parameters of RFC 9106 for little memory
# The hash of 32 random bytes that nobody kept. A test says when its parameters are no longer those of the others.
_NOBODYS = (
    "$argon2id$v=19$m=65536,t=3,p=4$"
    "uVv4gpsTchGh/jdiC8xydA$DJtg3RJso7cpr0v2SirKO5GMI76A2wdo9364WW0lDHc"  # pragma: allowlist secret
)


def objection(password: str, *about_the_person: str) -> str | None:
    """Why a new password is refused: `too_short`, `too_long`, `easy_to_guess`, or None when it is good.

    `about_the_person` are texts that one who guesses would begin with, such as the e-mail address and the name.
    """
    if len(password) < MINIMUM_LENGTH:
        return "too_short"
    if len(password) > MAXIMUM_LENGTH:
        return "too_long"
    # Loaded only where a password is set: its lists of words take some 8 MB.
    from zxcvbn_rs_py import zxcvbn

    known = [*_parts(about_the_person), *_easy_words()]
    # What separates the parts of a word hides it from the estimate, not from one who guesses.
    as_guessed = {password, _fold(password)}
    return "easy_to_guess" if any(zxcvbn(each, known).guesses_log10 < LEAST_GUESSES for each in as_guessed) else None


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


def _fold(text: str) -> str:
    return _SEPARATORS.sub("", text.casefold())


def _parts(texts: Iterable[str]) -> Iterator[str]:
    """Each text whole and without separators, and its words."""
    for text in texts:
        yield from dict.fromkeys([text.casefold(), _fold(text), *_WORD.findall(text.casefold())])


@cache
def _easy_words() -> tuple[str, ...]:
    lines = _EASY_WORDS_FILE.read_text(encoding="utf-8").splitlines()
    places = [domain.city().name, *(place.name for place in domain.kecamatans().values())]
    places += [place.name for place in domain.kelurahans().values()]
    return (*_parts(places), *(line for line in lines if line and not line.startswith("#")))
