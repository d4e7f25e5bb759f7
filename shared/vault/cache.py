"""Keysets that were unwrapped a moment ago, so that a server is not asked for each look at an identity.

An entry lives LONGEST_SECONDS from its unwrapping, however often it is used, and is then taken out of memory, also when
nobody asks: what is erased or whose key is destroyed is nowhere open for longer. It decides nothing about who may look.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from tink import aead

LONGEST_SECONDS = 60.0
MOST = 10_000


class Unwrapped:
    """Subject and wrapped keyset -> what opens. Threads share it. `clock` gives seconds and never steps back."""

    def __init__(self, seconds: float = LONGEST_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[str, bytes], tuple[float, aead.Aead]] = OrderedDict()
        self._timer: threading.Timer | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, subject: str, wrapped: bytes) -> aead.Aead | None:
        """What was put there, if it is not too old."""
        with self._lock:
            self._drop_old()
            found = self._entries.get((subject, wrapped))
        return found[1] if found else None

    def put(self, subject: str, wrapped: bytes, primitive: aead.Aead) -> None:
        """Keeps it from now on. With too many, the oldest goes."""
        with self._lock:
            self._drop_old()
            self._entries.pop((subject, wrapped), None)
            self._entries[subject, wrapped] = self._clock(), primitive
            if len(self._entries) > MOST:
                self._entries.popitem(last=False)
            self._wake_later()

    def _drop_old(self) -> None:
        """The caller holds the lock. Entries lie in the order of their time."""
        oldest = self._clock() - self._seconds
        while self._entries and next(iter(self._entries.values()))[0] <= oldest:
            self._entries.popitem(last=False)

    def _wake_later(self) -> None:
        """The caller holds the lock."""
        if self._timer is None and self._entries:
            first = next(iter(self._entries.values()))[0]
            self._timer = threading.Timer(max(0.0, first + self._seconds - self._clock()), self._wake)
            self._timer.daemon = True
            self._timer.start()

    def _wake(self) -> None:
        with self._lock:
            self._timer = None
            self._drop_old()
            self._wake_later()
