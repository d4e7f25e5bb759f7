"""Whether a child has been reported before: what a new one can be found by, finding, and making the hashes anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.intake import store
from shared.access import Actor, system_actor
from shared.foundation import Foundation
from shared.journal import Unit
from shared.names import Person

SHOWN = 5
MAKER = system_actor("intake.reindex")
AT_ONCE = 200
#: How alike two names are, from this on; below the last a candidate is not shown.
LIKENESS = (("same", 0.97), ("very_alike", 0.85), ("alike", 0.65))


@dataclass(frozen=True)
class Found:
    """A child of a report that may be the one who is meant. `likeness` is a code of LIKENESS."""

    report: Mapping[str, Any]
    child: Mapping[str, Any]
    likeness: str


def findable(
    foundation: Foundation, report_id: str, age_years: int | None, sealed: Mapping[str, str], kecamatan: str
) -> dict[str, Any] | None:
    """By what a child can be found, to be kept with its sealed values; None where its name is not known."""
    if "name" not in sealed:
        return None
    person = Person(sealed["name"], age_years, kecamatan, sealed.get("guardian_name"))
    return foundation.found.findable(report_id, person)


def find(foundation: Foundation, actor: Actor, wanted: Person, purpose: str) -> list[Found]:
    """The children who may be meant, best first, at most SHOWN. Every name that was opened to compare is audited.

    Raises names.OneMoreFact, journal.Unavailable.
    """
    found = []
    for match in foundation.found.find(actor, wanted, purpose):
        likeness = next((code for code, least in LIKENESS if match.likeness >= least), None)
        if likeness is None:
            continue
        report = store.get(foundation.database, match.report_id)
        child = next((c for c in report["children"] if c["person_id"] == match.person_id), None) if report else None
        if report is not None and child is not None and child.get("erased_at") is None:
            found.append(Found(report, child, likeness))
        if len(found) == SHOWN:
            break
    return found


def reindex(foundation: Foundation, tell: Callable[[int], None]) -> int:
    """Moves what waits and hashes anew what is not of the present key; `tell` hears how many are done. Returns them.

    Finding goes on meanwhile, by both keys. Safe to interrupt and to repeat.
    """
    finder, done = foundation.found, 0
    for person_id in finder.waiting():

        def moved(unit: Unit, one: str = person_id) -> dict[str, Any]:
            return {"moved": finder.move(unit, one)}

        foundation.journal.run(moved, actor=MAKER)
        done += 1
        tell(done)
    while stale := finder.stale(AT_ONCE):

        def work(unit: Unit, some: list[str] = stale) -> dict[str, Any]:
            return {"made": finder.make_anew(unit, some)}

        done += foundation.journal.run(work, actor=MAKER)["made"]
        tell(done)
    return done
