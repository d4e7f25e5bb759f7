"""Runs a relay or a worker in a thread, one round at a time, so that a test decides who goes on, waits or crashes.

A part asks its stop event before each round: there it waits for its turn. At a failpoint it can be held, while others
go on, or crash as by a kill (`failpoints.Crash`). The part's own code is that of production.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared import failpoints

POINTS = (
    "journal.flushed",
    "journal.committed",
    "relay.read",
    "relay.published",
    "worker.polled",
    "worker.committed",
    "worker.ahead",
)
ACTION = "step"
LONGEST_SECONDS = 90.0

_parts: dict[int, Stepped] = {}
_callers_crash_at: set[str] = set()


class Stepped(threading.Event):
    """A part and its stop event in one. `role(stop)` runs until it ends, crashes, or is told to end."""

    def __init__(self, name: str, role: Callable[[threading.Event], None]) -> None:
        super().__init__()
        self.name = name
        self.error: BaseException | None = None
        self.held_at: str | None = None
        self._role = role
        self._hold: str | None = None
        self._crash: str | None = None
        self._turn, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it neither ended nor crashed."""
        return self._thread.is_alive() and self.error is None

    def round(self, *, hold: str | None = None, crash: str | None = None) -> None:
        """Lets it go on until its next round begins, it is held at the failpoint `hold`, or it ends.

        One that is held goes on from there; with `crash` naming the failpoint where it is held, it crashes there.
        """
        self.begin_round(hold=hold, crash=crash)
        self.finish_round()

    def begin_round(self, *, hold: str | None = None, crash: str | None = None) -> None:
        """As `round`, without waiting: several parts go on at the same time."""
        assert self.alive, f"{self.name} has ended: {self.error!r}"
        self._hold, self._crash = hold, crash
        self._turn.release()

    def finish_round(self) -> None:
        """Waits for the end of the round that was begun."""
        assert self._back.acquire(timeout=LONGEST_SECONDS), f"{self.name} hangs in its round"
        if super().is_set():
            self._thread.join(LONGEST_SECONDS)

    def end(self) -> None:
        """Tells it to stop, as SIGTERM does, and waits until it has."""
        self.set()
        self._hold = self._crash = None
        self._turn.release()
        self._thread.join(LONGEST_SECONDS)
        assert not self._thread.is_alive(), f"{self.name} did not stop within {LONGEST_SECONDS:.0f} s"

    def is_set(self) -> bool:
        """The part asks before each round. (A helper thread of it may ask too, and is answered at once.)"""
        if threading.get_ident() == self._thread.ident and not super().is_set():
            self._give_back()
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """A pause of the part: time is the test's, so it lasts no longer than the part's turn."""
        return super().is_set()

    def reach(self, point: str) -> None:
        """The part is at a failpoint."""
        if point == self._hold:
            self.held_at = point
            self._give_back()
            self.held_at = None
        if point == self._crash:
            raise failpoints.Crash(point)

    def _run(self) -> None:
        _parts[threading.get_ident()] = self
        self._turn.acquire()
        try:
            self._role(self)
        except BaseException as error:  # noqa: BLE001  # the test judges how it ended
            self.error = error
        finally:
            self.set()
            del _parts[threading.get_ident()]
            self._back.release()

    def _give_back(self) -> None:
        self._back.release()
        self._turn.acquire()


@contextmanager
def stepping() -> Iterator[None]:
    """While it lasts, every failpoint asks the part that reaches it."""
    failpoints.ACTIONS[ACTION] = _reached
    failpoints.configure([f"{point}={ACTION}" for point in POINTS])
    try:
        yield
    finally:
        failpoints.configure(())
        del failpoints.ACTIONS[ACTION]


@contextmanager
def callers_crash(point: str | None) -> Iterator[None]:
    """Whoever reaches the failpoint and is no stepped part crashes there; None: nobody does."""
    _callers_crash_at.update({point} if point else ())
    try:
        yield
    finally:
        _callers_crash_at.clear()


def _reached(point: str) -> None:
    part = _parts.get(threading.get_ident())
    if part is not None:
        part.reach(point)
    elif point in _callers_crash_at:
        raise failpoints.Crash(point)
