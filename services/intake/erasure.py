"""Erasing what identifies a child, or what stands in a report as a whole, and taking a name out of the narrative.

A child that was reported again is held once in each of its reports: who erases it by hand erases it in all of them.
Erasing deletes the keyset, the values and what a child could be found by, and leaves a receipt without an identity. The
report's narrative may still name an erased child, so it is queued for redaction. What older copies of the database hold
opens until the vault's key is rotated (shared/vault/rotation.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.intake import attachments
from services.intake.retention import proposals
from services.intake.store import (
    COURSES,
    ERASURES,
    REPORTS,
    about_child,
    change_report,
    child_in,
    held_elsewhere_in,
    ids_in,
)
from shared.access import Actor
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.ids import derived_id, new_id
from shared.journal import Command, Unit, VersionConflict
from shared.mongo import find_surely
from shared.vault import NotHeld

NARRATIVE = "narrative"


class Refused(Exception):
    """Not possible. `reason`: `unknown_child`, `nothing_held` (it never had an identity, or has none any more),
    `on_hold` (somebody has said that nothing of the report may be erased)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AlsoHeld(Exception):
    """The child is held in other reports than those that were named. `numbers`: these are they."""

    def __init__(self, numbers: Collection[str]) -> None:
        super().__init__("held in other reports than those that were named")
        self.numbers = list(numbers)


@dataclass(frozen=True)
class Order:
    """An erasure that somebody wants: why (a code of `erasure_reason`), when, by which account or process, and, where
    another one approved it, by whom. `receipt_id` is given, so that what is repeated has the same receipt."""

    reason: str
    at: datetime
    by: str
    receipt_id: str
    approved_by: str | None = None


def erase(
    foundation: Foundation,
    actor: Actor,
    report_id: str,
    child_id: str,
    reason: str,
    also: Collection[str] = (),
    command: Command | None = None,
) -> Mapping[str, Any]:
    """Erases a child's identity in this and all its other reports, and returns the receipt for this one.

    `reason` is a code of the list `erasure_reason`; `also` are the numbers of those others, as the actor was shown
    them. All is erased or nothing. Raises NotHeld for an unknown report, Refused (`on_hold` also for another of the
    reports), AlsoHeld, journal.VersionConflict, journal.Unavailable.
    """
    order = Order(reason, foundation.clock(), actor.id, new_id("erasure"))

    def work(unit: Unit) -> dict[str, Any]:
        others = _elsewhere(unit, foundation, report_id, child_id)
        person_id = erase_in(unit, foundation, report_id, child_id, order)
        if {report["number"] for report, _ in others} != set(also):
            raise AlsoHeld([report["number"] for report, _ in others])
        proposals.withdraw(unit, proposals.about(report_id, child_id), "erased", order.at)
        for report, child in others:
            there, theirs = report["_id"], child["child_id"]
            receipt_id = derived_id("erasure", order.receipt_id, theirs)
            erase_in(unit, foundation, there, theirs, replace(order, receipt_id=receipt_id))
            proposals.withdraw(unit, proposals.about(there, theirs), "erased", order.at)
        return {"receipt": order.receipt_id, "person_id": person_id}

    answer = foundation.journal.run(work, actor=actor, command=command)
    found = find_surely(foundation.database[ERASURES], {"_id": answer["receipt"]})
    if found is None:
        raise NotHeld(answer["receipt"])
    return found


def _elsewhere(
    unit: Unit, foundation: Foundation, report_id: str, child_id: str
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The child in its other reports that hold something of it. Raises NotHeld, Refused."""
    report = _report(unit, foundation, report_id)
    try:
        _, child = child_in(report, child_id)
    except NotHeld:
        raise Refused("unknown_child") from None
    reports = unit.find(foundation.database[REPORTS], about_child(child))
    return held_elsewhere_in(reports, report_id, child)


def erase_in(unit: Unit, foundation: Foundation, report_id: str, child_id: str, order: Order) -> str:
    """Erases a child's identity in one report inside a unit of work. Returns its subject in the vault.

    Raises NotHeld, Refused.
    """
    report = _report(unit, foundation, report_id)
    try:
        number, child = child_in(report, child_id)
    except NotHeld:
        raise Refused("unknown_child") from None
    if child["person_id"] is None or child.get("erased_at") is not None:
        raise Refused("nothing_held")
    _not_on_hold(report)
    person_id: str = child["person_id"]
    fields = foundation.sealed.erase(unit, person_id)
    foundation.found.forget(unit, person_id)
    # Its narrative and its files may still tell who the child is: which, only a person can see.
    told = NARRATIVE in foundation.sealed.held(unit, report_id) or bool(ids_in(unit, report_id))
    said = {"report_id": report_id, "child_id": child_id, "person_id": person_id, "reason": order.reason}
    changes = {f"children.{number - 1}.erased_at": order.at, **({"redaction_since": order.at} if told else {})}
    change_report(unit, report, NewEvent("report.child_erased", said), changes)
    # The case's course is written too, so that a case that is opened again at this moment meets this erasure.
    unit.update(foundation.database[COURSES], {"child_id": child_id}, {"$set": {"erased_at": order.at}})
    _receipt(unit, foundation, report, child_id, person_id, order, fields, told)
    return person_id


def erase_report_in(unit: Unit, foundation: Foundation, report_id: str, order: Order) -> None:
    """Erases what stands in a report as a whole, and its files, inside a unit of work; not its children.

    The contents of the files are unreadable with the commit, and go with the next sweep. Raises NotHeld, Refused.
    """
    before = _report(unit, foundation, report_id)
    if before.get("erased_at") is not None:
        raise Refused("nothing_held")
    _not_on_hold(before)
    attachments.remove_in(unit, foundation, report_id, None, "erased")
    report = _report(unit, foundation, report_id)
    fields = foundation.sealed.erase(unit, report_id)
    event = NewEvent("report.erased", {"report_id": report_id, "reason": order.reason})
    change_report(unit, report, event, {"erased_at": order.at, "redaction_since": None})
    _receipt(unit, foundation, report, None, report_id, order, fields, False)


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
        change_report(unit, report, event, {"redaction_since": None})
        return {"version": report["version"] + 1}

    return int(foundation.journal.run(work, actor=actor)["version"])


def _not_on_hold(report: Mapping[str, Any]) -> None:
    if report.get("hold") is not None:
        raise Refused("on_hold")


def _report(unit: Unit, foundation: Foundation, report_id: str) -> dict[str, Any]:
    report = unit.find_one(foundation.database[REPORTS], {"_id": report_id})
    if report is None:
        raise NotHeld(report_id)
    return report


def _receipt(
    unit: Unit,
    foundation: Foundation,
    report: Mapping[str, Any],
    child_id: str | None,
    subject: str,
    order: Order,
    fields: int,
    redaction_needed: bool,
) -> None:
    receipt = {
        "_id": order.receipt_id,
        "report_id": report["_id"],
        "report_number": report["number"],
        "child_id": child_id,
        "subject": subject,
        "reason": order.reason,
        "fields": fields,
        "erased_at": order.at,
        "erased_by": order.by,
        "approved_by": order.approved_by,
        "redaction_needed": redaction_needed,
    }
    unit.insert(foundation.database[ERASURES], receipt)
