"""Named moments at which a test may stop or kill the process.

Off unless the settings name them (`relay.published=kill`), and the settings refuse them in production. The moments lie
between two steps that must be safe to separate: that is what a test of a crash needs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

_actions: dict[str, str] = {}
ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def configure(failpoints: Iterable[str]) -> None:
    """Arms the failpoints, each `name=kill` or `name=stop`. Raises ValueError for another action."""
    _actions.clear()
    for entry in failpoints:
        name, _, action = entry.partition("=")
        if action not in ACTIONS:
            raise ValueError(f"failpoint {name!r}: expected {' or '.join(ACTIONS)}, found {action!r}")
        _actions[name] = action


def reach(name: str) -> None:
    """Passed at the named moment: does nothing unless the failpoint is armed; then sends the signal to this process."""
    if _actions and (action := _actions.get(name)):
        os.kill(os.getpid(), ACTIONS[action])
