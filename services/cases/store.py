"""Cases and referrals as they are stored, the queues, and the index that the clock goes by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from services.cases import agencies, definitions, glass, lateness
from services.cases.agencies import AGENCIES, REFERRALS
from services.cases.engine import Case, Referral
from services.cases.engine.state import BREACHED, PAUSED, REQUESTED
from services.cases.model import Record, as_document, from_document
from shared.access import Actor
from shared.journal import Unit
from shared.mongo import find_surely, reachable

CASES = "cases"
MINE, NOBODYS, LEFT = "me", "nobody", "left"
"""Whose cases are asked for: the asker's, nobody's, or those whose case worker can have them no longer."""
QUEUE = [("urgency", ASCENDING), ("due_at", ASCENDING), ("_id", ASCENDING)]
PAGE = 200
"""How many cases are read at a time by what goes over all of them."""
AGENCY_QUEUE = [("due_at", ASCENDING), ("_id", ASCENDING)]


def ensure_indexes(database: Database) -> None:
    """Creates what the queries need. Safe to repeat."""
    cases, referrals = database[CASES], database[REFERRALS]
    cases.create_index("case_number", unique=True)
    cases.create_index([("stage", ASCENDING), *QUEUE])
    cases.create_index([("report_id", ASCENDING)])
    cases.create_index([("joined.report_id", ASCENDING)], sparse=True)
    cases.create_index([("first_child_id", ASCENDING), ("opened_at", ASCENDING)])
    _recognise_children_of_old(cases)
    # At most one open case of a child, whichever of its reports come at once.
    cases.create_index(
        "first_child_id", unique=True, partialFilterExpression={"open": True}, name="one_open_case_of_a_child"
    )
    cases.create_index([("workflow", ASCENDING), ("_id", ASCENDING)])
    # Whole, not partial: the planner does not see that a moment before now is a date, and would look at every case.
    cases.create_index([("next_at", ASCENDING)], name="due")
    cases.create_index(
        [("awaited.step", ASCENDING), *QUEUE], partialFilterExpression={"awaited.step": {"$exists": True}}
    )
    # What waits for somebody is little of all there is: whoever asks for it looks at that alone.
    cases.create_index("tasks.task_id", partialFilterExpression={"tasks.task_id": {"$exists": True}})
    cases.create_index([("overdue", ASCENDING), *QUEUE], partialFilterExpression={"overdue": True})
    for whose in ("assigned_to", "left_by"):
        # Only of cases that somebody has: `> ""` is what the planner finds again in a question for one account.
        cases.create_index([(whose, ASCENDING), *QUEUE], partialFilterExpression={whose: {"$gt": ""}})
    referrals.create_index([("agency_id", ASCENDING), ("open", ASCENDING), *AGENCY_QUEUE])
    referrals.create_index([("case_id", ASCENDING)])
    agencies.ensure_indexes(database)
    glass.ensure_indexes(database)
    lateness.ensure_indexes(database)


def _recognise_children_of_old(cases: Collection) -> None:
    """Cases that were stored before children were recognised again: each is the first of its child."""
    final = [stage.name for each in definitions.newest_first() for stage in each.stages.values() if stage.final]
    opens = {"$not": [{"$in": ["$stage", final]}]}
    cases.update_many({"first_child_id": None}, [{"$set": {"first_child_id": "$child_id", "open": opens}}])


def put(
    unit: Unit,
    record: Record,
    before: Case | None,
    after: Case,
    *,
    report_number: str | None = None,
    all_referrals: bool = False,
) -> None:
    """Writes a case that the unit has decided, a new one with its report's number, and its referrals that changed (or
    all of them: what they show of the case itself has changed)."""
    document = as_document(record, after)
    identifier = document.pop("_id")
    cases = unit.database[CASES]
    if before is None:
        unit.insert(cases, {"_id": identifier, **document, "report_number": report_number})
    else:
        stored = {"_id": identifier, "version": before.version}
        unit.update(cases, stored, {"$set": document}, must_match=True)
    for referral in after.referrals.values():
        due = _due(after, referral)
        known = None
        if before is not None and before.definition == after.definition and not all_referrals:
            known = before.referrals.get(referral.referral_id)
        if before is None or known != referral or _due(before, referral) != due:
            _put_referral(unit, record, after.definition, referral, due)


def existing(unit: Unit, case_ids: Sequence[str]) -> set[str]:
    """Those of the ids under which there is a case."""
    return {found["_id"] for found in unit.find(unit.database[CASES], {"_id": {"$in": list(case_ids)}}, {"_id": 1})}


def open_of(unit: Unit, first_child_ids: Sequence[str]) -> dict[str, str]:
    """First id of a child -> id of its open case, for those that have one."""
    wanted = {"first_child_id": {"$in": list(first_child_ids)}, "open": True}
    found = unit.find(unit.database[CASES], wanted, {"first_child_id": 1})
    return {each["first_child_id"]: each["_id"] for each in found}


def had_by(unit: Unit, account_id: str, areas: Sequence[str] | None) -> list[str]:
    """The ids of the cases that an account has: those outside its areas (none named: of none), or all with None."""
    if areas is not None and not areas:
        return []
    outside = {} if areas is None else {"kecamatan": {"$nin": list(areas)}}
    found = unit.find(unit.database[CASES], {"assigned_to": account_id, **outside}, {"_id": 1})
    return [each["_id"] for each in found]


def joined_by(unit: Unit, report_id: str, child_id: str) -> str | None:
    """The case that this child of a report has joined, if it has."""
    joined = {"joined": {"$elemMatch": {"report_id": report_id, "child_id": child_id}}}
    found = unit.find_one(unit.database[CASES], joined, {"_id": 1})
    return None if found is None else str(found["_id"])


def join(unit: Unit, case_id: str, joined: Mapping[str, Any]) -> None:
    """Keeps with a case which report joined it, and what a case of its own would need."""
    unit.update(unit.database[CASES], {"_id": case_id}, {"$push": {"joined": dict(joined)}})


def leave(unit: Unit, case_id: str, report_id: str, child_id: str) -> None:
    """Takes back that this child of a report has joined a case."""
    gone = {"report_id": report_id, "child_id": child_id}
    unit.update(unit.database[CASES], {"_id": case_id}, {"$pull": {"joined": gone}})


def correct_joined(unit: Unit, report_id: str, child_id: str, codes: Mapping[str, Any]) -> None:
    """Keeps the corrected codes of what has joined a case."""
    joined = {"joined": {"$elemMatch": {"report_id": report_id, "child_id": child_id}}}
    change = {"$set": {f"joined.$.{name}": value for name, value in codes.items()}}
    unit.update(unit.database[CASES], joined, change)


def joined_to(unit: Unit, case_id: str) -> list[dict[str, Any]]:
    """What has joined a case, in its order."""
    found = unit.find_one(unit.database[CASES], {"_id": case_id}, {"joined": 1})
    return [] if found is None else found.get("joined", [])


def read(database: Database, document: Mapping[str, Any], session: ClientSession | None = None) -> tuple[Record, Case]:
    """A case as it was stored; of an ended one it is looked up whether another case of its child is open."""
    record, case = from_document(document)
    if document["open"]:
        return record, case
    others = {"first_child_id": record.first_child_id, "open": True, "_id": {"$ne": record.case_id}}
    # In a unit of work it is the journal that knows what to repeat.
    with reachable() if session is None else nullcontext():
        another = database[CASES].find_one(others, {"_id": 1}, session=session)
    return record, case.but(open_elsewhere=another is not None)


def read_all(database: Database, documents: Sequence[Mapping[str, Any]]) -> list[Case]:
    """The ways of cases, each as `read` gives it, with one look at the other cases of the children of ended ones."""
    cases = [from_document(document) for document in documents]
    ended = [record.first_child_id for (record, _), each in zip(cases, documents, strict=True) if not each["open"]]
    elsewhere: set[str] = set()
    if ended:
        others = {"first_child_id": {"$in": ended}, "open": True}
        with reachable():
            elsewhere = {each["first_child_id"] for each in database[CASES].find(others, {"first_child_id": 1})}
    return [
        case if document["open"] else case.but(open_elsewhere=record.first_child_id in elsewhere)
        for (record, case), document in zip(cases, documents, strict=True)
    ]


def by_id(database: Database, case_ids: Iterable[str]) -> dict[str, Case]:
    """The ways of these cases by their ids."""
    with reachable():
        found = list(database[CASES].find({"_id": {"$in": list(case_ids)}}))
    return {each["_id"]: case for each, case in zip(found, read_all(database, found), strict=True)}


def others_of(database: Database, case: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The other cases of the child of a stored case, the newest first: number, stage, and whether it is open."""
    others = {"first_child_id": case["first_child_id"], "_id": {"$ne": case["_id"]}}
    shown = {"case_number": 1, "stage": 1, "open": 1, "opened_at": 1, "workflow": 1}
    with reachable():
        return list(database[CASES].find(others, shown).sort("opened_at", -1))


