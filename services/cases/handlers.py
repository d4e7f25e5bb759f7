"""What cases does when something happens elsewhere: a registered report becomes one case for each of its children."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.cases import commands, store
from shared.events import Event
from shared.foundation import Foundation
from shared.journal import Unit
from shared.worker import Handler, Prepared

TOPICS = ("intake.reports",)


def handlers(foundation: Foundation) -> Mapping[str, Handler]:
    """Event type -> handler."""

    def existing(events: Sequence[Event], unit: Unit) -> set[str]:
        """Which of the cases are there already, asked once for a batch: asking for each took most of the time."""

        def read() -> set[str]:
            return store.existing(unit, [case_id for event in events for case_id in commands.case_ids(event.data)])

        return unit.once("existing cases", read)

    def look_up(events: Sequence[Event], unit: Unit) -> None:
        existing(events, unit)

    def report_registered(event: Event, unit: Unit) -> None:
        there = existing([event], unit)
        commands.open_cases(unit, event.data, event.occurred_at, event.recorded_at, there)
        there.update(commands.case_ids(event.data))

    return {"report.registered": Prepared(report_registered, look_up)}
