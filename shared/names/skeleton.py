"""From a name to its phonetic skeletons, by rules.yaml: what two spellings of one name have in common.

It judges nobody's likeness; ranking does.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from shared.domain.data import read

_JOINED = re.compile(r"['`\u2018\u2019\u02bc\u02bb]")  # Ma'ruf is one token
_WORD = re.compile(r"[a-z]+")
_TWICE = re.compile(r"(.)\1+")


@cache
def _rules() -> Any:
    rules = read(Path(__file__).parent / "rules.yaml")
    whole = {short: long for long, shorts in rules["whole"].items() for short in shorts}
    return {**rules, "dropped": frozenset(rules["dropped"]), "whole": whole}


def tokens(name: str) -> list[str]:
    """The words of a name that tell people apart: small letters, no titles, short forms written out, initials kept.

    A name of titles alone keeps them, for it is all that is known.
    """
    plain = unicodedata.normalize("NFKD", _JOINED.sub("", name)).casefold()
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words = _WORD.findall(plain)
    telling = [word for word in words if word not in _rules()["dropped"]] or words
    return [_rules()["whole"].get(word, word) for word in telling]


def skeletons(name: str) -> list[str]:
    """The skeleton of each token, in the order of the name, each once; initials (one letter) have none."""
    found = (skeleton(token) for token in tokens(name) if len(token) > 1)
    return list(dict.fromkeys(found))


@lru_cache(maxsize=20_000)
def skeleton(token: str) -> str:
    """One token's skeleton: respelled, silent ends and doubled letters gone, vowels only where the token begins.

    The first vowel is kept as `a` whichever it is. A skeleton of a skeleton is itself.
    """
    while (shorter := _step(token)) != token:  # taking letters out can bring others together
        token = shorter
    return token


def _step(token: str) -> str:
    rules = _rules()
    for old, new in rules["letters"]:
        token = token.replace(old, new)
    while len(token) > 1 and token[-1] in rules["silent_at_end"]:
        token = token[:-1]
    vowels = rules["vowels"]
    first = "a" if token[0] in vowels else token[0]
    return _TWICE.sub(r"\1", first + "".join(letter for letter in token[1:] if letter not in vowels))