def get(database: Database, reference: str) -> dict[str, Any] | None:
    """A case by its id or its number."""
    return find_surely(database[CASES], {"_id" if reference.startswith("case-") else "case_number": reference})


def numbers_of(database: Database, subjects: Sequence[str]) -> dict[str, list[str]]:
    """The case numbers of each of these children's and reports' subjects that has any. It looks at every case: for an
    operator, not for pages."""
    among = {"$in": list(subjects)}
    names = [f"{where}{name}" for where in ("", "joined.") for name in ("person_id", "report_id")]
    found: dict[str, list[str]] = {}
    with reachable():
        for case in database[CASES].find({"$or": [{name: among} for name in names]}, ["case_number", *names]):
            told = {each.get(name) for each in (case, *case.get("joined", ())) for name in ("person_id", "report_id")}
            for subject in told.intersection(subjects):
                found.setdefault(subject, []).append(case["case_number"])
    return {subject: sorted(numbers) for subject, numbers in found.items()}


def get_referral(database: Database, referral_id: str) -> dict[str, Any] | None:
    """A referral by its id."""
    return find_surely(database[REFERRALS], {"_id": referral_id})


def queue(
    database: Database, number: int, size: int, question: Mapping[str, Any], reader: Actor
) -> tuple[list[dict[str, Any]], int]:
    """One page of the work queue as `reader` asks for it, the most urgent first, and its length.

    `question` may have `stage`, `severity`, `kecamatan`, `report_id` (also one that joined), `overdue`, `awaiting`
    (a second person), `waits_for_me` (see `_waits_for`), and `whose`: an account that has the case or could have it no
    longer, MINE, NOBODYS, or LEFT.
    """
    names = ("stage", "severity", "kecamatan", "overdue")
    wanted: dict[str, Any] = {name: question[name] for name in names if question.get(name) is not None}
    if report_id := question.get("report_id"):
        wanted["$or"] = [{"report_id": report_id}, {"joined.report_id": report_id}]
    if question.get("awaiting") is not None:
        wanted["awaited.step"] = {"$exists": question["awaiting"]}
    several: list[dict[str, Any]] = []
    if question.get("waits_for_me") is not None:
        waits = _waits_for(reader) or [{"_id": None}]
        several.append({"$or" if question["waits_for_me"] else "$nor": waits})
    whose = reader.id if question.get("whose") == MINE else question.get("whose")
    if whose == NOBODYS:
        wanted["assigned_to"] = None
    elif whose == LEFT:
        wanted["left_by"] = {"$gt": ""}
    elif whose:
        several.append({"$or": [{"assigned_to": whose}, {"left_by": whose}]})
    if several:
        wanted["$and"] = several
    return _paged(database, CASES, wanted, QUEUE, number, size)


