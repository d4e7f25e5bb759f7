"""Makes invented reports, each the body of a `POST /api/v1/reports`. It sends nothing (loader.py does).

Everybody's family name is "Contoh" (example), phones begin with 0800-0000 and the serial of every NIK is 0000, which is
never given out. The same seed, index and last day always give the same report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from shared.domain import kelurahans
from shared.domain.working_time import is_working_day, wib_date

SEED = 20260101
DAYS = 730
_FOLDER = Path(__file__).parent
#: Weight of each month (January first): more is seen in the school holidays and before Lebaran.
_MONTHS = (8, 8, 10, 9, 8, 12, 13, 9, 8, 8, 8, 11)


def generate(seed: int = SEED, count: int = 360, today: date | None = None) -> Iterator[dict[str, Any]]:
    """`count` reports over the two years that end with `today` (WIB; the present day if not given).

    Report number n is the same whatever the count is.
    """
    last_day = today or wib_date(datetime.now(UTC))
    for index in range(count):
        yield _report(Random(f"{seed}/{index}"), last_day)  # noqa: S311  (repeatable, not secret)


def _report(random: Random, last_day: date) -> dict[str, Any]:
    channel, reporting = _weighted(random, _profiles()["channels"])
    profile = random.choices(_profiles()["profiles"], [entry["share"] for entry in _profiles()["profiles"]])[0]
    received_on = _day(random, last_day)
    places = kelurahans(_weighted_key(random, profile["kecamatan"]) if "kecamatan" in profile else None)
    place = random.choice(list(places.values()))
    workplace = _workplace(random, profile, place.name)
    children = [
        _child(random, profile, received_on, place.name) for _ in range(random.choices((1, 2, 3, 4), (78, 14, 6, 2))[0])
    ]
    work = _work(random, profile, reporting["knows"])
    report = {
        "channel": channel,
        "received_on": received_on.isoformat(),
        "kelurahan": place.code,
        "demonstration": True,
        "reporter": _reporter(random, reporting["anonymous"]),
        "work_type": profile["work_type"],
        "work": work,
        "children": children,
        "narrative": _narrative(random, profile, work, children, workplace),
    }
    if workplace and random.random() < 0.9:
        report["workplace"] = workplace
    return report


def _day(random: Random, last_day: date) -> date:
    """A day of the two years: more of late than at first, mostly working days, by the weight of its month."""
    while True:
        ago = random.triangular(0, DAYS, 0) if random.random() < 0.35 else random.uniform(0, DAYS)
        day = last_day - timedelta(days=int(ago))
        chance = _MONTHS[day.month - 1] / max(_MONTHS) * (1 if is_working_day(day) else 0.12)
        if random.random() < chance:
            return day


def _work(random: Random, profile: Mapping[str, Any], knows: float) -> dict[str, Any]:
    """The facts of the work; what the reporter does not know is left out."""
    per_day = random.randint(*(2 * hours for hours in profile["hours_per_day"])) / 2
    per_week = per_day * random.randint(*profile["days_per_week"])
    true = {**_profiles()["other_facts"], **profile.get("facts", {})}
    facts: dict[str, Any] = {name: random.random() < chance for name, chance in true.items()}
    if facts["night_work"]:
        facts["daytime"] = False
    for name in ("hazards", "worst_forms"):
        facts[name] = [code for code, chance in profile.get(name, {}).items() if random.random() < chance]
    if profile.get("chores"):
        facts["chores_hours_per_week"] = _plain(per_week)
    else:
        facts |= {"hours_per_day": _plain(per_day), "hours_per_week": _plain(per_week)}
    known = {name: value for name, value in facts.items() if random.random() < knows}
    for name in ("economic", "chores_only", "hazards", "worst_forms"):  # what is seen is said, also by a stranger
        if facts[name]:
            known[name] = facts[name]
    return known


def _child(random: Random, profile: Mapping[str, Any], received_on: date, place: str) -> dict[str, Any]:
    """A child; some are unknown, and of some nobody knows the age."""
    words = _words()
    youngest, oldest, likely = profile["ages"]
    age = round(random.triangular(youngest, oldest, likely))
    sex = random.choice(("female", "male"))
    attendance = random.choices(("attending", "dropped_out", "never", "unknown"), _attendance(age))[0]
    age_known = random.random() < 0.87
    child: dict[str, Any] = {
        "sex": sex if random.random() < 0.97 else "unknown",
        "age_years": age if age_known else None,
        "school_attendance": attendance,
    }
    if random.random() < 0.15:  # seen, not known
        return child
    child["name"] = _name(random, sex)
    if random.random() < 0.25:
        child["alias"] = child["name"].split()[0][:3].title()
    if age_known and random.random() < 0.3:
        child["nik"] = _nik(random, sex, received_on, age)
    if random.random() < 0.6:
        child["guardian_name"] = _name(random, random.choice(("female", "male")))
        if random.random() < 0.6:
            child["guardian_phone"] = _phone(random)
    if random.random() < 0.6:
        child["address"] = _address(random, place)
    if attendance == "attending" and random.random() < 0.7:
        level = "primary" if age < 13 else "lower" if age < 16 else "upper"
        child["school"] = random.choice(words["schools"][level]).format(number=random.randint(1, 12))
    return child


def _attendance(age: int) -> Sequence[int]:
    """Weights of attending, dropped out, never, unknown."""
    return (72, 12, 4, 12) if age < 13 else (52, 32, 2, 14) if age < 16 else (33, 50, 2, 15)


def _reporter(random: Random, anonymous: float) -> dict[str, Any]:
    if random.random() < anonymous:
        return {"anonymous": True}
    reporter: dict[str, Any] = {"anonymous": False, "name": _name(random, random.choice(("female", "male")))}
    if random.random() < 0.75:
        reporter["phone"] = _phone(random)
    return reporter


def _workplace(random: Random, profile: Mapping[str, Any], place: str) -> dict[str, str] | None:
    if "workplaces" not in profile:
        return None
    name = random.choice(profile["workplaces"]).format(word=random.choice(_words()["streets"]))
    return {"name": name, "address": _address(random, place)}


def _narrative(
    random: Random,
    profile: Mapping[str, Any],
    work: Mapping[str, Any],
    children: Sequence[Mapping[str, Any]],
    workplace: Mapping[str, str] | None,
) -> str:
    names = [child["name"] for child in children if "name" in child]
    listed = " dan ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    who = listed if len(names) == len(children) else f"{len(children)} anak"
    hours = work.get("hours_per_day")
    schooling = {child["school_attendance"] for child in children}
    text = profile["narrative"].format(
        children=who,
        task=random.choice(profile["tasks"]),
        place=workplace["name"] if workplace else "",
        hours=f"sekitar {hours:g} jam sehari".replace(".", ",") if hours else "jam kerjanya belum diketahui",
        school="Sudah putus sekolah." if schooling == {"dropped_out"} else "Perlu dicek ke sekolah.",
    )
    return f"[DATA CONTOH] {text}"


def _plain(hours: float) -> float:
    """3 rather than 3.0, as people write it."""
    return int(hours) if hours == int(hours) else hours


def _name(random: Random, sex: str) -> str:
    words = _words()
    names = [random.choice(words["given_names"][sex])]
    if random.random() < 0.6:
        names.append(random.choice(words["second_names"][sex]))
    return " ".join([*names, words["marker"]])


def _phone(random: Random) -> str:
    return f"0800-0000-{random.randint(0, 9999):04d}"


def _address(random: Random, place: str) -> str:
    street, number = random.choice(_words()["streets"]), random.randint(1, 120)
    return f"Jl. Contoh {street} No. {number}, RT {random.randint(1, 9):02d} RW {random.randint(1, 12):02d}, {place}"


def _nik(random: Random, sex: str, received_on: date, age: int) -> str:
    """A number in the form of a NIK that fits age and sex; its serial 0000 belongs to nobody."""
    born = received_on - timedelta(days=int(age * 365.25) + random.randint(5, 355))
    day = born.day + (40 if sex == "female" else 0)
    return f"33750{random.randint(1, 4)}{day:02d}{born:%m%y}0000"


def _weighted(random: Random, entries: Mapping[str, Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
    return random.choices(list(entries.items()), [entry["share"] for entry in entries.values()])[0]


def _weighted_key(random: Random, weights: Mapping[str, int]) -> str:
    return random.choices(list(weights), list(weights.values()))[0]


@cache
def _words() -> Any:
    return yaml.safe_load((_FOLDER / "words.yaml").read_text(encoding="utf-8"))


@cache
def _profiles() -> Any:
    return yaml.safe_load((_FOLDER / "profiles.yaml").read_text(encoding="utf-8"))
