"""Reports as intake keeps them: codes, classes and which fields the vault holds, never an identity.

Queries and indexes only; what may be written is decided in model and registration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from shared.events import NewEvent
from shared.files import FORMATS
from shared.journal import Unit
from shared.mongo import find_surely, reachable
from shared.vault import NotHeld

REPORTS = "reports"
ERASURES = "erasures"
ATTACHMENTS = "attachments"
COURSES = "courses"
PROPOSALS = "proposals"
REQUESTS = "subject_requests"
ARRIVING, KEPT, GONE = "arriving", "kept", "gone"
"""States of an attachment. `clear_after` says from when its content may be removed; a kept one has none."""


def ensure_indexes(database: Database) -> None:
    """Creates what the queries need. Safe to repeat."""
    reports = database[REPORTS]
    reports.create_index("number", unique=True)
    reports.create_index([("registered_at", DESCENDING), ("_id", ASCENDING)])
    reports.create_index([("kecamatan", ASCENDING), ("registered_at", DESCENDING)])
    reports.create_index([("children.child_id", ASCENDING)])
    reports.create_index([("children.first_child_id", ASCENDING)], sparse=True)
    reports.create_index([("severity", ASCENDING), ("registered_at", DESCENDING)])
    waits = {"redaction_since": {"$type": "date"}}
    reports.create_index([("redaction_since", ASCENDING)], partialFilterExpression=waits, name="redactions")
    database[ERASURES].create_index([("erased_at", DESCENDING)])
    courses, proposals = database[COURSES], database[PROPOSALS]
    courses.create_index([("case_id", ASCENDING)])
    courses.create_index([("report_id", ASCENDING)])
    courses.create_index([("child_id", ASCENDING)])
    courses.create_index(
        [("ended_at", ASCENDING)],
        partialFilterExpression={"ended_at": {"$type": "date"}, "all_erased": False},
        name="ended",
    )
    proposals.create_index([("state", ASCENDING), ("over_on", ASCENDING), ("_id", ASCENDING)])
    proposals.create_index([("report_id", ASCENDING)])
    database[REQUESTS].create_index([("outcome", ASCENDING), ("due_at", ASCENDING), ("_id", ASCENDING)])
    _place_requests_of_old(database)
    attachments = database[ATTACHMENTS]
    attachments.create_index([("report_id", ASCENDING), ("added_at", ASCENDING)])
    attachments.create_index(
        [("clear_after", ASCENDING)], partialFilterExpression={"clear_after": {"$exists": True}}, name="to_clear"
    )


def _place_requests_of_old(database: Database) -> None:
    """Requests that were recorded before they were limited by areas: each is of its report's kecamatan."""
    of_report = {"from": REPORTS, "localField": "report_id", "foreignField": "_id", "as": "report"}
    placed: list[dict[str, Any]] = [
        {"$lookup": of_report},
        {"$project": {"kecamatan": {"$first": "$report.kecamatan"}}},
    ]
    put = {"$merge": {"into": REQUESTS, "whenMatched": "merge", "whenNotMatched": "discard"}}
    database[REQUESTS].aggregate([{"$match": {"kecamatan": None}}, *placed, put])


def get(database: Database, reference: str) -> dict[str, Any] | None:
    """A report by its id or by its number."""
    return find_surely(database[REPORTS], {"_id" if reference.startswith("report-") else "number": reference})


def numbers_of(database: Database, subjects: Sequence[str]) -> dict[str, tuple[str, bool]]:
    """For each of these reports, and of these children's subjects, the number of the report, and whether what
    identifies the subject is erased. It opens nothing, and looks at every report: for an operator, not for pages."""
    wanted = {"$or": [{"_id": {"$in": list(subjects)}}, {"children.person_id": {"$in": list(subjects)}}]}
    shown = {"number": 1, "erased_at": 1, "children.person_id": 1, "children.erased_at": 1}
    found = {}
    with reachable():
        for report in database[REPORTS].find(wanted, shown):
            found[report["_id"]] = (report["number"], report.get("erased_at") is not None)
            for each in report["children"]:
                found[each["person_id"]] = (report["number"], each.get("erased_at") is not None)
    return {subject: found[subject] for subject in subjects if subject in found}