def referrals(
    database: Database, number: int, size: int, question: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], int]:
    """One page of referrals, the nearest deadline first, and how many there are.

    `question` may have `agency_id`, `open`, `state` and `case_id`.
    """
    names = ("agency_id", "open", "state", "case_id")
    wanted = {name: question[name] for name in names if question.get(name) is not None}
    return _paged(database, REFERRALS, wanted, AGENCY_QUEUE, number, size)


def every(database: Database, wanted: Mapping[str, Any], *fields: str) -> Iterator[dict[str, Any]]:
    """These fields (and `_id`) of every case that is `wanted`, by id, page by page: whoever takes long over each holds
    no cursor open, which the server would forget after ten minutes. Raises Unavailable."""
    last, only = "", dict.fromkeys(("_id", *fields), 1)
    while True:
        page = {**wanted, "_id": {"$gt": last}}
        with reachable():
            found = list(database[CASES].find(page, only, sort=[("_id", ASCENDING)], limit=PAGE))
        yield from found
        if len(found) < PAGE:
            return
        last = found[-1]["_id"]


def due(database: Database, now: datetime, limit: int, failing: Sequence[str] = ()) -> list[str]:
    """Ids of cases of which the clock has something to say: up to `limit` with which nothing is wrong, the oldest
    first, and then up to `limit` of those at which it fails, in the order of `failing`. So these hold up no other, and
    none of them is left out for ever. Raises Unavailable.
    """
    with reachable():
        wanted = {"next_at": {"$lte": now}, **({"_id": {"$nin": list(failing)}} if failing else {})}
        found = database[CASES].find(wanted, {"_id": 1}, sort=[("next_at", ASCENDING)], limit=limit)
        first = [each["_id"] for each in found]
        if not failing:
            return first
        again = database[CASES].distinct("_id", {"_id": {"$in": list(failing)}, "next_at": {"$lte": now}})
        place = {case_id: number for number, case_id in enumerate(failing)}
        return first + sorted(again, key=place.__getitem__)[:limit]


