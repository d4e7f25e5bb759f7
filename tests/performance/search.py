"""Finding a child among more and more sealed persons: the whole answer, each name that is compared being audited."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pymongo import InsertOne

from shared.access import Actor
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Context
from shared.names import Person
from shared.vault import finder
from tests.performance.figures import Figure, at_most
from tests.performance.ground import Ground
from tests.support.named_people import people, questions

PERSONS, ASKED, AT_ONCE = 100_000, 400, 1_000
PART_LOST = ("left out", "initial")
"""Errors that leave less of a name than there was: among many who share the rest nobody can tell who is meant."""
CLERK = Actor(new_id("account"), "intake_clerk", new_id("agency"), "bench")


def figures(here: Ground, most: int) -> list[Figure]:
    """The same questions at 1,000, 10,000 and so on, up to `most` persons; goal at 100,000: 20 ms."""
    foundation = here.foundation("intake", here.new_prefix())
    known = {new_id("person"): person for person in people(most).values()}
    waiting, there, found = iter(known.items()), 0, []
    sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= most]
    for size in sizes:
        _seal(foundation, islice(waiting, size - there))
        there = size
        some = dict(islice(known.items(), size))
        spent, hits, whole, opened = [], Counter[bool](), Counter[bool](), 0
        for kind, wanted, right in questions(some, ASKED):
            began = time.perf_counter()
            matches = foundation.found.find(CLERK, wanted, "bench")
            spent.append(1_000 * (time.perf_counter() - began))
            opened += len(matches)
            whole[kind not in PART_LOST] += 1
            hits[kind not in PART_LOST] += right in [match.person_id for match in matches[:5]]
        median, late = statistics.median(spent), sorted(spent)[int(0.99 * len(spent))]
        what = f"finding a child among {size:,}"
        found += [
            at_most(f"{what}, median", median, "ms", 20) if size == 100_000 else _plain(f"{what}, median", median),
            _plain(f"{what}, p99", late),
            Figure(f"{what}, names opened a question", round(opened / ASKED, 1), "names"),
            Figure(f"{what}, right one among the first five", round(100 * hits.total() / ASKED, 1), "percent"),
            Figure(f"{what}, the same where no part is missing", round(100 * hits[True] / whole[True], 1), "percent"),
        ]
    return found


def _plain(name: str, value: float) -> Figure:
    return Figure(name, round(value, 2), "ms")


def _seal(foundation: Foundation, persons: Iterator[tuple[str, Person]]) -> None:
    """Persons as they are after a worker has come to them."""
    index = foundation.sealed.database[finder.INDEX]
    while some := list(islice(persons, AT_ONCE)):
        entries = []

        def work(unit: Any, these: list[tuple[str, Person]] = some) -> None:
            for person_id, person in these:
                values = {"name": person.name, "guardian_name": person.guardian_name}
                foundation.sealed.create(unit, person_id, {k: v for k, v in values.items() if v})

        foundation.journal.transact(work, Context("system:bench"), budget=60)
        for person_id, person in some:
            findable = foundation.found.findable(f"report-{'0' * 32}", person)
            if findable is not None:
                entries.append(InsertOne({"_id": person_id, **findable}))
        index.bulk_write(entries, ordered=False)
