"""Taking back that a child is the one of an earlier report: it is another child, and gets a case of its own.

What identifies either is not touched, for each report has its own. It knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from services.intake import registration, store
from services.intake.retention import proposals
from shared.access import Actor
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.journal import Command, Unit, VersionConflict
from shared.vault import NotHeld

OF_THE_REPORT = ("channel", "received_on", "kecamatan", "kelurahan", "work_type", "demonstration")


class NotLinked(Exception):
    """The report does not say that the child is one of an earlier report."""


def separate(
    foundation: Foundation, actor: Actor, report_id: str, child_id: str, version: int, command: Command | None = None
) -> None:
    """Says that a child of the report, which the actor knows as `version`, is that of no earlier one. Later reports
    that named it stay with the earlier child: each is taken back by itself.

    Raises vault.NotHeld for an unknown report or child, NotLinked, journal.VersionConflict, journal.KeyReused,
    journal.Unavailable.
    """
    now = foundation.clock()

    def work(unit: Unit) -> dict[str, Any]:
        report = unit.find_one(unit.database[store.REPORTS], {"_id": report_id})
        if report is None:
            raise NotHeld(report_id)
        if report["version"] != version:
            raise VersionConflict(report_id, version, report["version"])
        number, child = store.child_in(report, child_id)
        if child.get("first_child_id") is None:
            raise NotLinked(child_id)
        alone = {name: value for name, value in child.items() if name != "first_child_id"}
        event = NewEvent("report.child_separated", _said(report, number, child))
        store.change_report(unit, report, event, {f"children.{number - 1}": alone})
        # What the end of the other child's case had made due is not due: this child's own case begins now.
        proposals.withdraw_of(unit, report_id, child_id, "reopened", now)
        return {}

    foundation.journal.run(work, actor=actor, command=command)


def _said(report: Mapping[str, Any], number: int, child: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "report_id": report["_id"],
        "report_number": report["number"],
        **{name: report[name] for name in OF_THE_REPORT},
        "received_at": registration.received_at(date.fromisoformat(report["received_on"]), report["registered_at"]),
        "child_number": number,
        "first_child_id": child["first_child_id"],
        "child": {name: child[name] for name in registration.TOLD_OF_A_CHILD},
    }
