"""Named moments at which a test may stop or kill the process.

Off unless the settings name them (`relay.published=kill`), and the settings refuse them in production. The moments lie
between two steps that must be safe to separate: that is what a test of a crash needs.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable


class Crash(BaseException):
    """What `raise` raises at a failpoint: nobody catches it, so that the work ends there as a kill would end it."""


def _send(number: signal.Signals) -> Callable[[str], None]:
    """To the thread that is there: a signal to the process may be taken by another one, while this one goes on."""
    return lambda _: signal.pthread_kill(threading.get_ident(), number)


def _crash(name: str) -> None:
    raise Crash(name)


_actions: dict[str, str] = {}
ACTIONS: dict[str, Callable[[str], None]] = {
    "kill": _send(signal.SIGKILL),
    "stop": _send(signal.SIGSTOP),
    "raise": _crash,
}
"""Each is called with the failpoint's name. A test that runs the parts in its own process may add one of its own."""


def configure(failpoints: Iterable[str]) -> None:
    """Arms the failpoints, each `name=kill`, `name=stop` or `name=raise`. Raises ValueError for another action."""
    _actions.clear()
    for entry in failpoints:
        name, _, action = entry.partition("=")
        if action not in ACTIONS:
            raise ValueError(f"failpoint {name!r}: expected {' or '.join(ACTIONS)}, found {action!r}")
        _actions[name] = action


def reach(name: str) -> None:
    """Passed at the named moment: does nothing unless the failpoint is armed; then does what was asked for."""
    if _actions and (action := _actions.get(name)):
        ACTIONS[action](name)
