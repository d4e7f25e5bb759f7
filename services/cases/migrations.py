"""Taking cases over from one version of the workflow to the next: first looking what would become of each, then moving.

Each case moves in a unit of work of its own, and its history says so. So a run that was killed is run again: what has
moved is on the new version, and the rest is gone over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from services.cases import commands, definitions, model, store
from services.cases.engine import Case, Definition, Event, Refusal
from services.cases.engine.migration import migrate
from services.cases.engine.refusals import Reason
from services.cases.engine.state import BREACHED, LATE
from shared.access import system_actor
from shared.foundation import Foundation
from shared.journal import Unit, VersionConflict
from shared.mongo import reachable

MIGRATION = system_actor("cases.migration")
ATTEMPTS = 5


@dataclass(frozen=True)
class Moved:
    """What becomes of one case: taken over, or why not. `overdue`: deadlines that the new rules have let pass already
    and that nobody was told of; the clock says so within a minute of the move."""

    case_number: str
    reasons: tuple[Reason, ...] = ()
    overdue: tuple[str, ...] = ()
    shifted: Mapping[str, float] = field(default_factory=dict)
    """By how many hours each deadline that goes on lies later than before, negative for earlier; 0 is left out."""


def count(foundation: Foundation, old: Definition) -> int:
    """How many cases are on a version, those that have ended included: they may be reopened."""
    with reachable():
        return foundation.database[store.CASES].count_documents({"workflow": old.id})


def look(foundation: Foundation, old: Definition, new: Definition) -> Iterator[Moved]:
    """What would become of every case that is on `old`. Changes nothing."""
    for case_id in _on(foundation, old):
        document = store.get(foundation.database, case_id)
        if document is not None and document["workflow"] == old.id:
            record, case = model.from_document(document)
            history = [model.from_entry(entry) for entry in store.history(foundation.database, case_id)]
            yield _result(record, case, migrate(old, new, case, history, MIGRATION.id, foundation.clock()))


def move(foundation: Foundation, old: Definition, new: Definition) -> Iterator[Moved]:
    """Moves every case that can be moved, one by one. Raises NoDefinition unless `new` is a version of this city."""
    definitions.of(new.id)
    for case_id in _on(foundation, old):
        moved = _move(foundation, old, new, case_id)
        if moved is not None:
            yield moved


def _move(foundation: Foundation, old: Definition, new: Definition, case_id: str) -> Moved | None:
    def work(unit: Unit) -> dict[str, Any]:
        record, case = commands.load(unit, case_id)
        if case.definition != old.id:
            return {"moved": None}
        entries = unit.find(unit.database["journal"], {"stream": case_id})
        history = [model.from_entry(entry) for entry in sorted(entries, key=lambda entry: entry["version"])]
        event = migrate(old, new, case, history, MIGRATION.id, foundation.clock())
        if isinstance(event, Event):
            store.put(unit, record, case, commands.write(unit, record, case, [event]))
        return {"moved": _result(record, case, event)}

    return _again_on_conflict(lambda: foundation.journal.run(work, actor=MIGRATION)["moved"])


def _again_on_conflict(work: Callable[[], Moved | None]) -> Moved | None:
    """Whoever works on the case meanwhile goes first."""
    for attempt in range(ATTEMPTS):
        try:
            return work()
        except VersionConflict:
            if attempt == ATTEMPTS - 1:
                raise
    return None


def _on(foundation: Foundation, old: Definition) -> Iterator[str]:
    """Ids of the cases on a version."""
    return (each["_id"] for each in store.every(foundation.database, {"workflow": old.id}))


def _result(record: model.Record, case: Case, event: Event | Refusal) -> Moved:
    if isinstance(event, Refusal):
        return Moved(record.case_number, event.reasons)
    before = {each.key: each for each in case.deadlines}
    overdue, shifted = [], {}
    for each in event.data["deadlines"]:
        if each["due_at"] <= event.at and each["still_since"] is None and each["phase"] not in (BREACHED, LATE):
            overdue.append(each["name"])
        former = before.get((each["name"], each["subject"]))
        if former is not None and former.due_at != each["due_at"]:
            shifted[each["name"]] = (each["due_at"] - former.due_at) / timedelta(hours=1)
    return Moved(record.case_number, overdue=tuple(overdue), shifted=shifted)
