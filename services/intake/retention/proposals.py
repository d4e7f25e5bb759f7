"""Proposals to erase: how they are stored, and how one changes from state to state, each change with its event.

There is one proposal for each child and one for each report, so that nothing is proposed twice; what was withdrawn, or
kept until a day that has passed, is proposed again in the same one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from services.intake.store import PROPOSALS
from shared.events import NewEvent
from shared.ids import derived_id
from shared.journal import Unit
from shared.mongo import find_surely, reachable

PROPOSED, APPROVED, KEPT, WITHDRAWN, CARRIED_OUT = "proposed", "approved", "kept", "withdrawn", "carried_out"
STATES = (PROPOSED, APPROVED, KEPT, WITHDRAWN, CARRIED_OUT)
STANDING = (PROPOSED, APPROVED)
"""The states of a proposal that may still lead to an erasure."""
DECIDED = (
    *("decided_at", "decided_by", "keep_reason", "keep_until"),
    *("withdrawn_at", "withdrawn_reason", "carried_out_at", "erasure_id"),
)
"""What is said of a proposal once somebody has decided, or it no longer stands; nothing before."""
FIRST = [("over_on", ASCENDING), ("_id", ASCENDING)]


def about(report_id: str, child_id: str | None) -> str:
    """The id of the proposal about this child, or about the report as a whole."""
    return derived_id("proposal", report_id, child_id or "")


def page(database: Database, number: int, size: int, state: str) -> tuple[list[dict[str, Any]], int]:
    """One page of the proposals in this state, the longest over first, and how many there are."""
    with reachable():
        found = database[PROPOSALS].find({"state": state}, sort=FIRST, skip=(number - 1) * size, limit=size)
        return list(found), database[PROPOSALS].count_documents({"state": state})


def counts(database: Database) -> dict[str, int]:
    """How many proposals are in each state."""
    with reachable():
        return {state: database[PROPOSALS].count_documents({"state": state}) for state in STATES}


def get(database: Database, proposal_id: str) -> dict[str, Any] | None:
    """A proposal by its id."""
    return find_surely(database[PROPOSALS], {"_id": proposal_id})


def approved_before(database: Database, moment: datetime, after: str, limit: int) -> list[str]:
    """Ids, in their order and after the one given, of what was approved before this moment."""
    question = {"state": APPROVED, "decided_at": {"$lte": moment}, "_id": {"$gt": after}}
    with reachable():
        found = database[PROPOSALS].find(question, {"_id": 1}, sort=[("_id", ASCENDING)], limit=limit)
        return [each["_id"] for each in found]


def load(unit: Unit, proposal_id: str) -> dict[str, Any] | None:
    """A proposal as this unit sees it."""
    return unit.find_one(unit.database[PROPOSALS], {"_id": proposal_id})


def change(
    unit: Unit, before: Mapping[str, Any], type_name: str, said: Mapping[str, Any], changes: Mapping[str, Any]
) -> int:
    """Changes a proposal and writes the event of it. Returns its new version. Of two changes at once one fails."""
    version = unit.append(before["_id"], before["version"], [NewEvent(type_name, {**subject(before), **said})])
    known = {"_id": before["_id"], "version": before["version"]}
    unit.update(unit.database[PROPOSALS], known, {"$set": {**changes, "version": version}}, must_match=True)
    return version


def begin(unit: Unit, proposal: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Writes a proposal that is not there yet, with its event."""
    version = unit.append(proposal["_id"], 0, [NewEvent("retention.proposed", {**subject(proposal), **said})])
    unit.insert(unit.database[PROPOSALS], {**proposal, "version": version})


def withdraw(unit: Unit, proposal_id: str, reason: str, now: datetime) -> bool:
    """Withdraws a proposal that may still lead to an erasure; `reason` is a code of `proposal_withdrawal`.

    Returns whether there was one.
    """
    found = load(unit, proposal_id)
    if found is None or found["state"] not in STANDING:
        return False
    changes = {"state": WITHDRAWN, "withdrawn_at": now, "withdrawn_reason": reason}
    change(unit, found, "retention.withdrawn", {"reason": reason}, changes)
    return True


def withdraw_of(unit: Unit, report_id: str, child_id: str, reason: str, now: datetime) -> None:
    """Withdraws what is proposed for a child, and for its report as a whole."""
    for whole_or_child in (child_id, None):
        withdraw(unit, about(report_id, whole_or_child), reason, now)


def withdraw_all(unit: Unit, report_id: str, reason: str, now: datetime) -> None:
    """Withdraws whatever is proposed for a report and its children."""
    question = {"report_id": report_id, "state": {"$in": list(STANDING)}}
    for found in unit.find(unit.database[PROPOSALS], question, {"_id": 1}):
        withdraw(unit, found["_id"], reason, now)


def subject(proposal: Mapping[str, Any]) -> dict[str, Any]:
    """What each event says of its proposal."""
    return {
        "proposal_id": proposal["_id"],
        "report_id": proposal["report_id"],
        "child_id": proposal["child_id"],
    }


def shown(proposal: Mapping[str, Any]) -> dict[str, Any]:
    """A proposal as the wire has it."""
    return {**proposal, "proposal_id": proposal["_id"]}
