"""Generations of a service's read models: one is live, the next may be built beside it, then takes its place at once.

A generation is everything that is made from the log: models, positions, versions, parked events. The first has the
plain names of its collections, a later one has its number behind them. One document names the live one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pymongo.collection import Collection
from pymongo.database import Database

from shared.foundation import Foundation
from shared.journal import Journal, Unit
from shared.journal.journal import COMMANDS, META
from shared.journal.unit import JOURNAL
from shared.mongo import CachedDatabase, reachable
from shared.worker import parking, positions
from shared.worker.positions import PositionLost

STATE = "generations"
DROPPED = "dropped"
OF_THE_WORKER = (positions.POSITIONS, positions.VERSIONS, parking.PARKED, parking.QUEUES)
Answer = TypeVar("Answer")


class View(CachedDatabase):
    """The service's database as a later generation sees it. It has no journal: making it can tell nobody anything."""

    def __init__(self, database: Database, number: int) -> None:
        super().__init__(
            database.client,
            database.name,
            database.codec_options,
            database.read_preference,
            database.write_concern,
            database.read_concern,
        )
        self.generation = number

    def __getitem__(self, name: str) -> Collection:
        if name in (JOURNAL, COMMANDS):
            raise RuntimeError("read models that are built beside the live ones append no events")
        shared = name in (STATE, DROPPED, META) or name.startswith("$")
        return super().__getitem__(name if shared else f"{name}.{self.generation}")


def state(database: Database) -> dict[str, Any]:
    """`live`, `building` and `removing`: numbers of generations, the last two None where there is none."""
    with reachable():
        return _filled(database[STATE].find_one({"_id": STATE}))


def _filled(found: dict[str, Any] | None) -> dict[str, Any]:
    known = found or {}
    return {"live": known.get("live", 0), "building": known.get("building"), "removing": known.get("removing")}


def view(database: Database, number: int) -> Database:
    """The service's database as that generation sees it."""
    return View(database, number) if number else database


def live(database: Database) -> Database:
    """The service's database as the live generation sees it now."""
    return view(database, state(database)["live"])


def read(database: Database, question: Callable[[Database], Answer]) -> Answer:
    """The answer of the live generation, asked again if another took its place (and removed it) meanwhile."""
    while True:
        number = state(database)["live"]
        answer = question(view(database, number))
        if state(database)["live"] == number:
            return answer


def of(foundation: Foundation, number: int) -> Foundation:
    """What a process of that generation stands on."""
    if not number:
        return foundation
    database = view(foundation.database, number)
    return dataclasses.replace(foundation, database=database, journal=Journal(database, foundation.clock))


def check(unit: Unit) -> None:
    """Raises PositionLost in a unit of a generation that is neither live nor being built any more."""
    found = _filled(unit.find_one(unit.database[STATE], {"_id": STATE}))
    number = unit.database.generation if isinstance(unit.database, View) else 0
    if number not in (found["live"], found["building"]):
        raise PositionLost(f"generation {number}")


def begin(unit: Unit) -> int:
    """The number of the generation that is being built; it begins a new one where there is none."""
    found = _filled(unit.find_one(unit.database[STATE], {"_id": STATE}))
    if found["building"] is None:
        found["building"] = found["live"] + 1
        unit.update(unit.database[STATE], {"_id": STATE}, {"$set": found}, upsert=True)
    return int(found["building"])


def switch(unit: Unit, number: int) -> bool:
    """Makes the generation the live one, if it has come at least as far as that. Returns whether it is live.

    The positions of the old one go in the same transaction: a worker that is moving one conflicts with it, and one of
    the two gives way whole.
    """
    database = unit.database
    found = _filled(unit.find_one(database[STATE], {"_id": STATE}))
    if found["building"] != number:
        return bool(found["live"] == number)
    old = view(database, found["live"])[positions.POSITIONS]
    mine = {entry["_id"]: entry for entry in unit.find(view(database, number)[positions.POSITIONS], {})}
    for entry in unit.find(old, {}):
        reached = mine.get(entry["_id"], {"topic_id": entry["topic_id"], "offset": 0})
        if reached["topic_id"] == entry["topic_id"] and reached["offset"] < entry["offset"]:
            return False
    old.delete_many({}, session=unit.session)
    found.update(live=number, building=None, removing=found["live"])
    unit.update(database[STATE], {"_id": STATE}, {"$set": found}, must_match=True)
    return True


def remove(database: Database, models: Iterable[str]) -> None:
    """Removes the generation whose place was taken, if one is left. Safe to repeat."""
    number = state(database)["removing"]
    if number is None:
        return
    with reachable():
        for name in (*models, *OF_THE_WORKER):
            view(database, number)[name].drop()
        database[STATE].update_one({"_id": STATE, "removing": number}, {"$set": {"removing": None}})