def with_work(database: Database, end: datetime) -> Iterator[dict[str, Any]]:
    """What there is to count of every case in which somebody has something to do, or something is due before `end`.

    It looks at every case, once a morning: an index of its own would cost each write something.
    """
    waits = [
        {"due_at": {"$lt": end}},
        {"awaited": {"$ne": None}},
        {"tasks.0": {"$exists": True}},
        {"referrals.state": REQUESTED},
    ]
    wanted = dict.fromkeys(("workflow", "awaited", "tasks", "referrals", "deadlines"), 1)
    with reachable():
        yield from database[CASES].find({"$or": waits}, wanted)


def agencies_of(database: Database, case: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The agencies that a case has been referred to."""
    with reachable():
        return list(database[AGENCIES].find({"_id": {"$in": [each["agency_id"] for each in case["referrals"]]}}))


def history(database: Database, case_id: str) -> list[dict[str, Any]]:
    """The case's events, oldest first: `type`, `occurred_at`, `recorded_at`, `actor`, `data`."""
    with reachable():
        return list(database["journal"].find({"stream": case_id}, sort=[("version", ASCENDING)]))


def _waits_for(reader: Actor) -> list[dict[str, Any]]:
    """The questions of which a case answers one if something in it waits for this actor, by the version that it is on:
    a step that awaits their decision (and is no proposal of their own); a deadline that passed, where they lead cases
    or it is escalated to them; a task, where they lead cases."""
    waits: list[dict[str, Any]] = []
    for definition in definitions.newest_first():
        of_version = {"workflow": definition.id}
        if decides := [step.name for step in definition.steps.values() if reader.role in step.approved_by]:
            waits.append({**of_version, "awaited.step": {"$in": decides}, "awaited.by": {"$ne": reader.id}})
        if reader.role in definition.managed_by:
            waits += [{**of_version, "tasks.task_id": {"$exists": True}}, {**of_version, "overdue": True}]
        elif told := [rule.name for rule in definition.rules() if reader.role in rule.escalate_to]:
            passed = {"$elemMatch": {"phase": BREACHED, "name": {"$in": told}}}
            waits.append({**of_version, "overdue": True, "deadlines": passed})
    return waits


def _put_referral(unit: Unit, record: Record, workflow: str, referral: Referral, due: dict[str, Any]) -> None:
    facts = {
        "case_id": record.case_id,
        "case_number": record.case_number,
        "workflow": workflow,
        "kecamatan": record.kecamatan,
        "severity": record.severity,
        "kind": referral.kind,
        "agency_id": referral.agency_id,
        "state": referral.state,
        "open": referral.open,
        "claimed_by": referral.claimed_by,
        "outcome": referral.outcome,
        **due,
    }
    change = {"$set": facts, "$inc": {"version": 1}}
    unit.update(unit.database[REFERRALS], {"_id": referral.referral_id}, change, upsert=True)


def _due(case: Case, referral: Referral) -> dict[str, Any]:
    """What an agency is shown of the nearest deadline of its referral. What the clock says of it is left out: that it
    comes near, or is over, shows by the moments, also where the clock is late."""
    own = (each for each in case.deadlines if each.subject == referral.referral_id)
    first = min(own, key=lambda each: each.due_at, default=None)
    if first is None:
        return {"due_at": None, "remind_at": None, "paused": False}
    return {"due_at": first.due_at, "remind_at": first.remind_at, "paused": first.phase == PAUSED}


def _paged(
    database: Database, collection: str, wanted: Mapping[str, Any], order: Any, number: int, size: int
) -> tuple[list[dict[str, Any]], int]:
    with reachable():
        found = list(database[collection].find(wanted, sort=order, skip=(number - 1) * size, limit=size))
        return found, database[collection].count_documents(wanted)
