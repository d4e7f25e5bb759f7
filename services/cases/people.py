"""The accounts that cases knows: who can be given a case, and what a case worker is called.

Role, areas and closing are told by directory's events. Events hold no names: a case worker's is kept as their own token
told it, so that colleagues see whose a case is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext
from pymongo.database import Database

from services.cases.engine import Event
from services.cases.engine.assignment import TAKE
from shared.access import Actor, may, rights
from shared.events import Event as Heard
from shared.journal import Unit
from shared.mongo import reachable

ACCOUNTS = "accounts"
TOLD = ("agency_id", "role", "active", "areas")


def remember(unit: Unit, event: Heard) -> None:
    """Remembers what an event tells of an account. What an older event does not tell stays as it was known."""
    facts = {name: event.data[name] for name in TOLD if name in event.data}
    unit.update(unit.database[ACCOUNTS], {"_id": event.data["account_id"]}, {"$set": facts}, upsert=True)


def meet(database: Database, actor: Actor) -> None:
    """Remembers what a case worker is called, when they come to the queue. Raises Unavailable."""
    if may(actor, TAKE):
        with reachable():
            known = database[ACCOUNTS].find_one({"_id": actor.id}, {"name": 1})
            if known is None or known.get("name") != actor.name:
                database[ACCOUNTS].update_one({"_id": actor.id}, _met(actor), upsert=True)


def note(unit: Unit, events: Iterable[Event], by: Actor) -> None:
    """Marks an account that is given a case: if it closes at the same moment, one of the two comes second and sees the
    other. Else a case could stay with somebody who has left."""
    for event in events:
        if event.type == "case.assigned":
            to = event.data["account_id"]
            met = _met(by) if to == by.id else {}
            unit.update(unit.database[ACCOUNTS], {"_id": to}, {**met, "$inc": {"assigned": 1}}, upsert=bool(met))


def can_have(account: Mapping[str, Any] | None) -> bool:
    """Whether a case can be given to this account, as it is remembered."""
    return account is not None and account["active"] and account["role"] in rights()[TAKE].roles


def actor(account: Mapping[str, Any]) -> Actor:
    """An account as it is remembered, as one who acts."""
    areas = tuple(account.get("areas") or ())
    return Actor(account["_id"], account["role"], account.get("agency_id"), name=account.get("name", ""), areas=areas)


def to_choose(database: Database, kecamatan: str | None = None) -> list[dict[str, Any]]:
    """The case workers among whom a supervisor chooses, by name: those who work in the place, if one is given."""
    with reachable():
        wanted = {"active": True, "role": {"$in": list(rights()[TAKE].roles)}}
        found = list(database[ACCOUNTS].find(wanted))
    suitable = [each for each in found if kecamatan is None or actor(each).works_in(kecamatan)]
    return sorted(suitable, key=lambda each: (each.get("name", ""), each["_id"]))


def names(database: Database, account_ids: Iterable[str | None]) -> dict[str, str]:
    """What the accounts are called, by id: all of them have something."""
    wanted = {each for each in account_ids if each}
    with reachable():
        known = {each["_id"]: each for each in database[ACCOUNTS].find({"_id": {"$in": sorted(wanted)}}, {"name": 1})}
    return {each: label(known.get(each, {"_id": each})) for each in wanted}


def label(account: Mapping[str, Any]) -> str:
    """An account by its name; by its id where cases has not met it."""
    known = account.get("name") or gettext("Case worker")
    return known if account.get("name") else f"{known} ({account['_id'].removeprefix('account-')[:6]})"


def _met(actor: Actor) -> dict[str, Any]:
    facts = {"agency_id": actor.agency_id, "role": actor.role, "active": True, "areas": list(actor.areas)}
    return {"$set": {"name": actor.name}, "$setOnInsert": facts}
