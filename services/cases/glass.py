"""Breaking the glass: a supervisor opens one case that is closed to them for at most an hour, and another reviews it.

A grant is for one account and one case. It shuts by the clock: nothing has to run for it to end. What it opens is
audited by the vault; here stands only how many fields were opened. It knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from shared.access import Actor
from shared.domain.working_time import add_working_days
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Command, Unit, VersionConflict
from shared.mongo import find_surely, reachable
from shared.telemetry.logs import get_logger

GRANTS, SUPERVISORS = "grants", "supervisors"
LONGEST = timedelta(hours=1)
REVIEW_WORKING_DAYS = 3
OPEN, TO_REVIEW, REVIEWED = "open", "to_review", "reviewed"
STATES = (OPEN, TO_REVIEW, REVIEWED)
_OF_CASE = ("case_id", "case_number", "kecamatan", "severity")

log = get_logger(__name__)


class Unknown(Exception):
    """There is no such grant, or none that is open."""


class Refused(Exception):
    """Not possible. `code`: `open_already`, `shut_already`, `still_open`, `reviewed_already`, `own_grant`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Tally:
    """How many grants are open, wait for their review, and wait for it too long."""

    open: int
    to_review: int
    overdue: int


def ensure_indexes(database: Database) -> None:
    """Creates what the queries need. Safe to repeat."""
    grants = database[GRANTS]
    grants.create_index([("account_id", ASCENDING), ("case_id", ASCENDING), ("ends_at", DESCENDING)])
    grants.create_index([("begun_at", DESCENDING)])
    grants.create_index([("result", ASCENDING), ("ends_at", ASCENDING)])


def state(grant: Mapping[str, Any], now: datetime) -> str:
    """One of STATES."""
    if grant["ends_at"] > now:
        return OPEN
    return TO_REVIEW if grant["result"] is None else REVIEWED


def overdue(grant: Mapping[str, Any], now: datetime) -> bool:
    """Whether its review should have been made by now."""
    return grant["result"] is None and grant["review_due_at"] <= now


def get(database: Database, grant_id: str) -> dict[str, Any] | None:
    """A grant by its id."""
    return find_surely(database[GRANTS], {"_id": grant_id})


def live(database: Database, account_id: str, case_id: str, now: datetime) -> dict[str, Any] | None:
    """The grant by which this account may open this case now."""
    with reachable():
        return database[GRANTS].find_one(_live(account_id, case_id, now))


def page(
    database: Database, number: int, size: int, wanted: str | None, now: datetime
) -> tuple[list[dict[str, Any]], int]:
    """One page of grants (those in a state, or all), the newest first, and how many there are."""
    question: dict[str, Any] = {} if wanted is None else _in_state(wanted, now)
    with reachable():
        grants = database[GRANTS]
        found = list(grants.find(question, sort=[("begun_at", DESCENDING)], skip=(number - 1) * size, limit=size))
        return found, grants.count_documents(question)


def tally(database: Database, now: datetime) -> Tally:
    """What supervisors are told on every page of cases."""
    with reachable():
        grants = database[GRANTS]
        late = {"result": None, "review_due_at": {"$lte": now}}
        questions = (_in_state(OPEN, now), _in_state(TO_REVIEW, now), late)
        return Tally(*(grants.count_documents(question) for question in questions))


def begin(
    foundation: Foundation, actor: Actor, case: Mapping[str, Any], reason: str, command: Command | None
) -> Mapping[str, Any]:
    """Breaks the glass of a case for the actor, for an hour. `reason`: a code of the list `break_glass_reason`.

    Returns `grant_id`. Raises Refused, journal.KeyReused, journal.Unavailable.
    """
    grant_id = new_id("grant")

    def work(unit: Unit) -> dict[str, Any]:
        now = foundation.clock()
        grants, supervisors = unit.database[GRANTS], unit.database[SUPERVISORS]
        if unit.find_one(grants, _live(actor.id, case["_id"], now)) is not None:
            raise Refused("open_already")
        alone = unit.find_one(supervisors, {"_id": {"$ne": actor.id}, "active": True}) is None
        of_case = {name: case["_id" if name == "case_id" else name] for name in _OF_CASE}
        ends_at = now + LONGEST
        said = {**of_case, "grant_id": grant_id, "reason": reason, "ends_at": ends_at, "alone": alone}
        version = unit.append(grant_id, 0, [NewEvent("access.glass_broken", said, now)])
        unit.insert(
            grants,
            {
                "_id": grant_id,
                **of_case,
                "account_id": actor.id,
                "name": actor.name,
                "reason": reason,
                "begun_at": now,
                "ends_at": ends_at,
                "ended_early": False,
                "alone": alone,
                "openings": 0,
                "fields_opened": 0,
                "review_due_at": add_working_days(now, REVIEW_WORKING_DAYS),
                "result": None,
                "reviewed_by": None,
                "reviewer_name": None,
                "reviewed_at": None,
                "version": version,
            },
        )
        return {"grant_id": grant_id}

    answer = foundation.journal.run(work, actor=actor, command=command)
    log.warning("glass_broken", grant=answer["grant_id"], case=case["_id"], account=actor.id, reason=reason)
    return answer


