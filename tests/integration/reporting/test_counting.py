"""What the worker makes of the log: counts that do not depend on order, repetition or rebuilding."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.reporting import store
from services.reporting.rebuild import rebuild, rebuilding
from shared.foundation import Foundation
from shared.ids import new_id
from shared.worker import operations, positions
from shared.worker.positions import PositionLost
from shared.worker.processor import Processor
from tests.integration.reporting.conftest import BARAT, CASES, REPORTS, TIMUR, Entry, Feed, History

pytestmark = pytest.mark.mongo
ALL = ("2000-01", "2999-12")


def counts(foundation: Foundation, demonstration: bool = False) -> dict[tuple[str, str], dict[str, int]]:
    """The counts without zeros, as plain data."""
    found = store.counts(foundation.database, demonstration, ALL)
    return {
        place: {measure: count for measure, count in measures.items() if measure != "_id" and count}
        for place, measures in found.items()
    }


def documents(foundation: Foundation) -> dict[str, list[Any]]:
    """Everything in the read models, without the order in which it came."""
    return {
        name: sorted(foundation.database[name].find(), key=lambda document: document["_id"])
        for name in (store.FACTS, store.CUBES)
    }


def some_history() -> History:
    history = History()
    first, second = history.report(kecamatan=BARAT, children=2)
    [third] = history.report(received_on="2026-10-31", kecamatan=TIMUR, severity="low")
    history.screen(first)
    history.overdue(second)
    history.overdue(third)
    history.screen(third, on_time=False)
    return history


EXPECTED = {
    (BARAT, "2026-11"): {
        "reports": 1,
        "children": 2,
        "cases_opened": 2,
        "cases_open": 2,
        "cases_screened": 1,
        "screened_on_time": 1,
        "screenings_overdue": 1,
    },
    (TIMUR, "2026-10"): {"reports": 1, "children": 1, "cases_opened": 1, "cases_open": 1, "cases_screened": 1},
}


@pytest.mark.parametrize("order", [(REPORTS, CASES), (CASES, REPORTS)])
@pytest.mark.parametrize("batch", [1, 3, 500])
def test_reports_and_cases_are_counted_in_whatever_order_their_topics_are_read(
    feed: Feed, order: tuple[str, str], batch: int
) -> None:
    feed.tell(some_history().entries, order=order, batch=batch)
    assert counts(feed.foundation) == EXPECTED
    assert operations.parked(feed.foundation.database) == []


def test_an_event_that_comes_again_is_not_counted_again(feed: Feed) -> None:
    entries = some_history().entries
    feed.tell(entries)
    feed.tell(entries)
    assert counts(feed.foundation) == EXPECTED


def test_a_life_of_the_journal_after_a_restore_takes_the_place_of_the_lost_one(feed: Feed) -> None:
    """The restored journals have lost everything; it is entered again, and this time the first screening is late."""
    history = some_history()
    feed.tell(history.entries)
    again = [dataclasses.replace(entry, epoch=2, data=dict(entry.data)) for entry in history.entries]
    for entry in again:
        if entry.type == "case.screened":
            entry.data["on_time"] = False
    feed.tell(again)
    late = {name: count for name, count in EXPECTED[BARAT, "2026-11"].items() if name != "screened_on_time"}
    assert counts(feed.foundation) == {**EXPECTED, (BARAT, "2026-11"): late}


def test_demonstration_and_real_figures_do_not_mix(feed: Feed) -> None:
    real, invented = History(), History(demonstration=True)
    real.report()
    invented.report()
    invented.report()
    feed.tell(real.entries + invented.entries)
    assert counts(feed.foundation)[BARAT, "2026-11"]["reports"] == 1
    assert counts(feed.foundation, demonstration=True)[BARAT, "2026-11"]["reports"] == 2


def test_an_event_of_a_case_that_was_never_opened_is_parked_with_its_reason(feed: Feed) -> None:
    history = History()
    [case] = history.report()
    history.screen(case)
    stray = new_id("case")
    orphan = dataclasses.replace(history.entries[-1], stream=stray, version=1)
    feed.tell([orphan, *history.entries])
    [parked] = operations.parked(feed.foundation.database)
    assert (parked["key"], parked["error"]) == (stray, "an event of a case whose case.opened was not handled")
    assert counts(feed.foundation)[BARAT, "2026-11"]["cases_screened"] == 1


def test_nothing_that_identifies_a_child_is_kept(feed: Feed) -> None:
    feed.tell(some_history().entries)
    kept = str(documents(feed.foundation))
    assert "age_13_14" in kept
    for name in ("person", "child_id", "number", "L-", "K-"):
        assert name not in kept, f"{name} is kept"


def test_a_rebuild_empties_the_models_and_the_worker_makes_them_again(feed: Feed) -> None:
    feed.tell(some_history().entries)
    before = documents(feed.foundation)
    rebuild(feed.foundation)
    assert documents(feed.foundation) == {store.FACTS: [], store.CUBES: []}
    assert rebuilding(feed.foundation.database)
    feed.work(order=(CASES,))
    assert rebuilding(feed.foundation.database), "one topic is still to be read"
    feed.work()
    assert not rebuilding(feed.foundation.database)
    assert documents(feed.foundation) == before


def test_a_rebuild_takes_parked_events_with_it_and_they_are_parked_again(feed: Feed) -> None:
    history = History()
    [case] = history.report()
    history.screen(case)
    stray = new_id("case")
    feed.tell([dataclasses.replace(history.entries[-1], stream=stray, version=1)])
    rebuild(feed.foundation)
    assert operations.parked(feed.foundation.database) == []
    feed.work()
    assert [entry["key"] for entry in operations.parked(feed.foundation.database)] == [stray]


def test_a_worker_that_was_reading_on_cannot_commit_after_a_rebuild(feed: Feed) -> None:
    history = some_history()
    feed.tell(history.entries)
    processor = Processor(feed.foundation, feed.handlers)
    name = f"{feed.foundation.settings.prefix}{REPORTS}:0"
    processor.topic_ids[name[:-2]] = REPORTS
    processor.positions[name] = positions.load(feed.foundation.database, name, REPORTS)
    rebuild(feed.foundation)
    more = History()
    more.report()
    feed.publish(more.entries)
    with pytest.raises(PositionLost):
        processor.process(feed.logs[REPORTS][-1:])
    feed.work()
    assert counts(feed.foundation)[BARAT, "2026-11"]["reports"] == 2


# --- Random histories -------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("report"),
            st.sampled_from(["2026-10-31", "2026-11-01"]),
            st.sampled_from([BARAT, TIMUR]),
            st.sampled_from(["low", "emergency"]),
            st.integers(1, 3),
        ),
        st.tuples(st.just("screen"), st.integers(0, 5), st.booleans()),
        st.tuples(st.just("overdue"), st.integers(0, 5)),
    ),
    max_size=12,
)
NUMBERS = itertools.count()


def written(steps: list[tuple[Any, ...]]) -> History:
    """The history of these steps; a step about a case that is not there is left out."""
    history, cases, done = History(), [], set()
    for step in steps:
        if step[0] == "report":
            cases += history.report(*step[1:])
        elif step[1] < len(cases) and (cases[step[1]], step[0]) not in done:
            done.add((cases[step[1]], step[0]))
            (history.screen if step[0] == "screen" else history.overdue)(cases[step[1]], *step[2:])
    return history


def by_hand(entries: list[Entry]) -> dict[tuple[str, str], dict[str, int]]:
    """The counts, worked out from the whole history at once, in another way than the product does."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for entry in entries:
        if entry.type not in ("report.registered", "case.opened"):
            continue
        cell = found.setdefault((entry.data["kecamatan"], str(entry.data["received_on"])[:7]), {})
        later = [other for other in entries if other.stream == entry.stream and other.version > 1]
        screened = [other.data["on_time"] for other in later if other.type == "case.screened"]
        overdue = any(other.type == "case.screening_overdue" for other in later)
        numbers = (
            {"reports": 1, "children": len(entry.data["children"])}
            if entry.type == "report.registered"
            else {
                "cases_opened": 1,
                "cases_open": 1,
                "cases_screened": len(screened),
                "screened_on_time": sum(screened),
                "screenings_overdue": int(overdue and not screened),
            }
        )
        for measure, number in numbers.items():
            cell[measure] = cell.get(measure, 0) + number
    return {place: {name: count for name, count in cell.items() if count} for place, cell in found.items()}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, cut=st.integers(0, 30), batch=st.integers(1, 6), cases_first=st.booleans())
def test_rebuilt_and_incremental_counts_are_those_of_the_history(
    make_reporting: Callable[..., Foundation], steps: list[Any], cut: int, batch: int, cases_first: bool
) -> None:
    feed = Feed(make_reporting(f"r{next(NUMBERS)}_"))
    history = written(steps)
    order = (CASES, REPORTS) if cases_first else (REPORTS, CASES)
    feed.tell(history.entries[:cut], order=order, batch=batch)
    feed.tell(history.entries[cut:], order=order[::-1], batch=batch)
    assert counts(feed.foundation) == by_hand(history.entries)
    incremental = documents(feed.foundation)
    rebuild(feed.foundation)
    feed.work()
    assert documents(feed.foundation) == incremental
