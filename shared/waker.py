"""Wakes who waits for a collection to change, by a change stream.

It only wakes: losing it costs the idle time of whoever waits, never a document.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import PyMongoError

BACKOFF_SECONDS = 1.0
"""Before the next stream, after one that failed or was closed."""


class Waker:
    """Use it in a `with` block: it ends with who uses it, however that ends.

    `wanted` are the stages of an aggregation that choose the changes which wake.
    """

    def __init__(self, collection: Collection[Any], wanted: Sequence[Mapping[str, Any]], name: str) -> None:
        self._collection = collection
        self._wanted = [*wanted, {"$project": {"_id": 1}}]
        self._event, self._ended = threading.Event(), threading.Event()
        threading.Thread(target=self._watch, daemon=True, name=name).start()

    def __enter__(self) -> Waker:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.is_set():
            try:
                with self._collection.watch(self._wanted, max_await_time_ms=1_000) as changes:
                    # A restore that drops the collection closes the stream; asked again, that answers nothing, at once.
                    while changes.alive and not self._ended.is_set():
                        if changes.try_next() is not None:
                            self.wake()
            except PyMongoError:
                pass
            self._ended.wait(BACKOFF_SECONDS)

    def wake(self) -> None:
        """Wakes who waits, or who waits next."""
        self._event.set()

    def clear(self) -> None:
        """Forgets the wakings so far: before the look at the collection, so that none is lost between."""
        self._event.clear()

    def wait(self, seconds: float) -> bool:
        """Waits for a waking, for so long at most. Returns whether one came."""
        return self._event.wait(seconds)