def use(foundation: Foundation, actor: Actor, grant_id: str, fields_opened: int) -> None:
    """Counts an opening, before what was opened is shown. Raises Unknown once the grant is shut, Unavailable."""

    def work(unit: Unit) -> dict[str, Any]:
        grant = _own(unit, actor, grant_id)
        if grant["ends_at"] <= foundation.clock():
            raise Unknown
        event = NewEvent("access.glass_used", {**_about(grant), "fields_opened": fields_opened})
        _change(unit, grant, event, {}, {"openings": 1, "fields_opened": fields_opened})
        return {}

    foundation.journal.run(work, actor=actor)


def end(foundation: Foundation, actor: Actor, grant_id: str, version: int, command: Command | None = None) -> None:
    """Shuts one's own grant before its hour is over. Raises Unknown, Refused, journal.VersionConflict, Unavailable."""

    def work(unit: Unit) -> dict[str, Any]:
        grant = _own(unit, actor, grant_id)
        now = foundation.clock()
        if grant["ends_at"] <= now:
            raise Refused("shut_already")
        _expect(grant, version)
        event = NewEvent("access.glass_ended", _about(grant), now)
        _change(unit, grant, event, {"ends_at": now, "ended_early": True})
        return {"grant_id": grant_id}

    foundation.journal.run(work, actor=actor, command=command)


def review(
    foundation: Foundation, actor: Actor, grant_id: str, version: int, result: str, command: Command | None = None
) -> None:
    """Judges a colleague's grant that is shut. `result`: a code of the list `break_glass_result`.

    Raises Unknown, Refused, journal.VersionConflict, journal.Unavailable.
    """

    def work(unit: Unit) -> dict[str, Any]:
        grant = _found(unit, grant_id)
        now = foundation.clock()
        if grant["account_id"] == actor.id:
            raise Refused("own_grant")
        if grant["result"] is not None:
            raise Refused("reviewed_already")
        if grant["ends_at"] > now:
            raise Refused("still_open")
        _expect(grant, version)
        event = NewEvent("access.glass_reviewed", {**_about(grant), "result": result}, now)
        judged = {"result": result, "reviewed_by": actor.id, "reviewer_name": actor.name, "reviewed_at": now}
        _change(unit, grant, event, judged)
        return {"grant_id": grant_id}

    foundation.journal.run(work, actor=actor, command=command)


def _live(account_id: str, case_id: str, now: datetime) -> dict[str, Any]:
    return {"account_id": account_id, "case_id": case_id, "ends_at": {"$gt": now}}


def _in_state(wanted: str, now: datetime) -> dict[str, Any]:
    if wanted == OPEN:
        return {"ends_at": {"$gt": now}}
    return {"result": None if wanted == TO_REVIEW else {"$ne": None}, "ends_at": {"$lte": now}}


def _found(unit: Unit, grant_id: str) -> dict[str, Any]:
    grant = unit.find_one(unit.database[GRANTS], {"_id": grant_id})
    if grant is None:
        raise Unknown
    return grant


def _own(unit: Unit, actor: Actor, grant_id: str) -> dict[str, Any]:
    grant = _found(unit, grant_id)
    if grant["account_id"] != actor.id:
        raise Unknown
    return grant


def _expect(grant: Mapping[str, Any], version: int) -> None:
    if grant["version"] != version:
        raise VersionConflict(grant["_id"], version, grant["version"])


def _about(grant: Mapping[str, Any]) -> dict[str, Any]:
    return {"grant_id": grant["_id"], **{name: grant[name] for name in _OF_CASE}}


def _change(
    unit: Unit,
    grant: Mapping[str, Any],
    event: NewEvent,
    changes: Mapping[str, Any],
    counts: Mapping[str, int] | None = None,
) -> None:
    version = unit.append(grant["_id"], grant["version"], [event])
    update = {"$set": {**changes, "version": version}, **({"$inc": dict(counts)} if counts else {})}
    unit.update(unit.database[GRANTS], {"_id": grant["_id"], "version": grant["version"]}, update, must_match=True)