def child(database: Database, child_id: str) -> dict[str, Any] | None:
    """A child by its id, with the number of its report as `report_number`."""
    report = find_surely(database[REPORTS], {"children.child_id": child_id}, {"number": 1, "children.$": 1})
    return None if report is None else {**report["children"][0], "report_number": report["number"]}


def child_in(report: Mapping[str, Any], child_id: str) -> tuple[int, dict[str, Any]]:
    """A child of the report, and which it is, from 1. Raises vault.NotHeld."""
    for number, child in enumerate(report["children"], 1):
        if child["child_id"] == child_id:
            return number, child
    raise NotHeld(child_id)


def also_reported(database: Database, report: Mapping[str, Any]) -> dict[str, list[str]]:
    """For each child of a report the numbers of the other reports about it, the earliest first."""
    first = {each.get("first_child_id") or each["child_id"]: each["child_id"] for each in report["children"]}
    them = list(first)
    about = {"$or": [{"children.child_id": {"$in": them}}, {"children.first_child_id": {"$in": them}}]}
    numbers: dict[str, list[str]] = {each["child_id"]: [] for each in report["children"]}
    with reachable():
        others = list(
            database[REPORTS]
            .find({"_id": {"$ne": report["_id"]}, **about}, {"number": 1, "children": 1})
            .sort("registered_at", ASCENDING)
        )
    for other in others:
        for each in other["children"]:
            known_as = each.get("first_child_id") or each["child_id"]
            if known_as in first:
                numbers[first[known_as]].append(other["number"])
    return numbers


def about_child(child: Mapping[str, Any]) -> dict[str, Any]:
    """The question for all reports about a child, however it was reported first."""
    first = child.get("first_child_id") or child["child_id"]
    return {"$or": [{"children.child_id": first}, {"children.first_child_id": first}]}


