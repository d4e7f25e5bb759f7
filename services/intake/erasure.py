"""Erasing what identifies a child, and taking its name out of the narrative that tells of it.

Erasing deletes the child's keyset and values, and leaves a receipt without an identity. The report's narrative may
still name the child, so it is queued for redaction. What older copies of the database hold opens until the vault's key
is rotated (shared/vault/rotation.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.intake.store import ERASURES, REPORTS, ids_in
from shared.access import Actor
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Command, Unit, VersionConflict
from shared.vault import NotHeld

NARRATIVE = "narrative"


class Refused(Exception):
    """Not possible. `reason`: `unknown_child`, `nothing_held` (it never had an identity, or has none any more)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def erase(
    foundation: Foundation,
    actor: Actor,
    report_id: str,
    child_id: str,
    reason: str,
    command: Command | None = None,
) -> Mapping[str, Any]:
    """Erases a child's identity and returns the receipt. `reason` is a code of the list `erasure_reason`.

    Raises NotHeld for an unknown report, Refused, journal.VersionConflict, journal.Unavailable.
    """
    now = foundation.clock()
    receipt_id = new_id("erasure")

    def work(unit: Unit) -> dict[str, Any]:
        report = _report(unit, foundation, report_id)
        place = next((n for n, child in enumerate(report["children"]) if child["child_id"] == child_id), None)
        if place is None:
            raise Refused("unknown_child")
        child = report["children"][place]
        if child["person_id"] is None or child.get("erased_at") is not None:
            raise Refused("nothing_held")
        fields = foundation.sealed.erase(unit, child["person_id"])
        # Its narrative and its files may still tell who the child is: which, only a person can see.
        told = NARRATIVE in foundation.sealed.held(unit, report_id) or bool(ids_in(unit, report_id))
        said = {"report_id": report_id, "child_id": child_id, "person_id": child["person_id"], "reason": reason}
        changes = {f"children.{place}.erased_at": now, **({"redaction_since": now} if told else {})}
        _change(unit, foundation, report, NewEvent("report.child_erased", said), changes)
        receipt = {
            "_id": receipt_id,
            "report_id": report_id,
            "report_number": report["number"],
            "child_id": child_id,
            "subject": child["person_id"],
            "reason": reason,
            "fields": fields,
            "erased_at": now,
            "erased_by": actor.id,
            "redaction_needed": told,
        }
        unit.insert(foundation.database[ERASURES], receipt)
        return {"receipt": receipt_id}

    answer = foundation.journal.run(work, actor=actor, command=command)
    found = foundation.database[ERASURES].find_one({"_id": answer["receipt"]})
    if found is None:
        raise NotHeld(answer["receipt"])
    return found


def redact(foundation: Foundation, actor: Actor, report_id: str, version: int, narrative: str) -> int:
    """Puts a narrative without the erased child's name in the place of the report's. Returns the new version.

    The report gets a new keyset: the old narrative cannot be opened by it, also not from an older copy. Raises NotHeld,
    journal.VersionConflict for another version than the actor saw, journal.Unavailable.
    """

    def work(unit: Unit) -> dict[str, Any]:
        report = _report(unit, foundation, report_id)
        if report["version"] != version:
            raise VersionConflict(report_id, version, report["version"])
        foundation.sealed.seal_anew(unit, report_id, {NARRATIVE: narrative})
        event = NewEvent("report.narrative_redacted", {"report_id": report_id})
        _change(unit, foundation, report, event, {"redaction_since": None})
        return {"version": report["version"] + 1}

    return int(foundation.journal.run(work, actor=actor)["version"])


def _report(unit: Unit, foundation: Foundation, report_id: str) -> dict[str, Any]:
    report = unit.find_one(foundation.database[REPORTS], {"_id": report_id})
    if report is None:
        raise NotHeld(report_id)
    return report


def _change(
    unit: Unit, foundation: Foundation, report: Mapping[str, Any], event: NewEvent, changes: Mapping[str, Any]
) -> None:
    unit.append(report["_id"], report["version"], [event])
    unit.update(
        foundation.database[REPORTS],
        {"_id": report["_id"], "version": report["version"]},
        {"$set": {**changes, "version": report["version"] + 1}},
        must_match=True,
    )
