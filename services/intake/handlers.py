"""What intake does after a report was registered: its children become findable (the registering itself does not wait
for the index). Of their cases it remembers when and how they ended, which retention goes by."""

from __future__ import annotations

from collections.abc import Mapping

from services.intake.retention import courses
from shared.events import Event
from shared.foundation import Foundation
from shared.journal import Unit
from shared.worker import Handler

TOPICS = ("intake.reports", "cases.events")


def handlers(foundation: Foundation) -> Mapping[str, Handler]:
    """Event type -> handler."""

    def report_registered(event: Event, unit: Unit) -> None:
        for child in event.data["children"]:
            if child["person_id"] is not None:
                foundation.found.move(unit, child["person_id"])

    def child_erased(event: Event, unit: Unit) -> None:
        """It went with the erasure; a journal that is read again must not leave it behind either."""
        foundation.found.forget(unit, event.data["person_id"])

    return {
        "report.registered": report_registered,
        "report.child_erased": child_erased,
        "case.opened": courses.opened,
        "case.report_joined": courses.report_joined,
        "case.report_separated": courses.report_separated,
        "case.step_taken": courses.step_taken,
        "referral.completed": courses.service_given,
    }
