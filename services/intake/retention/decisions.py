"""What a person decides about retention: approve, keep longer, take an approval back; hold a report, lift the hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from services.intake.retention import proposals
from services.intake.store import REPORTS, change_report
from shared.access import Actor
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.journal import Command, Unit, VersionConflict
from shared.vault import NotHeld

APPROVE, KEEP, TAKE_BACK = "approve", "keep", "take_back"
POSSIBLE: Mapping[str, tuple[str, ...]] = {
    APPROVE: (proposals.PROPOSED,),
    KEEP: (proposals.PROPOSED, proposals.APPROVED),
    TAKE_BACK: (proposals.APPROVED,),
}
"""In which states of a proposal a decision is possible."""


class Refused(Exception):
    """Not possible. `reason`: `decided` (the proposal no longer waits for this), `on_hold`, `not_on_hold`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def decide(
    foundation: Foundation,
    actor: Actor,
    proposal_id: str,
    version: int,
    decision: str,
    reason: str | None = None,
    until: date | None = None,
    command: Command | None = None,
) -> None:
    """Carries out a decision on the proposal that the actor knows as `version`.

    KEEP has a `reason` (a code of `keeping_reason`) and a day (WIB) `until` which it is not proposed again. Raises
    NotHeld for an unknown proposal, Refused, journal.VersionConflict, journal.Unavailable.
    """
    now = foundation.clock()

    def work(unit: Unit) -> dict[str, Any]:
        before = proposals.load(unit, proposal_id)
        if before is None:
            raise NotHeld(proposal_id)
        if before["version"] != version:
            raise VersionConflict(proposal_id, version, before["version"])
        if before["state"] not in POSSIBLE[decision]:
            raise Refused("decided")
        type_name, said, changes = _decided(decision, actor, now, reason, until)
        proposals.change(unit, before, type_name, said, changes)
        return {"proposal_id": proposal_id}

    foundation.journal.run(work, actor=actor, command=command)


def _decided(
    decision: str, actor: Actor, now: datetime, reason: str | None, until: date | None
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The event's type, what it says, and how the proposal changes."""
    if decision == TAKE_BACK:
        undecided = {"state": proposals.PROPOSED, "decided_at": None, "decided_by": None}
        return "retention.taken_back", {}, undecided
    by = {"decided_at": now, "decided_by": actor.id}
    if decision == APPROVE:
        return "retention.approved", {}, {**by, "state": proposals.APPROVED}
    if reason is None or until is None:
        raise ValueError("who keeps something says why and until when")
    kept = {"state": proposals.KEPT, "keep_reason": reason, "keep_until": until.isoformat()}
    return "retention.kept", {"reason": reason, "until": until}, {**by, **kept}


def hold(foundation: Foundation, actor: Actor, report_id: str, reason: str) -> None:
    """From now on nothing of the report is erased; what was proposed is withdrawn. `reason`: a code of `hold_reason`.

    Raises NotHeld for an unknown report, Refused, journal.Unavailable.
    """
    now = foundation.clock()

    def work(unit: Unit) -> dict[str, Any]:
        report = _report(unit, report_id)
        if report.get("hold") is not None:
            raise Refused("on_hold")
        event = NewEvent("report.hold_placed", {"report_id": report_id, "reason": reason})
        change_report(unit, report, event, {"hold": {"reason": reason, "since": now, "by": actor.id}})
        proposals.withdraw_all(unit, report_id, "hold", now)
        return {"report_id": report_id}

    foundation.journal.run(work, actor=actor)


def lift(foundation: Foundation, actor: Actor, report_id: str) -> None:
    """Lifts the hold: what is over is proposed again at the next review. Raises as `hold`."""

    def work(unit: Unit) -> dict[str, Any]:
        report = _report(unit, report_id)
        if report.get("hold") is None:
            raise Refused("not_on_hold")
        change_report(unit, report, NewEvent("report.hold_lifted", {"report_id": report_id}), {"hold": None})
        return {"report_id": report_id}

    foundation.journal.run(work, actor=actor)


def _report(unit: Unit, report_id: str) -> dict[str, Any]:
    report = unit.find_one(unit.database[REPORTS], {"_id": report_id})
    if report is None:
        raise NotHeld(report_id)
    return report
