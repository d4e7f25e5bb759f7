"""`rujukan restart`: our processes one after the other, with the code that is on disk now, while the product goes on.

Whoever works by an outbox, a position or a queue is stopped in its own time and starts again: what waits meanwhile is
not lost. The web is relieved by a second one for as long as it is away. What has new settings needs `down` and `up`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from deploy.local.ports import NotReady, wait_until
from deploy.local.programs import CLOCK, RELIEF, WEB, WORK
from deploy.local.state import State
from deploy.local.supervision import Process, Supervision

ORDER = ("worker", "relay", "sender", "flows", "web")
"""Who reads before who writes: so nobody is sent what only newer code understands."""
BACK_WITHIN = 90.0
"""Seconds until a process that was started must be at work."""

Step = Callable[[str], AbstractContextManager[None]]


class Rolling:
    """Restarts what runs in one instance."""

    def __init__(self, state: State, supervision: Supervision, step: Step) -> None:
        self._state, self._supervision, self._step = state, supervision, step

    def names(self) -> list[str]:
        """What can be restarted while the rest goes on, in the order for all of them."""
        ours = [one.name for one in self._supervision.processes() if one.group in (WORK, WEB, CLOCK)]
        return [name for name in ORDER if name in ours]

    def restart(self, names: Iterable[str]) -> None:
        """One after the other. Raises NotReady at the first that does not come back; those behind it are left alone."""
        for name in names:
            with self._step(f"Restarting {name}"):
                if name == WEB:
                    self._restart_web()
                else:
                    self._supervision.restart(name)
                    self._wait(name, self._runs)

    def _restart_web(self) -> None:
        """The relief serves as long as the web is away: at each moment one of them takes who waits at the door."""
        self._supervision.launch(RELIEF, WEB)
        try:
            # New code that does not start is found here, before anything was stopped.
            self._wait(RELIEF, self._serves)
        except NotReady:
            self._supervision.halt(RELIEF, WEB)
            raise
        self._supervision.restart(WEB)
        self._wait(WEB, self._serves)  # else the relief stays
        self._supervision.halt(RELIEF, WEB)

    def _wait(self, name: str, ready: Callable[[Process], bool]) -> None:
        def look() -> bool:
            found = next((one for one in self._supervision.processes() if one.name == name), None)
            if found is None or found.state in ("BACKOFF", "FATAL", "EXITED"):
                ending = found.last_end if found else "it ended"
                raise NotReady(f"{name} does not start ({ending}): see {self._state.logs}/{name}.log")
            return ready(found)

        wait_until(look, BACK_WITHIN, f"{name} (see {self._state.logs}/{name}.log)", pause=0.2)

    def _runs(self, process: Process) -> bool:
        return process.state == "RUNNING"

    def _serves(self, process: Process) -> bool:
        """Whether a worker of this very web can answer: gunicorn's settings have it say so in a file."""
        file = self._state.serving / str(process.pid)
        return file.exists() and file.stat().st_mtime >= process.started
