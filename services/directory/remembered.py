"""Which tokens were just given for which sessions, so that not every request asks the database.

Every change of an account and every sign-out makes all processes of this web server forget at once, through a few bytes
of memory that they share; what is changed elsewhere (by a command, or by another web server) is seen within SECONDS.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

SECONDS = 2.0
LARGEST = 10_000
STAMP_BYTES = 8

#: Made where the module is imported first: in gunicorn's master, before it forks its workers.
_stamp = mmap.mmap(-1, STAMP_BYTES)

Change = TypeVar("Change", bound=Callable[..., Any])


def forget() -> None:
    """Makes every process that shares this memory ask the database again."""
    _stamp[:] = os.urandom(STAMP_BYTES)


def forgets(change: Change) -> Change:
    """For a function that changes what a session is worth: forgets when it has ended, also when it failed, for a
    change whose outcome is unknown may have been made."""

    @wraps(change)
    def changes(*arguments: Any, **options: Any) -> Any:
        try:
            return change(*arguments, **options)
        finally:
            forget()

    return changes  # type: ignore[return-value]


class Remembered:
    """Answers of `ask(secret)`, each for SECONDS at most. A secret that is nobody's is asked about every time."""

    def __init__(self, ask: Callable[[str], str | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._known: dict[str, tuple[str, float, bytes]] = {}

    def __call__(self, secret: str) -> str | None:
        """The token that the session is exchanged for, or None. Raises what `ask` raises."""
        stamp, now = _stamp[:], self._clock()  # before asking: a change made meanwhile must be noticed
        known = self._known.get(secret)
        if known is not None and known[2] == stamp and now < known[1]:
            return known[0]
        token = self._ask(secret)
        if token is None:
            self._known.pop(secret, None)
            return None
        if len(self._known) >= LARGEST:
            self._known.clear()
        self._known[secret] = (token, now + SECONDS, stamp)
        return token
