"""What reporting does when it hears of reports and cases: it keeps a fact of each and moves the counts.

What a batch needs is read in one piece before it; nothing is read for the first event of a thing. It depends on no
order between the topics: a report's counts and a case's counts are made of their own events only.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.reporting import store
from services.reporting.model.facts import FactMissing, begins, change, evolve
from shared.events import Event
from shared.foundation import Foundation
from shared.journal import Unit
from shared.worker import Handler, Permanent, Prepared

TOPICS = ["intake.reports", "cases.events"]


def handlers(foundation: Foundation) -> dict[str, Handler]:
    """The handler of every event type that this service counts."""
    types = (
        "report.registered",
        "report.corrected",
        "case.opened",
        "case.corrected",
        "case.step_taken",
        "case.deadline_breached",
    )
    return dict.fromkeys(types, Prepared(count, prepare))


def fresh(event: Event) -> bool:
    """Whether there can be no fact yet: in a journal's first life the first event of a stream finds nothing."""
    return begins(event.type) and event.epoch == 1


def prepare(events: Sequence[Event], unit: Unit) -> None:
    """Reads the facts that these events will change."""
    begun = {event.stream for event in events if fresh(event)}
    store.load_facts(unit, {event.stream for event in events} - begun)


def count(event: Event, unit: Unit) -> None:
    """Keeps the fact of the event's report or case, and adds to the counts what that changed."""
    before = None if fresh(event) else store.fact(unit, event.stream)
    try:
        after = evolve(before, event)
    except FactMissing as error:
        raise Permanent(str(error)) from None
    store.keep_fact(unit, event.stream, after)
    for cell, changes in change(before, after).items():
        store.add(unit, cell, changes, event.recorded_at)
