"""What intake remembers of the cases of its reports: when and how each ended. Told by the events of cases.

A course is of one child of one report: `case_id`, `report_id`, `child_id`, `person_id`; `ended_at`, `stage` and
`reasons` while the case is ended; `services` that were given; `all_erased` once neither child nor report holds anything
any more. A case has one for each report that joined it as well: what those hold is needed as long as the case is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from services.intake.retention import proposals
from services.intake.store import COURSES
from shared.events import Event
from shared.ids import derived_id
from shared.journal import Unit
from shared.mongo import reachable

AT_ONCE = 200


def opened(event: Event, unit: Unit) -> None:
    """A case began for a child of a report."""
    _begin(unit, event.data["case_id"], event.data)


def report_joined(event: Event, unit: Unit) -> None:
    """A further report joined an open case: its child's course is that of the case."""
    _begin(unit, _of_joined(event.data), event.data)


def report_separated(event: Event, unit: Unit) -> None:
    """A report that had joined is of another case now, which tells its own beginning. What was proposed for it, when
    the case that it left had ended, no longer stands."""
    data = event.data
    course_id = _of_joined(data)
    if unit.find_one(unit.database[COURSES], {"_id": course_id}, {"_id": 1}) is None:
        return  # it opened the case, and goes on with it
    unit.delete(unit.database[COURSES], {"_id": course_id})
    proposals.withdraw_of(unit, data["report_id"], data["child_id"], "reopened", event.recorded_at)


def _of_joined(data: Mapping[str, Any]) -> str:
    return derived_id("course", data["case_id"], data["report_id"], data["child_id"])


def _begin(unit: Unit, course_id: str, data: Mapping[str, Any]) -> None:
    about = {name: data[name] for name in ("case_id", "report_id", "child_id", "person_id")}
    fresh: dict[str, Any] = {"ended_at": None, "stage": None, "reasons": [], "services": [], "all_erased": False}
    change = {"$set": about, "$setOnInsert": fresh}
    unit.update(unit.database[COURSES], {"_id": course_id}, change, upsert=True)


def step_taken(event: Event, unit: Unit) -> None:
    """A case ended, or was opened again: then what was proposed for it no longer stands."""
    courses, data = unit.database[COURSES], event.data
    of_case = unit.find(courses, {"case_id": data["case_id"]})
    if data["ended"]:
        reasons = [each["value"] for each in data["facts"] if each["fact"].endswith("_reason")]
        ended = {"ended_at": event.occurred_at, "stage": data["to_stage"], "reasons": reasons}
        for course in of_case:
            unit.update(courses, {"_id": course["_id"]}, {"$set": ended})
        return
    for course in of_case:
        if course["ended_at"] is None:
            continue
        # Always written, so that an erasure that is carried out at this moment and this one meet.
        again: dict[str, Any] = {"ended_at": None, "stage": None, "reasons": []}
        unit.update(courses, {"_id": course["_id"]}, {"$set": again})
        proposals.withdraw_of(unit, course["report_id"], course["child_id"], "reopened", event.recorded_at)


def service_given(event: Event, unit: Unit) -> None:
    """A referral ended with an outcome."""
    service = f"{event.data['kind']}:{event.data['outcome']}"
    for course in unit.find(unit.database[COURSES], {"case_id": event.data["case_id"]}, {"_id": 1}):
        unit.update(unit.database[COURSES], {"_id": course["_id"]}, {"$addToSet": {"services": service}})


def of_report(unit: Unit, report_id: str) -> list[dict[str, Any]]:
    """The courses of a report's children, as this unit sees them."""
    return unit.find(unit.database[COURSES], {"report_id": report_id})


def ended_before(database: Database, moment: datetime) -> Iterator[str]:
    """The reports of cases that ended before this moment and of which something may be held, each once.

    Read in portions, so that it may last as long as the work on each needs.
    """
    seen: set[str] = set()
    after: tuple[datetime, str] | None = None
    while True:
        question: dict[str, Any] = {"ended_at": {"$type": "date", "$lt": moment}, "all_erased": False}
        if after is not None:
            later = {"ended_at": {"$gt": after[0], "$lt": moment}}
            question["$or"] = [later, {"ended_at": after[0], "_id": {"$gt": after[1]}}]
        with reachable():
            found = list(
                database[COURSES]
                .find(question, {"report_id": 1, "ended_at": 1}, sort=[("ended_at", ASCENDING), ("_id", ASCENDING)])
                .limit(AT_ONCE)
            )
        for each in found:
            if each["report_id"] not in seen:
                seen.add(each["report_id"])
                yield each["report_id"]
        if len(found) < AT_ONCE:
            return
        after = (found[-1]["ended_at"], found[-1]["_id"])
