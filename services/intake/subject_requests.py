"""Requests of a child or guardian about what is held of the child: recorded, due, copied, closed (a correction is
made in corrections.py).

The copy has what identifies the child and the codes of all reports about it. What others said of it (narrative,
reporter, files) is not in it: it may tell who reported, which stays secret (UU 11/2012 Ps.19). It knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from services.intake.store import REPORTS, REQUESTS, child_in, held_elsewhere
from shared.access import Actor
from shared.domain.working_time import start_of_day, wib_date
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Command, Unit, VersionConflict
from shared.mongo import find_surely, reachable
from shared.vault import NotHeld

ANSWER_WITHIN = timedelta(hours=3 * 24)
"""From the request (UU 27/2022 Ps.32(2); unconfirmed: the law is read so by us)."""
COPY, CORRECTION = "copy", "correction"
CORRECTED = "corrected"
"""The outcome that a correction gives its request; by hand nobody can say so."""
OUTCOMES = {
    COPY: ("handed_over", "danger", "not_entitled", "withdrawn", "nothing_held"),
    CORRECTION: ("unproven", "danger", "not_entitled", "on_hold", "withdrawn", "nothing_held"),
}
"""What may be answered by hand, by the kind of request."""
PURPOSE = "subject_access"
ABOUT_THE_REPORT = ("number", "channel", "received_on", "kecamatan", "kelurahan", "work_type", "registered_at")
ABOUT_THE_CHILD = ("sex", "age_band", "school_attendance", "legal_class", "statistical_class", "severity")


class Refused(Exception):
    """Not possible. `reason`: `unknown_child`, `nothing_held`, `closed` (the request is answered already), `other_kind`
    (it was asked for something else), `unfit_outcome` (no answer to such a request), `on_hold` (nothing of the report
    may be erased)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def record(
    foundation: Foundation, actor: Actor, report_id: str, wanted: Mapping[str, Any], command: Command | None = None
) -> str:
    """Records a request and returns its id. `wanted`: `child_id`, `asked_by`, `identity_check`, `asked_on` (WIB),
    `kind` and, for a correction, `wrong` (which fields: their names, no value).

    It is due ANSWER_WITHIN of now, for an earlier day of its beginning. Raises NotHeld, Refused, journal.KeyReused,
    journal.Unavailable.
    """
    now, request_id = foundation.clock(), new_id("request")
    asked_on: date = wanted["asked_on"]
    asked_at = now if asked_on == wib_date(now) else start_of_day(asked_on)

    def work(unit: Unit) -> dict[str, Any]:
        report = _report(unit, report_id)
        number, _ = child_of(report, wanted["child_id"])
        request = {
            "_id": request_id,
            "report_id": report_id,
            "report_number": report["number"],
            "child_id": wanted["child_id"],
            "child_number": number,
            "kecamatan": report["kecamatan"],
            "kind": wanted["kind"],
            "wrong": wanted["wrong"],
            "asked_by": wanted["asked_by"],
            "identity_check": wanted["identity_check"],
            "asked_at": asked_at,
            "due_at": asked_at + ANSWER_WITHIN,
            "recorded_at": now,
            "recorded_by": actor.id,
            "copied_at": None,
            "copied_by": None,
            "outcome": None,
            "closed_at": None,
            "closed_by": None,
        }
        said = {name: request[name] for name in ("asked_by", "identity_check", "due_at", "kind", "wrong")}
        version = unit.append(request_id, 0, [NewEvent("subject_request.recorded", {**_subject(request), **said})])
        unit.insert(unit.database[REQUESTS], {**request, "version": version})
        return {"request_id": request_id}

    return str(foundation.journal.run(work, actor=actor, command=command)["request_id"])


def copy(foundation: Foundation, actor: Actor, request_id: str) -> dict[str, Any]:
    """What is held about the child in each of its `reports`, that of the request first: `child` (its fields by name),
    `codes` of child and report, `closed` (held, and not open to the actor's role). Each opening is audited, and all are
    recorded with the request, before they are returned.

    Raises NotHeld for an unknown request, Refused, journal.Unavailable.
    """
    request, report, child = to_answer(foundation.database, request_id, COPY)
    others = held_elsewhere(foundation.database, report["_id"], child)
    reports = []
    for about, reported in [(report, child), *others]:
        try:
            opened = foundation.sealed.open_readable(actor, reported["person_id"], PURPOSE, "request")
        except NotHeld:  # it was erased at this moment
            continue
        codes = {
            "child": {name: reported[name] for name in ABOUT_THE_CHILD},
            "report": {name: about[name] for name in ABOUT_THE_REPORT},
        }
        reports.append({"child": opened.values, "closed": opened.closed, "codes": codes})
    if not reports:
        raise Refused("nothing_held")
    now = foundation.clock()

    def work(unit: Unit) -> dict[str, Any]:
        before = open_request(unit, request_id)
        _change(unit, before, "subject_request.copied", {}, {"copied_at": now, "copied_by": actor.id})
        return {}

    foundation.journal.run(work, actor=actor)
    return {
        "request": {**request, "copied_at": now, "copied_by": actor.id},
        "reports": reports,
        "made_at": now,
    }


