"""What cases does when something happens elsewhere: a registered report becomes one case for each of its children, or
joins the one that is open, or leaves it where that was wrong; a corrected child is corrected in its case; the agencies
that may be asked for services are remembered, who can have a case, and which accounts are a supervisor's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.cases import agencies, commands, glass, people, store
from shared.events import Event
from shared.foundation import Foundation
from shared.journal import Unit
from shared.worker import Handler, Prepared

TOPICS = ("intake.reports", "directory.events")


def handlers(foundation: Foundation) -> Mapping[str, Handler]:
    """Event type -> handler."""

    def existing(events: Sequence[Event], unit: Unit) -> set[str]:
        """Which of the cases are there already, asked once for a batch: asking for each took most of the time."""

        def read() -> set[str]:
            return store.existing(unit, [case_id for event in events for case_id in commands.case_ids(event.data)])

        return unit.once("existing cases", read)

    def open_ones(events: Sequence[Event], unit: Unit) -> dict[str, str]:
        """The open cases of the children, asked once as well; those that the batch opens are added."""

        def read() -> dict[str, str]:
            children = [child for event in events for child in event.data["children"]]
            return store.open_of(unit, [commands.first_child_id(child) for child in children])

        return unit.once("open cases", read)

    def look_up(events: Sequence[Event], unit: Unit) -> None:
        existing(events, unit)
        open_ones(events, unit)

    def report_registered(event: Event, unit: Unit) -> None:
        there = existing([event], unit)
        commands.open_cases(unit, event.data, event.occurred_at, event.recorded_at, there, open_ones([event], unit))
        there.update(commands.case_ids(event.data))

    def report_corrected(event: Event, unit: Unit) -> None:
        """What was corrected of a child is so in its case too: its urgency, and the class of its work."""
        commands.correct(unit, event.data["report_id"], event.data["child"], event.recorded_at)

    def child_separated(event: Event, unit: Unit) -> None:
        """The child was taken for another one: its report leaves the case of that, and has one of its own."""
        data = event.data
        commands.separate(unit, data, data["child"], data["received_at"], event.recorded_at)

    def agency_changed(event: Event, unit: Unit) -> None:
        agencies.remember(unit, event)

    def account_changed(event: Event, unit: Unit) -> None:
        """Remember who can have a case, and put back those of whoever no longer can; and which accounts are a
        supervisor's: one who breaks the glass is told whether another one sees it."""
        people.remember(unit, event)
        account_id, areas = event.data["account_id"], event.data.get("areas", [])
        can_have = people.can_have(event.data)
        commands.hand_back(unit, account_id, areas if can_have else None, event.recorded_at)
        supervises = event.data["active"] and event.data["role"] == "supervisor"
        change = {"$set": {"active": supervises}}
        unit.update(unit.database[glass.SUPERVISORS], {"_id": event.data["account_id"]}, change, upsert=True)

    return {
        "report.registered": Prepared(report_registered, look_up),
        "report.corrected": report_corrected,
        "report.child_separated": child_separated,
        "agency.registered": agency_changed,
        "agency.changed": agency_changed,
        "account.opened": account_changed,
        "account.changed": account_changed,
        "account.closed": account_changed,
    }
