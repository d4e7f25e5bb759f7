"""What is remembered of sessions, and how soon it is forgotten. Seen to fail without the stamp and without the time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from services.directory import remembered
from services.directory.remembered import Remembered, forget, forgets


class Directory:
    """Answers as the database would, counts how often it is asked, and has a clock."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.live = {"one": "token of one", "two": "token of two"}
        self.seconds = 0.0

    def __call__(self, secret: str) -> str | None:
        self.asked.append(secret)
        return self.live.get(secret)


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
def exchange(directory: Directory) -> Iterator[Remembered]:
    yield Remembered(directory, lambda: directory.seconds)


def test_a_session_is_asked_about_once_in_a_while(directory: Directory, exchange: Remembered) -> None:
    assert [exchange("one"), exchange("two"), exchange("one")] == ["token of one", "token of two", "token of one"]
    assert directory.asked == ["one", "two"]
    directory.seconds = remembered.SECONDS
    directory.live.clear()
    assert exchange("one") is None, "changed elsewhere"


def test_a_change_is_noticed_at_once(directory: Directory, exchange: Remembered) -> None:
    exchange("one")
    del directory.live["one"]
    forget()
    assert exchange("one") is None


def test_a_change_in_another_worker_of_the_web_server_is_noticed_at_once(
    directory: Directory, exchange: Remembered
) -> None:
    exchange("one")
    del directory.live["one"]
    child = os.fork()
    if child == 0:
        forget()
        os._exit(0)
    os.waitpid(child, 0)
    assert exchange("one") is None


def test_a_change_made_while_the_database_answers_is_noticed(directory: Directory) -> None:
    def slow(secret: str) -> str | None:
        found = directory(secret)
        if len(directory.asked) == 1:
            directory.live.clear()
            forget()
        return found

    exchange = Remembered(slow, lambda: directory.seconds)
    assert exchange("one") == "token of one"
    assert exchange("one") is None


def test_a_change_whose_outcome_is_unknown_may_have_been_made(directory: Directory, exchange: Remembered) -> None:
    @forgets
    def close() -> None:
        directory.live.clear()
        raise ConnectionError

    exchange("one")
    with pytest.raises(ConnectionError):
        close()
    assert exchange("one") is None


def test_a_secret_that_is_nobodys_is_not_remembered(directory: Directory, exchange: Remembered) -> None:
    assert exchange("three") is None
    directory.live["three"] = "token of three"
    assert exchange("three") == "token of three"


def test_it_does_not_grow_without_end(
    directory: Directory, exchange: Remembered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "LARGEST", 3)
    directory.live = {str(number): "token" for number in range(10)}
    for secret in directory.live:
        exchange(secret)
    assert len(exchange._known) <= 3