def elsewhere(database: Database, request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The number and the child's id of each other report in which something of the child is held, the earliest first.

    A correction is for one report; each of these wants one of its own. Raises Unavailable.
    """
    report = find_surely(database[REPORTS], {"_id": request["report_id"]})
    if report is None:
        return []
    held = held_elsewhere(database, report["_id"], child_in(report, request["child_id"])[1])
    return [(other["number"], child["child_id"]) for other, child in held]


def close(foundation: Foundation, actor: Actor, request_id: str, version: int, outcome: str) -> None:
    """Says how the request, which the actor knows as `version`, was answered: a code of `request_outcome`.

    Raises NotHeld for an unknown request, Refused, journal.VersionConflict, journal.Unavailable.
    """
    now = foundation.clock()

    def work(unit: Unit) -> dict[str, Any]:
        before = open_request(unit, request_id, version)
        if outcome not in OUTCOMES[before["kind"]]:
            raise Refused("unfit_outcome")
        close_in(unit, before, outcome, actor, now)
        return {}

    foundation.journal.run(work, actor=actor)


def close_in(unit: Unit, before: Mapping[str, Any], outcome: str, actor: Actor, now: datetime) -> None:
    """Closes an open request inside a unit of work."""
    closed = {"outcome": outcome, "closed_at": now, "closed_by": actor.id}
    _change(unit, before, "subject_request.closed", {"outcome": outcome}, closed)


def get(database: Database, request_id: str) -> dict[str, Any] | None:
    """A request by its id."""
    found = find_surely(database[REQUESTS], {"_id": request_id})
    return None if found is None else _whole(found)


def page(
    database: Database, number: int, size: int, open_ones: bool, areas: Sequence[str] = ()
) -> tuple[list[dict[str, Any]], int]:
    """One page of the requests that are open, or that are answered; the first due first, and how many there are.

    `areas`: only those of these kecamatan, if any are named.
    """
    question = {"outcome": None if open_ones else {"$type": "string"}, **_within(areas)}
    order = [("due_at", ASCENDING), ("_id", ASCENDING)]
    with reachable():
        found = database[REQUESTS].find(question, sort=order, skip=(number - 1) * size, limit=size)
        return [_whole(each) for each in found], database[REQUESTS].count_documents(question)


def overdue(database: Database, now: datetime, areas: Sequence[str] = ()) -> int:
    """How many open requests (of these kecamatan, if any are named) should have been answered by now."""
    with reachable():
        return database[REQUESTS].count_documents({"outcome": None, "due_at": {"$lt": now}, **_within(areas)})


def _within(areas: Sequence[str]) -> dict[str, Any]:
    return {"kecamatan": {"$in": list(areas)}} if areas else {}


def shown(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request as the wire has it."""
    return {**request, "request_id": request["_id"]}


def child_of(report: Mapping[str, Any], child_id: str) -> tuple[int, Mapping[str, Any]]:
    """A child of the report, and which it is (from 1). Raises Refused."""
    try:
        return child_in(report, child_id)
    except NotHeld:
        raise Refused("unknown_child") from None


def to_answer(
    database: Database, request_id: str, kind: str
) -> tuple[dict[str, Any], dict[str, Any], Mapping[str, Any]]:
    """A request of this kind that is not answered yet, its report, and its child, of which something is held.

    Raises NotHeld for an unknown request, Refused, journal.Unavailable.
    """
    request = get(database, request_id)
    if request is None:
        raise NotHeld(request_id)
    of_kind(request, kind)
    if request["outcome"] is not None:
        raise Refused("closed")
    return request, *child_as_held(database, request)


def child_as_held(database: Database, request: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """The report of a request and its child, of which something is held. Raises NotHeld, Refused."""
    report = find_surely(database[REPORTS], {"_id": request["report_id"]})
    if report is None:
        raise NotHeld(request["_id"])
    return report, is_held(report, request["child_id"])[1]


def is_held(report: Mapping[str, Any], child_id: str) -> tuple[int, Mapping[str, Any]]:
    """As `child_of`, of a child of which something is held. Raises Refused."""
    number, child = child_of(report, child_id)
    if child["person_id"] is None or child.get("erased_at") is not None:
        raise Refused("nothing_held")
    return number, child


def of_kind(request: Mapping[str, Any], kind: str) -> None:
    """Raises Refused for a request that was made for something else."""
    if request["kind"] != kind:
        raise Refused("other_kind")


def _whole(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request as it is kept now: those from before corrections are all for a copy."""
    return {"kind": COPY, "wrong": [], **request}


def _report(unit: Unit, report_id: str) -> dict[str, Any]:
    report = unit.find_one(unit.database[REPORTS], {"_id": report_id})
    if report is None:
        raise NotHeld(report_id)
    return report


def open_request(unit: Unit, request_id: str, version: int | None = None) -> dict[str, Any]:
    """A request that is not answered yet, which the actor knows as `version` if it says so.

    Raises NotHeld, Refused, journal.VersionConflict.
    """
    found = unit.find_one(unit.database[REQUESTS], {"_id": request_id})
    if found is None:
        raise NotHeld(request_id)
    if found["outcome"] is not None:
        raise Refused("closed")
    if version is not None and found["version"] != version:
        raise VersionConflict(request_id, version, found["version"])
    return _whole(found)


def _change(
    unit: Unit, before: Mapping[str, Any], type_name: str, said: Mapping[str, Any], changes: Mapping[str, Any]
) -> None:
    version = unit.append(before["_id"], before["version"], [NewEvent(type_name, {**_subject(before), **said})])
    known = {"_id": before["_id"], "version": before["version"]}
    unit.update(unit.database[REQUESTS], known, {"$set": {**changes, "version": version}}, must_match=True)


def _subject(request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "request_id": request["_id"],
        "report_id": request["report_id"],
        "child_id": request["child_id"],
    }
