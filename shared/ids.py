"""Ids for machines and numbers for people.

Ids are random behind the time of their making (UUIDv7, RFC 9562): what is made together lies together in the indexes,
so that adding does not slow down as they grow. A number is random, with a check character: a counter would be a hot
spot, and would tell how many there are. Numbers use Crockford's alphabet (no I, L, O, U), so that they can be read
aloud over a bad line.
"""

from __future__ import annotations

import itertools
import os
import time
import uuid

from stdnum.iso7064 import mod_37_36

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NUMBER_LENGTH = 10
_MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0", "U": "V"})
_RANDOM_BYTES, _AT_ONCE = 16, 256
_fresh: list[bytes] = []
os.register_at_fork(after_in_child=_fresh.clear)


def random_bits(number: int) -> int:
    """So many random bits of the operating system, 128 at most.

    They are fetched a few kilobytes at a time: at each asking a thread lets the others of its process go first.
    """
    try:
        drawn = _fresh.pop()  # no two threads get the same
    except IndexError:
        fetched = os.urandom(_RANDOM_BYTES * _AT_ONCE)
        _fresh.extend(fetched[at : at + _RANDOM_BYTES] for at in range(_RANDOM_BYTES, len(fetched), _RANDOM_BYTES))
        drawn = fetched[:_RANDOM_BYTES]
    return int.from_bytes(drawn, "big") >> (8 * _RANDOM_BYTES - number)


def new_uuid() -> uuid.UUID:
    """A fresh UUIDv7: 48 bits of milliseconds since 1970, then 74 random ones."""
    milliseconds = time.time_ns() // 1_000_000
    random = random_bits(74)
    high = milliseconds << 16 | 0x7000 | (random >> 62)
    low = 0b10 << 62 | (random & (1 << 62) - 1)
    return uuid.UUID(int=high << 64 | low)


def new_id(kind: str) -> str:
    """A fresh id such as `report-5f0c...`: the kind, a hyphen, 32 hexadecimal digits."""
    return f"{kind}-{new_uuid().hex}"


def derived_id(kind: str, *parts: str) -> str:
    """The id that the same parts always give, so that a repeated effect finds its own earlier result."""
    return f"{kind}-{uuid.uuid5(uuid.NAMESPACE_URL, '/'.join((kind, *parts))).hex}"


def new_number(letter: str) -> str:
    """A fresh number for people, `L-7K3M9-Q2X4T-5`: a letter for what it numbers, ten characters, a check character."""
    while True:
        number = _written(letter, _body(random_bits(5 * NUMBER_LENGTH)))
        if number:
            return number


def derived_number(letter: str, identifier: str) -> str:
    """The number that belongs to a derived id: random to a reader, the same at every repetition."""
    for attempt in itertools.count():
        value = uuid.uuid5(uuid.NAMESPACE_URL, f"{letter}/{identifier}/{attempt}").int
        number = _written(letter, _body(value))
        if number:
            return number
    raise AssertionError("unreachable")


def read_number(letter: str, text: str) -> str | None:
    """What a person typed, as a proper number; None if the check character or the form is wrong.

    Spaces, hyphens and case do not matter, nor does the letter in front; I, L, O, U are read as 1, 1, 0, V.
    """
    characters = "".join(text.upper().split()).replace("-", "")
    if len(characters) == NUMBER_LENGTH + 2 and characters[0] == letter:
        characters = characters[1:]
    characters = characters.translate(_MISREAD)
    if len(characters) != NUMBER_LENGTH + 1 or any(character not in ALPHABET for character in characters):
        return None
    number = _written(letter, characters[:-1])
    return number if number and number.endswith(characters[-1]) else None


def _body(value: int) -> str:
    """The lowest bits of a random value as characters, five bits each."""
    return "".join(ALPHABET[(value >> (5 * place)) % len(ALPHABET)] for place in range(NUMBER_LENGTH))


def _written(letter: str, body: str) -> str | None:
    """The number as it is written; None where the check character would be one that is easily misread."""
    check: str = mod_37_36.calc_check_digit(body)
    return f"{letter}-{body[:5]}-{body[5:]}-{check}" if check in ALPHABET else None
