"""What reporting does when it hears of reports and cases: it keeps a fact of each and moves the counts.

A handler reads nothing for the first event of a thing, so that a batch goes to the database in one piece. It depends on
no order between the topics: a report's counts and a case's counts are made of their own events only.
"""

from __future__ import annotations

from collections.abc import Callable

from services.reporting import store
from services.reporting.model.facts import FactMissing, begins, change, evolve
from shared.events import Event
from shared.foundation import Foundation
from shared.journal import Unit
from shared.worker import Permanent

TOPICS = ["intake.reports", "cases.events"]

Handler = Callable[[Event, Unit], None]


def handlers(foundation: Foundation) -> dict[str, Handler]:
    """The handler of every event type that this service counts."""
    types = ("report.registered", "case.opened", "case.screened", "case.screening_overdue")
    return dict.fromkeys(types, count)


def count(event: Event, unit: Unit) -> None:
    """Keeps the fact of the event's report or case, and adds to the counts what that changed."""
    # In a journal's first life the first event of a stream finds nothing; after a restore it may find an earlier life.
    fresh = begins(event.type) and event.epoch == 1
    before = None if fresh else store.fact(unit, event.stream)
    try:
        after = evolve(before, event)
    except FactMissing as error:
        raise Permanent(str(error)) from None
    store.keep_fact(unit, event.stream, after)
    for cell, changes in change(before, after).items():
        store.add(unit, cell, changes, event.recorded_at)
