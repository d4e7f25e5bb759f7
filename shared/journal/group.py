"""Group commit: what several threads add or change at the same time is written in one transaction.

While one transaction runs, what arrives waits and goes into the next one. Whoever waits first leads it, and hands the
lead over afterwards, so that no request works for the others for longer than one transaction. A leader waits a moment
for as many as came the last time: who was answered is likely to come again, and without that moment those who come and
those who are answered take turns in two small groups. A few wait for nobody.

What two of them cannot both do (add the same id or the same version of a stream, change the same document) is never put
into one batch, and a batch that fails is taken apart: each of its members is then alone with its fault.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from shared.mongo import Unavailable

LARGEST = 64
"""Members of one batch: far below what a transaction may hold, and more than a process has threads."""
GATHER_SECONDS = 0.01
"""The longest moment. It is about what a transaction takes under load; shorter ones do not fill the batches."""
GATHER_EACH_SECONDS = 0.0008
"""As long for each member that is expected."""
GATHER_FROM = 4
"""Fewer are not waited for: at half a load two or three come together by chance, and do not come again soon."""


class Part(Protocol):
    """What one thread wants committed, and the keys that it may share with no other of its batch."""

    @property
    def keys(self) -> frozenset[Any]: ...


Each = TypeVar("Each", bound=Part)


class TakenApart(Exception):
    """The batch failed for a reason that may be another's: this member must be committed alone."""


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class _Member(Generic[Each]):
    """Whose part waits. `turn` is let go, once: it is committed or has failed, or it is its own to lead.

    (A lock, for one waits and one lets go; an event does more in Python, and every request waits for one.)
    """

    part: Each
    deadline: float
    turn: threading.Lock = field(default_factory=_held)
    done: bool = False
    error: Exception | None = None


class Group(Generic[Each]):
    """Gathers parts of one process. `write(batch, seconds)` commits them all, or none and raises."""

    def __init__(self, write: Callable[[Sequence[Each], float], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._gathered = threading.Condition(self._lock)
        self._expected = 1
        """Members that the next batch is likely to have: those of the last one, and those who came while it ran."""
        self._waiting: list[_Member[Each]] = []
        self._led = False

    def commit(self, part: Each, seconds: float) -> None:
        """Returns when the part is committed.

        Raises what `write` raised for it alone, TakenApart if others were with it, Unavailable after `seconds`.
        """
        member = _Member(part, time.monotonic() + seconds)
        with self._lock:
            self._waiting.append(member)
            leads, self._led = not self._led, True
            if len(self._waiting) == self._expected:
                self._gathered.notify()
        if not leads:
            member.turn.acquire()
        if not member.done:
            self._lead(member)
        if member.error is not None:
            raise member.error

    def _lead(self, leader: _Member[Each]) -> None:
        batch = [leader]
        try:
            with self._lock:
                if self._expected >= GATHER_FROM:
                    moment = min(GATHER_SECONDS, GATHER_EACH_SECONDS * self._expected)
                    self._gathered.wait_for(lambda: len(self._waiting) >= self._expected, moment)
                seconds = leader.deadline - time.monotonic()
                batch = self._take(leader, alone=seconds <= 0)
            if seconds <= 0:
                raise Unavailable
            self._write([member.part for member in batch], seconds)
        except Unavailable as error:
            # The time was the oldest one's: who came a moment ago has its own.
            now = time.monotonic()
            for member in batch:
                late = member is leader or member.deadline <= now
                member.error = Unavailable(error.retry_after) if late else TakenApart()
        except BaseException as error:
            # One member's fault must not become the others'.
            for member in batch:
                member.error = TakenApart()
            if len(batch) == 1 or not isinstance(error, Exception):
                raise
        finally:
            self._hand_over(batch)
            for member in batch:
                member.done = True
                if member is not leader:
                    member.turn.release()

    def _take(self, leader: _Member[Each], alone: bool) -> list[_Member[Each]]:
        """The leader and, unless it goes `alone`, those who wait, oldest first, without what collides with another."""
        batch, left, keys = [leader], [], set(leader.part.keys)
        for member in self._waiting:
            if member is leader:
                continue
            if not alone and len(batch) < LARGEST and keys.isdisjoint(member.part.keys):
                batch.append(member)
                keys |= member.part.keys
            else:
                left.append(member)
        self._waiting = left
        return batch

    def _hand_over(self, batch: list[_Member[Each]]) -> None:
        with self._lock:
            if batch[0] in self._waiting:  # it was ended while it waited for others
                self._waiting.remove(batch[0])
            self._expected = min(len(batch) + len(self._waiting), LARGEST)
            if self._waiting:
                self._waiting[0].turn.release()
            else:
                self._led = False
