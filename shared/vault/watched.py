"""Files that are read again when they change.

They are looked at every LOOK_SECONDS at most, not at each use: each look is a system call, at which a thread lets the
others of its process go first, and waits for its turn again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from shared.vault.keys import KeyFileError

LOOK_SECONDS = 1.0
"""Less than the grace before an old key is destroyed, in which a process may still use it."""

Content = TypeVar("Content")


class Watched(Generic[Content]):
    """What stands in some files. `look` gives what changes when one is put in place or taken away."""

    def __init__(self, look: Callable[[], tuple[int, ...]], read: Callable[[], Content]) -> None:
        """Reads. Raises what `read` raises."""
        self._look, self._read = look, read
        self._lock = threading.Lock()
        self._seen = self._looked()
        self._content = read()
        self._again = time.monotonic() + LOOK_SECONDS

    def __call__(self) -> Content:
        """What stood there at the last look, a second ago at most."""
        return self._content if time.monotonic() < self._again else self.now()

    def now(self) -> Content:
        """What stands there now. Between two steps of whoever changes the files, what is known stays good."""
        with self._lock:
            seen = self._looked()
            if seen != self._seen:
                with suppress(KeyFileError):
                    self._content, self._seen = self._read(), seen
            self._again = time.monotonic() + LOOK_SECONDS
        return self._content

    def _looked(self) -> tuple[int, ...]:
        try:
            return self._look()
        except OSError:
            return ()
