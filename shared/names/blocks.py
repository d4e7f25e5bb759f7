"""Keyed hashes of compound blocks: by them a child is found among the sealed without a name in the open.

Keyed BLAKE2b (RFC 7693) takes a quarter of HMAC's time, and one is made for every block of every child.

Every block joins two facts: two skeletons; a skeleton with a kecamatan and an age band; a skeleton with a guardian's
skeleton; of a single name, its skeleton with an age in years. One fact alone (a skeleton, a bigram) is never hashed:
its frequency would tell the name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

from shared.names.skeleton import skeletons

#: Bytes of a hash that are kept. 16 (128 bits) make a chance meeting among 10^9 blocks less likely than 10^-20,
#: at half the room in the index; the hash is keyed, so its length is no measure of secrecy.
HASH_BYTES = 16
BAND_YEARS = 3
OLDEST = 20
UNKNOWN = "?"


class OneMoreFact(Exception):
    """What was given makes no compound block: ask for another part of the name, the age, the place or the guardian."""


@dataclass(frozen=True)
class SearchKey:
    """The key of the hashes; not the key-encryption key. `id` may stand beside what was hashed, `secret` nowhere."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Person:
    """What a search compares: `age_years` whole years, `kecamatan` a code; whatever is unknown is None."""

    name: str
    age_years: int | None = None
    kecamatan: str | None = None
    guardian_name: str | None = None


def blocks_to_keep(person: Person, key: SearchKey) -> list[bytes]:
    """The hashes to keep beside the person's sealed values, in no telling order; empty if no block can be made."""
    return _hashed(_kept(person), key)


def blocks_to_find(person: Person, key: SearchKey) -> list[bytes]:
    """The hashes by which such a person may have been kept, also with an age a year off. Raises OneMoreFact."""
    # Where the place is known too, the age is asked with it alone: single names would be put before the longer ones of
    # which only a part was told.
    ages = [] if person.kecamatan else _ages_near(person.age_years)
    found = _hashed(_plain(person, _bands_near(person.age_years), ages), key)
    if not found:
        raise OneMoreFact
    return found


def _kept(person: Person) -> set[str]:
    return _plain(person, [_band(person.age_years)], [] if person.age_years is None else [person.age_years])


def _plain(person: Person, bands: Iterable[str], ages: Iterable[int]) -> set[str]:
    names = skeletons(person.name)
    # Of a name of three or more parts, one mistake leaves two parts whole. Of a shorter one, a part may be the wrong
    # one, so each part also stands without any one of its letters: two spellings one letter apart then meet.
    forms = {name: _forms(name) if len(names) < 3 else {name} for name in names}
    made: set[str] = set()
    for one, other in combinations(names, 2):
        made |= {_pair(form, other) for form in forms[one]} | {_pair(one, form) for form in forms[other]}
    if person.kecamatan:
        made |= {f"p|{form}|{person.kecamatan}|{band}" for name in names for form in forms[name] for band in bands}
    if len(names) == 1:
        # The year itself, asked with the years beside it: a band of three would be shared by three times as many.
        made |= {f"a|{form}|{age}" for name in names for form in _forms(name) for age in ages}
    if person.guardian_name:
        guardians = skeletons(person.guardian_name)
        made |= {f"g|{form}|{guardian}" for name in names for form in forms[name] for guardian in guardians}
    return made


def _pair(one: str, other: str) -> str:
    return f"n|{min(one, other)}|{max(one, other)}"


def _forms(name: str) -> set[str]:
    if len(name) < 3:
        return {name}
    return {name} | {name[:at] + name[at + 1 :] for at in range(len(name))}


def _band(age: int | None) -> str:
    return UNKNOWN if age is None else str(min(age, OLDEST) // BAND_YEARS)


def _ages_near(age: int | None) -> list[int]:
    return [] if age is None else [near for near in (age - 1, age, age + 1) if near >= 0]


def _bands_near(age: int | None) -> list[str]:
    ages = range(OLDEST + 1) if age is None else range(max(age - 1, 0), age + 2)
    return sorted({UNKNOWN} | {_band(near) for near in ages})


def _hashed(plain: Iterable[str], key: SearchKey) -> list[bytes]:
    begun, found = hashlib.blake2b(key=key.secret, digest_size=HASH_BYTES), []
    for text in plain:
        each = begun.copy()  # a third less time than beginning with the key again
        each.update(text.encode())
        found.append(each.digest())
    return sorted(found)