def held_elsewhere_in(
    reports: Iterable[Mapping[str, Any]], report_id: str, child: Mapping[str, Any]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Of the reports about a child those but one in which something identifies it, the earliest first, each with the
    child."""
    first = child.get("first_child_id") or child["child_id"]
    return [
        (report, each)
        for report in sorted(reports, key=lambda report: (report["registered_at"], report["_id"]))
        for each in report["children"]
        if report["_id"] != report_id
        and first in (each["child_id"], each.get("first_child_id"))
        and each["person_id"] is not None
        and each.get("erased_at") is None
    ]


def held_elsewhere(
    database: Database, report_id: str, child: Mapping[str, Any]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """As `held_elsewhere_in`, of all reports about the child. Raises Unavailable."""
    with reachable():
        return held_elsewhere_in(list(database[REPORTS].find(about_child(child))), report_id, child)


def page(database: Database, number: int, size: int, question: Mapping[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """One page of reports, newest first, and how many there are in all.

    `question` may have `kecamatan`, `severity`, `received_from` and `received_to`.
    """
    wanted: dict[str, Any] = {name: question[name] for name in ("kecamatan", "severity") if question.get(name)}
    received: dict[str, str] = {}
    for name, operator in (("received_from", "$gte"), ("received_to", "$lte")):
        day = question.get(name)
        if isinstance(day, date):
            received[operator] = day.isoformat()
    if received:
        wanted["received_on"] = received
    with reachable():
        reports = database[REPORTS]
        newest = [("registered_at", DESCENDING), ("_id", ASCENDING)]
        found = list(reports.find(wanted, sort=newest, skip=(number - 1) * size, limit=size))
        total = reports.count_documents(wanted) if wanted else reports.estimated_document_count()
    return found, total


def redactions(database: Database) -> list[dict[str, Any]]:
    """The reports whose narrative waits to be redacted, the longest first."""
    with reachable():
        waits = {"redaction_since": {"$type": "date"}}
        return list(
            database[REPORTS].find(waits, {"number": 1, "redaction_since": 1}).sort("redaction_since", ASCENDING)
        )


def erasures(database: Database, number: int, size: int) -> tuple[list[dict[str, Any]], int]:
    """One page of receipts, the newest first, and how many there are in all."""
    with reachable():
        receipts = database[ERASURES]
        found = receipts.find().sort("erased_at", DESCENDING).skip((number - 1) * size).limit(size)
        return list(found), receipts.estimated_document_count()


def shown(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report as the wire has it."""
    children = [
        {"first_child_id": None, **child, "erased": child.get("erased_at") is not None} for child in report["children"]
    ]
    waits = report.get("redaction_since") is not None
    more = {"redaction_needed": waits, "on_hold": report.get("hold") is not None}
    return {**report, "report_id": report["_id"], "children": children, **more}


def attachments(database: Database, report_id: str) -> list[dict[str, Any]]:
    """The files of a report, oldest first: codes and sizes, no name."""
    with reachable():
        return list(database[ATTACHMENTS].find({"report_id": report_id, "state": KEPT}, sort=[("added_at", ASCENDING)]))


def attachment(database: Database, report_id: str, attachment_id: str) -> dict[str, Any] | None:
    """One file of this report."""
    return find_surely(database[ATTACHMENTS], {"_id": attachment_id, "report_id": report_id, "state": KEPT})


def announce(database: Database, attachment_id: str, clear_after: datetime) -> None:
    """Before a content is stored: whatever happens, it is known that there may be one."""
    with reachable():
        database[ATTACHMENTS].insert_one({"_id": attachment_id, "state": ARRIVING, "clear_after": clear_after})


def give_up(database: Database, attachment_id: str) -> bool:
    """Gives up an attachment that is no report's yet. True if it is none now, and never will be again."""
    attachments = database[ATTACHMENTS]
    with reachable():
        attachments.update_one({"_id": attachment_id, "state": ARRIVING}, {"$set": {"state": GONE}})
        return attachments.find_one({"_id": attachment_id, "state": GONE}) is not None


def forget(database: Database, attachment_id: str) -> None:
    """After its content was removed: nothing is left of an attachment that was given up or removed."""
    with reachable():
        database[ATTACHMENTS].delete_one({"_id": attachment_id, "state": GONE})


def to_clear(database: Database, now: datetime, limit: int) -> list[str]:
    """The attachments whose content may be removed, the oldest first."""
    due = {"clear_after": {"$lte": now}}
    with reachable():
        found = database[ATTACHMENTS].find(due, {"_id": 1}, sort=[("clear_after", ASCENDING)], limit=limit)
        return [each["_id"] for each in found]


def report_in(unit: Unit, report_id: str) -> dict[str, Any] | None:
    """The id and version of a report, as this unit sees it; None also once what stood in it was erased."""
    return unit.find_one(unit.database[REPORTS], {"_id": report_id, "erased_at": None}, {"version": 1})


def change_report(unit: Unit, before: Mapping[str, Any], event: NewEvent, changes: Mapping[str, Any]) -> None:
    """Changes a report that this unit has read, and writes the event of it. Of two changes at once one is repeated."""
    version = unit.append(before["_id"], before["version"], [event])
    known = {"_id": before["_id"], "version": before["version"]}
    unit.update(unit.database[REPORTS], known, {"$set": {**changes, "version": version}}, must_match=True)


def set_version(unit: Unit, before: Mapping[str, Any], version: int) -> None:
    """Says that the report has a new version. Of two units that do so at once, one is repeated."""
    known = {"_id": before["_id"], "version": before["version"]}
    unit.update(unit.database[REPORTS], known, {"$set": {"version": version}}, must_match=True)


def ids_in(unit: Unit, report_id: str) -> list[str]:
    """The files of a report, as this unit sees them."""
    return [each["_id"] for each in unit.find(unit.database[ATTACHMENTS], {"report_id": report_id, "state": KEPT})]


def keep(unit: Unit, attachment_id: str, content: Mapping[str, Any]) -> None:
    """Makes an announced attachment a report's. Mismatch if it was given up meanwhile."""
    change = {"$set": {**content, "state": KEPT}, "$unset": {"clear_after": ""}}
    unit.update(unit.database[ATTACHMENTS], {"_id": attachment_id, "state": ARRIVING}, change, must_match=True)


def retire(unit: Unit, attachment_id: str, now: datetime) -> None:
    """Takes a file from its report; its content may be removed from now on."""
    change = {"$set": {"state": GONE, "clear_after": now}}
    unit.update(unit.database[ATTACHMENTS], {"_id": attachment_id, "state": KEPT}, change, must_match=True)


def shown_attachment(attachment: Mapping[str, Any]) -> dict[str, Any]:
    """An attachment as the wire has it."""
    return {
        "attachment_id": attachment["_id"],
        "media_type": FORMATS[attachment["format"]].media_type,
        **{name: attachment[name] for name in ("kind", "size_bytes", "added_at", "added_by")},
    }
