"""One sweep of the clock over many open cases of which few are due: how long it takes, and how much it looks at."""

from __future__ import annotations

import statistics
import time
from datetime import timedelta
from typing import Any

from services.cases import commands, store
from services.cases.handlers import handlers
from shared.events import Event
from shared.foundation import Foundation
from shared.ids import new_id, new_number
from shared.journal import Context
from tests.performance.figures import Figure, at_most
from tests.performance.ground import Ground, a_registered_report

CASES, DUE, CHUNK = 1_000_000, 1_000, 5_000


def figures(here: Ground, cases: int) -> list[Figure]:
    """A sweep over so many open deadlines, of which a thousand are due."""
    foundation = here.foundation("cases", here.new_prefix())
    _fill(foundation, cases)
    now = foundation.clock()
    clock = Foundation.start(foundation.settings, lambda: now)
    found = foundation.database[store.CASES].find({"next_at": {"$lte": now}}, {"_id": 1}, sort=[("next_at", 1)])
    looked = found.limit(DUE).explain()["executionStats"]
    began, said = time.perf_counter(), 0
    while swept := commands.sweep(clock):
        said += swept
    seconds = time.perf_counter() - began
    quiet = []
    for _ in range(20):
        start = time.perf_counter()
        commands.sweep(clock)
        quiet.append(1_000 * (time.perf_counter() - start))
    each = looked["totalDocsExamined"] / max(looked["nReturned"], 1)
    return [
        Figure(f"a sweep with {DUE:,} due of {cases:,}", round(seconds, 2), "s"),
        Figure("one effect of it, safely written", round(1_000 * seconds / max(said, 1), 2), "ms"),
        at_most("documents looked at for each effect: found, and decided on", each + 1, "documents", 2),
        Figure(f"a sweep with nothing due of {cases:,}", round(statistics.median(quiet), 2), "ms"),
    ]


def _fill(foundation: Foundation, cases: int) -> None:
    """Open cases, alike but for their ids; the deadline of DUE has come."""
    new = a_registered_report()
    now = foundation.clock()
    event = Event("e", new.type, "intake", new.data["report_id"], 1, 1, now, now, new.data, "bench", "c")
    foundation.journal.transact(
        lambda unit: handlers(foundation)["report.registered"].handle(event, unit), Context("system:bench")
    )
    collection = foundation.database[store.CASES]
    alike = collection.find_one()
    assert alike is not None
    made = 0
    while made < cases:
        collection.insert_many([_one(alike, made + n, now) for n in range(min(CHUNK, cases - made))], ordered=False)
        made += min(CHUNK, cases - made)


def _one(alike: dict[str, Any], number: int, now: Any) -> dict[str, Any]:
    at = now - timedelta(seconds=1) if number < DUE else now + timedelta(days=1, minutes=number % 10_000)
    deadlines = [{**alike["deadlines"][0], "due_at": at}]
    ids = {"_id": new_id("case"), "case_number": new_number("K"), "first_child_id": new_id("child")}
    return {**alike, **ids, "due_at": at, "next_at": at, "deadlines": deadlines}
