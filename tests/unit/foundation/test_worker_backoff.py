"""While something refuses, the worker asks less and less often, at most every ten seconds, and polls all the while."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.errors import WriteError

from shared.worker import worker
from shared.worker.worker import Worker


class Poller:
    """A consumer that always has something, and counts."""

    def __init__(self) -> None:
        self.polls, self.paused = 0, 0

    def poll(self, **_: Any) -> dict[str, Any]:
        self.polls += 1
        return {}

    def assignment(self) -> set[str]:
        return {"reports:0"}

    def pause(self, *partitions: str) -> None:
        self.paused += len(partitions)

    def resume(self, *_: str) -> None:
        self.paused = 0


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> tuple[Worker, list[bool]]:
    """A worker whose database answers and, as long as the list is empty, refuses what it writes."""
    well: list[bool] = []

    def process(_: object) -> None:
        if not well:
            raise WriteError("Document failed validation", 121)

    database = SimpleNamespace(command=lambda _: {"ok": 1})
    settings = SimpleNamespace(service="reporting", prefix="")
    found = Worker(SimpleNamespace(settings=settings, database=database, journal=None), [], {})  # type: ignore[arg-type]
    found._processor = SimpleNamespace(process=process, positions={})  # type: ignore[assignment]
    monkeypatch.setattr(worker, "records", lambda *_: [SimpleNamespace(event=None)])
    monkeypatch.setattr(found, "_tell_kafka", lambda _: ({}, 0))
    return found, well


def test_pauses_grow_to_a_bound_and_are_short_again_once_events_are_handled(
    refusing: tuple[Worker, list[bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, well = refusing
    pauses: list[float] = []
    monkeypatch.setattr(found, "_pause", lambda _, seconds, __: pauses.append(seconds) or set())

    def rounds(number: int) -> None:
        for _ in range(number):
            found._round(Poller(), threading.Event())  # type: ignore[arg-type]
            found._assigned.clear()  # as when the partitions were taken up again

    rounds(7)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    well.append(True)
    rounds(1)
    well.clear()
    rounds(1)
    assert pauses[7:] == [0.5]


def test_it_polls_all_through_a_pause_and_takes_nothing(refusing: tuple[Worker, list[bool]]) -> None:
    found, _ = refusing
    poller = Poller()
    assert found._pause(poller, 1.2, threading.Event()) == {"reports:0"}  # type: ignore[arg-type]
    assert poller.polls >= 2 and poller.paused == poller.polls
