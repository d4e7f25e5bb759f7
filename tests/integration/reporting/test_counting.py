"""What the worker makes of the log: counts that do not depend on order, repetition or rebuilding."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from services.reporting import store
from services.reporting.model.facts import MEASURES
from services.reporting.rebuild import COLLECTIONS, rebuild
from shared.events import Event, NewEvent
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Unit
from shared.worker import generations, operations, positions
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


def documents(foundation: Foundation, number: int | None = None) -> dict[str, list[Any]]:
    """Everything in the read models, of the live generation or another, without the order in which it came."""
    base = generations.live(foundation.database) if number is None else generations.view(foundation.database, number)
    return {
        name: sorted(base[name].find(), key=lambda document: document["_id"]) for name in (store.FACTS, store.CUBES)
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
        if entry.type == "case.step_taken":
            entry.data["on_time"] = False
    feed.tell(again)
    late = {name: count for name, count in EXPECTED[BARAT, "2026-11"].items() if name != "screened_on_time"}
    assert counts(feed.foundation) == {**EXPECTED, (BARAT, "2026-11"): late}


@pytest.mark.parametrize("order", [(REPORTS, CASES), (CASES, REPORTS)])
def test_a_corrected_child_is_counted_where_it_belongs_and_nowhere_twice(feed: Feed, order: tuple[str, str]) -> None:
    """Also its report and its case, in whatever order that is heard. Seen to fail without the handlers of
    `report.corrected` and `case.corrected`: the counts stay under the former severity."""
    history = History()
    [case] = history.report(severity="low")
    history.screen(case)
    history.correct(case, severity="emergency", age_band="age_5_12")
    feed.tell(history.entries, order=order)
    kept = documents(feed.foundation)
    counted: dict[str, set[str]] = {}
    for cell in kept[store.CUBES]:  # one of each topic
        counted.setdefault(cell["severity"], set()).update(name for name in MEASURES if cell.get(name))
    all_of_it = {"reports", "children", "cases_opened", "cases_open", "cases_screened", "screened_on_time"}
    assert counted == {"low": set(), "emergency": all_of_it}
    assert {fact["age_band"] for fact in kept[store.FACTS] if fact["kind"] == "case"} == {"age_5_12"}
    assert operations.parked(feed.foundation.database) == []
    before = counts(feed.foundation)
    feed.rebuild()
    assert counts(feed.foundation) == before


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


def test_the_old_models_serve_until_the_new_ones_take_their_place_at_once(feed: Feed) -> None:
    feed.tell(some_history().entries)
    before = documents(feed.foundation)
    number = feed.begin()
    assert documents(feed.foundation) == before
    feed.work(order=(CASES,), number=number)
    assert not feed.switch(number), "one topic is still to be read"
    assert documents(feed.foundation) == before
    feed.work(number=number)
    assert feed.switch(number)
    generations.remove(feed.foundation.database, COLLECTIONS)
    assert documents(feed.foundation) == before
    assert counts(feed.foundation) == EXPECTED
    assert "facts" not in feed.foundation.database.list_collection_names(), "the old one is removed"


def test_a_rebuild_that_is_behind_the_live_worker_does_not_take_its_place(feed: Feed) -> None:
    feed.tell(some_history().entries)
    number = feed.begin()
    feed.work(number=number)
    more = History()
    more.report()
    feed.tell(more.entries)
    assert not feed.switch(number), "the dashboard would lose a report that it has shown"
    feed.work(number=number)
    assert feed.switch(number)
    assert counts(feed.foundation)[BARAT, "2026-11"]["reports"] == 2


def test_a_rebuild_that_was_interrupted_goes_on_where_it_was(feed: Feed) -> None:
    feed.tell(some_history().entries)
    number = feed.begin()
    feed.work(order=(REPORTS,), number=number)
    built = documents(feed.foundation, number)
    assert built["facts"] and feed.begin() == number
    assert documents(feed.foundation, number) == built
    feed.work(number=number)
    assert feed.switch(number)
    # Killed after the switch: what is left to do is to remove the old one, and another run does that.
    assert rebuild(feed.foundation) is False
    assert generations.state(feed.foundation.database) == {"live": number, "building": None, "removing": None}
    assert counts(feed.foundation) == EXPECTED


def test_a_rebuild_parks_again_what_still_cannot_be_handled(feed: Feed) -> None:
    history = History()
    [case] = history.report()
    history.screen(case)
    stray = new_id("case")
    feed.tell([dataclasses.replace(history.entries[-1], stream=stray, version=1)])
    feed.rebuild()
    assert [entry["key"] for entry in operations.parked(feed.foundation.database)] == [stray]
    [place] = [entry["_id"] for entry in operations.parked(feed.foundation.database)]
    assert operations.drop(feed.foundation, place)
    assert operations.parked(feed.foundation.database) == []


def test_a_worker_of_the_old_generation_cannot_commit_after_the_switch(feed: Feed) -> None:
    feed.tell(some_history().entries)
    number = feed.begin()
    feed.work(number=number)
    old = Processor(feed.foundation, feed.handlers)
    for topic in (REPORTS, CASES):
        name = f"{feed.foundation.settings.prefix}{topic}:0"
        old.topic_ids[name[:-2]] = topic
        old.positions[name] = positions.load(feed.foundation.database, name, topic)
    assert feed.switch(number)
    more = History()
    more.report()
    feed.publish(more.entries)
    with pytest.raises(PositionLost):
        old.process(feed.logs[REPORTS][-1:])
    feed.work()
    assert counts(feed.foundation)[BARAT, "2026-11"]["reports"] == 2


def test_an_old_worker_cannot_begin_a_partition_after_the_switch(feed: Feed) -> None:
    """There is no position of it yet that the switch could take away: the worker sees that its generation is over."""
    entries = some_history().entries
    feed.tell([entry for entry in entries if entry.topic == REPORTS])
    number = feed.begin()
    feed.work(number=number)
    old = Processor(feed.foundation, feed.handlers)
    old.topic_ids[feed.foundation.settings.prefix + CASES] = CASES
    assert feed.switch(number)
    feed.publish([entry for entry in entries if entry.topic == CASES])
    with pytest.raises(PositionLost):
        old.process(feed.logs[CASES])
    feed.work()
    assert counts(feed.foundation) == EXPECTED


def test_what_is_built_beside_the_live_models_can_append_no_event(feed: Feed) -> None:
    """A handler that tells others something would tell it again: it fails, and nothing goes out."""
    feed.publish(some_history().entries)

    def tells(event: Event, unit: Unit) -> None:
        unit.append(event.stream, 0, [NewEvent(event.type, event.data)])

    feed.handlers = dict.fromkeys(feed.handlers, tells)
    feed.work(order=(REPORTS,), number=feed.begin())
    assert feed.foundation.database["journal"].count_documents({}) == 0
    assert feed.foundation.database["parked.1"].count_documents({"error": "RuntimeError"}) == 2


def test_a_reader_that_meets_the_switch_asks_again(feed: Feed) -> None:
    """The old generation goes between its two looks: it must not show the hole."""
    feed.tell(some_history().entries)
    number = feed.begin()
    feed.work(number=number)
    asked = []

    def question(live: Database[Any]) -> int:
        if not asked:
            feed.switch(number)
            generations.remove(feed.foundation.database, COLLECTIONS)
        asked.append(live)
        return live[store.FACTS].count_documents({})

    assert generations.read(feed.foundation.database, question) == 5
    assert len(asked) == 2


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
        screened = [other.data["on_time"] for other in later if other.type == "case.step_taken"]
        overdue = any(other.type == "case.deadline_breached" for other in later)
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


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=STEPS,
    cut=st.integers(0, 30),
    batch=st.integers(1, 6),
    cases_first=st.booleans(),
    again=st.lists(st.integers(0, 30), max_size=4),
    stop=st.integers(0, 30),
)
def test_rebuilt_and_incremental_counts_are_those_of_the_history(
    make_reporting: Callable[..., Foundation],
    steps: list[Any],
    cut: int,
    batch: int,
    cases_first: bool,
    again: list[int],
    stop: int,
) -> None:
    """With events that come again, a worker that starts anew, and a rebuild that begins and stops in between."""
    feed = Feed(make_reporting(f"r{next(NUMBERS)}_"))
    history = written(steps)
    redelivered = [history.entries[one] for one in again if one < min(cut, len(history.entries))]
    order = (CASES, REPORTS) if cases_first else (REPORTS, CASES)
    feed.tell(history.entries[:cut], order=order, batch=batch)
    number = feed.begin()
    whole = feed.logs
    feed.logs = {topic: log[:stop] for topic, log in whole.items()}
    feed.work(number=number, batch=batch)
    feed.logs = whole
    feed.tell([*redelivered, *history.entries[cut:]], order=order[::-1], batch=batch)
    assert counts(feed.foundation) == by_hand(history.entries)
    incremental = documents(feed.foundation)
    feed.rebuild(batch)
    assert generations.state(feed.foundation.database)["live"] == number
    assert documents(feed.foundation) == incremental
    assert counts(feed.foundation) == by_hand(history.entries)
