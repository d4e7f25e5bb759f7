"""What cases does when something happens elsewhere: a registered report becomes one case for each of its children."""

from __future__ import annotations

from collections.abc import Mapping

from services.cases import commands
from shared.events import Event
from shared.foundation import Foundation
from shared.journal import Unit
from shared.worker import Handler

TOPICS = ("intake.reports",)


def handlers(foundation: Foundation) -> Mapping[str, Handler]:
    """Event type -> handler."""

    def report_registered(event: Event, unit: Unit) -> None:
        commands.open_cases(unit, event.data, event.occurred_at, event.recorded_at)

    return {"report.registered": report_registered}
