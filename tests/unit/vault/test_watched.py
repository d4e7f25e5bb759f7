"""Files that are watched: how soon a change is seen, and what is seen in the middle of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.vault import watched
from shared.vault.keys import KeyFileError
from shared.vault.watched import LOOK_SECONDS, Watched


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watched, "time", clock)
    return clock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "key"


def placed(file: Path, text: str) -> None:
    """Puts another file in its place, as whoever changes a key does."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def watching(file: Path) -> tuple[Watched[str], list[int]]:
    looks: list[int] = []

    def look() -> tuple[int, ...]:
        looks.append(1)
        found = file.stat()
        return found.st_ino, found.st_mtime_ns

    def read() -> str:
        text = file.read_text() if file.exists() else ""
        if not text:
            raise KeyFileError("there is none")
        return text

    return Watched(look, read), looks


def test_a_change_is_seen_after_a_second_and_not_looked_for_before(file: Path, clock: Clock) -> None:
    """Seen to fail with a look at each use, and with none after the first second."""
    placed(file, "old")
    key, looks = watching(file)
    placed(file, "new")
    clock.now += 0.99 * LOOK_SECONDS
    assert [key() for _ in range(100)] == ["old"] * 100
    assert len(looks) == 1
    clock.now += 0.02 * LOOK_SECONDS
    assert [key() for _ in range(100)] == ["new"] * 100
    assert len(looks) == 2


def test_who_must_know_looks_at_once(file: Path, clock: Clock) -> None:
    placed(file, "old")
    key, _ = watching(file)
    placed(file, "new")
    assert key.now() == key() == "new"


def test_between_two_steps_of_a_change_what_is_known_stays_good(file: Path, clock: Clock) -> None:
    """Seen to fail without the suppressed error, and with what was seen in between taken for read."""
    placed(file, "old")
    key, _ = watching(file)
    file.unlink()
    assert key.now() == "old"
    placed(file, "")
    assert key.now() == "old"
    placed(file, "new")
    assert key.now() == "new"


def test_without_a_file_there_is_nothing_to_begin_with(file: Path, clock: Clock) -> None:
    with pytest.raises(KeyFileError):
        watching(file)
