"""A seeded city of named persons, and questions about them that carry one error each, with the right answer.

Names follow Javanese, Sundanese, Arabic-derived, Chinese-Indonesian and single-name patterns; nobody is real.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import product

from shared.names import Person

JAVANESE = [a + b for a, b in product(
    ["su", "har", "wi", "bam", "joko", "slamet", "tri", "sri", "en", "mul", "pur", "hen", "dwi", "eko", "yudi"],
    ["santo", "tono", "yanto", "darto", "wati", "lestari", "ningsih", "wibowo", "handoko", "saputra", "prasetyo"],
)]  # fmt: skip
SUNDANESE = [a + b for a, b in product(
    ["asep", "dadang", "cecep", "ujang", "euis", "iis", "ade", "tatang", "yayat", "neneng", "dede", "lilis"],
    ["", "suryana", "hidayat", "kurnia", "mulyadi", "rukmana", "komara", "sopandi"],
)]  # fmt: skip
ARABIC = [
    "muhammad", "ahmad", "yusuf", "khoirul", "khusnul", "zaenal", "siti", "nur", "fitri", "abdul", "rahman", "rahmat",
    "hidayatullah", "fadilah", "aisyah", "fatimah", "khadijah", "ibrahim", "ismail", "syarif", "ridwan", "fauzi",
    "zulkifli", "maulana", "ramadhan", "rizki", "anwar", "arifin", "hasan", "husein", "latifah", "maryam", "zahra",
]  # fmt: skip
CHINESE = ["lim", "tan", "wijaya", "halim", "salim", "gunawan", "hartono", "kusuma", "susanto", "setiawan", "cokro"]
GIVEN = ["kevin", "steven", "jessica", "michelle", "felicia", "andreas", "daniel", "yohanes", "maria", "kristian"]
VARIANTS = [
    ("joko", "djoko"), ("cokro", "tjokro"), ("yusuf", "jusuf"), ("ahmad", "achmad"), ("muhammad", "mochamad"),
    ("khusnul", "chusnul"), ("khoirul", "choirul"), ("wijaya", "widjaja"), ("zaenal", "jaenal"), ("fitri", "pitri"),
    ("su", "soe"), ("sya", "sja"), ("muhammad", "moh"), ("nur", "noer"), ("y", "j"), ("f", "p"), ("z", "j"),
]  # fmt: skip
KECAMATAN = [f"32.75.{number:02}" for number in range(1, 13)]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def people(count: int, seed: int = 5) -> dict[str, Person]:
    """`count` persons by id. One in eight has a single name, one in ten no known age, half a known guardian."""
    chance = random.Random(seed)
    return {f"person-{number:06}": _person(chance) for number in range(count)}


def questions(persons: dict[str, Person], count: int, seed: int = 6) -> list[tuple[str, Person, str]]:
    """(kind of error, what is asked, id of the right answer): name with one error, age give or take one, kecamatan."""
    chance = random.Random(seed)
    ids, found = sorted(persons), []
    while len(found) < count:
        right = chance.choice(ids)
        kind = chance.choice(list(ERRORS))
        wrong = ERRORS[kind](persons[right].name, chance)
        if wrong is None or wrong == persons[right].name:
            continue
        age = persons[right].age_years
        told = None if age is None else max(age + chance.choice([-1, 0, 0, 1]), 0)
        found.append((kind, Person(wrong, told, persons[right].kecamatan), right))
    return found


def _person(chance: random.Random) -> Person:
    return Person(
        name=_name(chance),
        age_years=None if chance.random() < 0.1 else chance.randint(5, 17),
        kecamatan=chance.choice(KECAMATAN),
        guardian_name=_name(chance) if chance.random() < 0.5 else None,
    )


def _name(chance: random.Random) -> str:
    kind = chance.randrange(8)
    if kind == 0:
        parts = [chance.choice(JAVANESE + SUNDANESE)]
    elif kind <= 3:
        parts = chance.sample(JAVANESE, 2)
    elif kind == 4:
        parts = chance.sample(SUNDANESE, 2)
    elif kind <= 6:
        parts = [*chance.sample(ARABIC, chance.choice([1, 2])), chance.choice(JAVANESE + ARABIC)]
    else:
        parts = [chance.choice(GIVEN), *chance.sample(CHINESE, chance.choice([1, 2]))]
    return " ".join(parts).title()


def _insert(name: str, chance: random.Random) -> str:
    at = chance.randrange(len(name) + 1)
    return name[:at] + chance.choice(LETTERS) + name[at:]


def _delete(name: str, chance: random.Random) -> str:
    at = chance.choice([at for at, letter in enumerate(name) if letter != " "])
    return name[:at] + name[at + 1 :]


def _substitute(name: str, chance: random.Random) -> str:
    at = chance.choice([at for at, letter in enumerate(name) if letter != " "])
    return name[:at] + chance.choice(LETTERS) + name[at + 1 :]


def _transpose(name: str, chance: random.Random) -> str | None:
    places = [at for at in range(len(name) - 1) if " " not in name[at : at + 2]]
    at = chance.choice(places)
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def _variant(name: str, chance: random.Random) -> str | None:
    fitting = [pair for pair in VARIANTS if pair[0] in name.lower()]
    return name.lower().replace(*chance.choice(fitting), 1).title() if fitting else None


def _swapped(name: str, chance: random.Random) -> str | None:
    parts = name.split()
    chance.shuffle(parts)
    return " ".join(parts)


def _initial(name: str, chance: random.Random) -> str | None:
    parts = name.split()
    if len(parts) < 2:
        return None
    at = chance.randrange(len(parts))
    parts[at] = f"{parts[at][0]}."
    return " ".join(parts)


def _left_out(name: str, chance: random.Random) -> str | None:
    parts = name.split()
    if len(parts) < 2:
        return None
    parts.pop(chance.randrange(len(parts)))
    return " ".join(parts)


ERRORS: dict[str, Callable[[str, random.Random], str | None]] = {
    "insert": _insert, "delete": _delete, "substitute": _substitute, "transpose": _transpose, "variant": _variant,
    "swapped": _swapped, "initial": _initial, "left out": _left_out,
}  # fmt: skip
