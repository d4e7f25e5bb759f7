"""Group commit, with a store that can be held: who shares a transaction with whom, and who pays for whose fault."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from shared.journal.group import LARGEST, Group, TakenApart
from shared.journal.unit import Additions
from shared.mongo import Unavailable
from tests.support.stack import wait_for


def additions(*keys: Any) -> Additions:
    return Additions([], frozenset((key,) for key in keys))


class Store:
    """Takes batches one at a time; the first can be held, so that others come meanwhile."""

    def __init__(self, *failures: BaseException | None) -> None:
        self.batches: list[Sequence[Additions]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.at_once = 0
        self._failures = list(failures)

    def write(self, batch: Sequence[Additions], seconds: float) -> None:
        self.at_once += 1
        assert self.at_once == 1, "two batches at once"
        self.batches.append(batch)
        self.begun.set()
        assert self.go_on.wait(10)
        self.at_once -= 1
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure


def held_then(store: Store, others: Sequence[Additions], seconds: float = 5) -> list[Future[None]]:
    """One commit that is held until all the others wait; then everything goes on. Returns all futures, done."""
    group = Group(store.write)
    with ThreadPoolExecutor(len(others) + 1) as pool:
        futures = [pool.submit(group.commit, additions("first"), seconds)]
        assert store.begun.wait(10)
        for number, each in enumerate(others, start=1):
            futures.append(pool.submit(group.commit, each, seconds))
            wait_for(lambda n=number: len(group._waiting) == n, "it waits")
        store.go_on.set()
    assert not group._waiting and not group._led
    return futures


def test_what_arrives_while_one_batch_is_written_shares_the_next() -> None:
    store = Store()
    futures = held_then(store, [additions(number) for number in range(7)])
    assert [future.exception() for future in futures] == [None] * 8
    assert [len(batch) for batch in store.batches] == [1, 7]


def test_a_batch_is_bounded() -> None:
    store = Store()
    held_then(store, [additions(number) for number in range(LARGEST + 3)])
    assert [len(batch) for batch in store.batches] == [1, LARGEST, 3]


def test_what_cannot_both_be_added_is_never_in_one_batch() -> None:
    store = Store()
    held_then(store, [additions("same", 1), additions("same", 2), additions(3), additions("same", 4)])
    assert [len(batch) for batch in store.batches] == [1, 2, 1, 1]


def test_one_fault_is_given_to_nobody_else() -> None:
    store = Store(None, ValueError("one of them"))
    first, *others = held_then(store, [additions(number) for number in range(3)])
    assert first.exception() is None
    assert [type(future.exception()) for future in others] == [TakenApart] * 3


def test_a_database_out_of_reach_is_said_to_who_led_and_the_others_have_their_own_time() -> None:
    """Seen to fail when it was said to all: who came a moment ago was not waited for."""
    first, *others = held_then(Store(None, Unavailable(7)), [additions(number) for number in range(3)])
    assert first.exception() is None
    led, *rest = [future.exception() for future in others]
    assert isinstance(led, Unavailable) and led.retry_after == 7
    assert [type(each) for each in rest] == [TakenApart] * 2


def test_who_waited_too_long_is_told_so_and_the_next_one_leads() -> None:
    store = Store()
    group = Group(store.write)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(group.commit, additions(1), 10)
        assert store.begun.wait(10)
        late = pool.submit(group.commit, additions("late"), -1)
        wait_for(lambda: len(group._waiting) == 1, "the late one waits")
        later = pool.submit(group.commit, additions("in time"), 10)
        wait_for(lambda: len(group._waiting) == 2, "the last one waits")
        store.go_on.set()
    assert first.exception() is None and later.exception() is None
    assert isinstance(late.exception(), Unavailable)


def test_a_leader_that_is_ended_leaves_the_lead_to_the_next() -> None:
    store = Store(KeyboardInterrupt())
    group = Group(store.write)
    store.go_on.set()
    with pytest.raises(KeyboardInterrupt):
        group.commit(additions(1), 5)
    group.commit(additions(2), 5)
    assert len(store.batches) == 2


def test_a_leader_waits_for_those_who_came_the_last_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail with no moment to wait: the three who waited were written without the first, who came again."""
    monkeypatch.setattr("shared.journal.group.GATHER_SECONDS", 30)
    monkeypatch.setattr("shared.journal.group.GATHER_EACH_SECONDS", 30)
    store = Store()
    group = Group(store.write)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(group.commit, additions("first"), 60)
        assert store.begun.wait(10)
        others = [pool.submit(group.commit, additions(number), 60) for number in range(3)]
        wait_for(lambda: len(group._waiting) == 3, "three wait")
        store.go_on.set()
        first.result(10)
        assert len(store.batches) == 1, "they wait for the first"
        pool.submit(group.commit, additions("first again"), 60).result(10)
        for other in others:
            other.result(10)
    assert [len(batch) for batch in store.batches] == [1, 4]


def test_who_is_alone_waits_for_nobody_and_who_was_left_alone_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.journal.group.GATHER_SECONDS", 0.01)
    store = Store()
    store.go_on.set()
    group = Group(store.write)
    group._expected = 5
    group.commit(additions("left alone"), 5)
    monkeypatch.setattr("shared.journal.group.GATHER_SECONDS", 3_600)
    monkeypatch.setattr("shared.journal.group.GATHER_EACH_SECONDS", 3_600)
    group.commit(additions("alone"), 5)
    assert [len(batch) for batch in store.batches] == [1, 1]


def test_a_few_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail with GATHER_FROM = 1: it waited until its time was over."""
    monkeypatch.setattr("shared.journal.group.GATHER_SECONDS", 3_600)
    monkeypatch.setattr("shared.journal.group.GATHER_EACH_SECONDS", 3_600)
    store = Store()
    store.go_on.set()
    group = Group(store.write)
    group._expected = 3
    one = threading.Thread(target=group.commit, args=(additions("one of three"), 60), daemon=True)
    one.start()
    one.join(10)
    assert not one.is_alive()


def test_a_leader_that_is_ended_while_it_waits_leaves_the_lead_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail (it never ended) when the waiting was not part of what is cleared up."""
    store = Store()
    store.go_on.set()
    group = Group(store.write)
    group._expected = 5
    with monkeypatch.context() as patched:
        patched.setattr(group._gathered, "wait_for", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            group.commit(additions("ended"), 5)
    group.commit(additions("next"), 5)
    assert not group._waiting and not group._led
    assert [len(batch) for batch in store.batches] == [1]
