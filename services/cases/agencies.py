"""Which agencies can be asked for a service, how full each is, and in which order they are asked.

Cases remembers of an agency what directory's events tell: kind, place, services, areas, capacity. Names stay there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from services.cases.engine import Case, Event
from services.cases.engine.commands import Tick
from services.cases.engine.definition import Definition, ReferralKind
from services.cases.engine.state import REQUESTED
from shared.access import Actor
from shared.domain import areas_served, services_given
from shared.events import Event as Heard
from shared.journal import Unit
from shared.mongo import reachable

AGENCIES, REFERRALS = "agencies", "referrals"
TOLD = ("kind", "kecamatan", "active", "services", "areas", "capacity")

Agency = dict[str, Any]
"""An agency as it is remembered (`_id` and what was told), with `open`: how many open referrals it has."""


def can_be_asked(agencies: Iterable[Agency], kind: ReferralKind, kecamatan: str) -> list[Agency]:
    """Those that give the service in the place, the best to ask first, full ones at the end.

    First those of the place, then those of the whole city; among them whoever has used the least share of its capacity
    (none, without a limit), then whoever has the fewest open referrals.
    """
    able = (each for each in agencies if each["active"] and gives(each, kind) and serves(each, kecamatan))
    return sorted(
        able, key=lambda each: (full(each), not near(each, kecamatan), share(each), each["open"], each["_id"])
    )


def gives(agency: Mapping[str, Any], kind: ReferralKind) -> bool:
    """Whether an agency is of a right kind and gives the service."""
    right = agency["kind"] in kind.agency_kinds
    return right and (kind.service_kind is None or kind.service_kind in services_given(agency))


def serves(agency: Mapping[str, Any], kecamatan: str) -> bool:
    """Whether an agency serves a place."""
    areas = areas_served(agency)
    return not areas or kecamatan in areas


def near(agency: Mapping[str, Any], kecamatan: str) -> bool:
    """Whether an agency is of the place: it names it among its areas, or has its office there."""
    return kecamatan in (*areas_served(agency), agency["kecamatan"])


def full(agency: Mapping[str, Any]) -> bool:
    """Whether an agency has as many open referrals as it takes at a time."""
    capacity = agency.get("capacity")
    return capacity is not None and agency["open"] >= capacity


def share(agency: Mapping[str, Any]) -> float:
    """Which share of its capacity is used; 0 without a limit."""
    capacity = agency.get("capacity")
    if capacity is None:
        return 0.0
    return agency["open"] / capacity if capacity else 1.0


def ensure_indexes(database: Database) -> None:
    """Creates what the queries need. Safe to repeat."""
    database[AGENCIES].create_index([("kind", ASCENDING), ("active", ASCENDING)])


def remember(unit: Unit, event: Heard) -> None:
    """Remembers what an event tells of an agency. What an older event does not tell stays as it was known."""
    facts = {name: event.data[name] for name in TOLD if name in event.data}
    unit.update(unit.database[AGENCIES], {"_id": event.data["agency_id"]}, {"$set": facts}, upsert=True)


def works_for(database: Database, actor: Actor) -> str:
    """The kind of the agency that somebody works for; empty if it has none that is known. Raises Unavailable."""
    with reachable():
        return _kind(database[AGENCIES].find_one({"_id": actor.agency_id}, {"kind": 1}))


def works_for_now(unit: Unit, actor: Actor) -> str:
    """The same as a unit of work sees it."""
    return _kind(unit.read(unit.database[AGENCIES], actor.agency_id or ""))


def to_choose(database: Database, kind: ReferralKind, kecamatan: str) -> list[Agency]:
    """The agencies among which a case worker chooses, in the order of `can_be_asked`."""
    with reachable():
        found = list(database[AGENCIES].find(_of(kind)))
        asked = list(database[REFERRALS].find(_open_at(found), {"agency_id": 1}))
    return can_be_asked(_counted(found, asked), kind, kecamatan)


def tick(unit: Unit, definition: Definition, case: Case, kecamatan: str, by: Actor, now: datetime) -> Tick:
    """The clock's command for a case: for each referral that nobody has answered, who could be asked next."""
    own = Counter(each.agency_id for each in case.open_referrals())
    suitable, room = {}, {}
    for each in case.open_referrals():
        if each.state == REQUESTED:
            kind = definition.referrals[each.kind]
            found = unit.find(unit.database[AGENCIES], _of(kind))
            asked = unit.find(unit.database[REFERRALS], _open_at(found), {"agency_id": 1})
            possible = can_be_asked(_counted(found, asked), kind, kecamatan)
            suitable[each.referral_id] = tuple(agency["_id"] for agency in possible)
            for agency in possible:
                if agency.get("capacity") is not None:
                    room[agency["_id"]] = agency["capacity"] - (agency["open"] - own[agency["_id"]])
    return Tick(by=by, at=now, now=now, suitable=suitable, room=room)


def count_asked(unit: Unit, events: Iterable[Event]) -> None:
    """Counts at each agency how often it was asked: of two that ask one at the same moment, who comes second does so
    anew and sees what the first has asked. Else both could take its last place."""
    for event in events:
        if event.type == "referral.requested":
            unit.update(unit.database[AGENCIES], {"_id": event.data["agency_id"]}, {"$inc": {"asked": 1}})


def _kind(agency: Mapping[str, Any] | None) -> str:
    return "" if agency is None else str(agency["kind"])


def _of(kind: ReferralKind) -> dict[str, Any]:
    return {"kind": {"$in": list(kind.agency_kinds)}, "active": True}


def _open_at(agencies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {"agency_id": {"$in": [each["_id"] for each in agencies]}, "open": True}


def _counted(agencies: Iterable[Mapping[str, Any]], asked: Iterable[Mapping[str, Any]]) -> list[Agency]:
    busy = Counter(each["agency_id"] for each in asked)
    return [{**each, "open": busy[each["_id"]]} for each in agencies]
