"""The clock of a product that was started without one: Prefect's server, and one run of a flow after another.

A run is a process of its own, as the product starts it, and its time may be days later. It runs nothing by a schedule.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO

from deploy.local import leash, programs
from deploy.local.ports import free_port, wait_until
from deploy.local.state import ROOT, State
from tests.support.stack import Stack, serves
from tests.support.stepped_clock import SteppedClock

RUN = "import asyncio; from services.{service} import flows; asyncio.run(flows.{flow}())"


class Clock:
    """Prefect's server of a product, and its flows. What the runs print is in flows.log."""

    def __init__(self, stack: Stack) -> None:
        server, runner = programs.clock(State(stack.state), stack.environment(), free_port())
        self.environ, self.command = dict(runner.environment), server.command
        self.address = self.environ["PREFECT_API_URL"]
        self._time = SteppedClock(stack.state)
        self.logs = stack.state / "logs"

    def run(self, service: str, flow: str, later: timedelta = timedelta(0)) -> None:
        """Runs a flow of a service, by its name in flows.py, so much later. Raises AssertionError when it fails."""
        self._time.step(later.total_seconds())
        environ = {**self.environ, **self._time.environ}
        with (self.logs / "flows.log").open("ab") as output:
            begun = self._begin([sys.executable, "-c", RUN.format(service=service, flow=flow)], environ, output)
            assert begun.wait(120) == 0, (self.logs / "flows.log").read_text()[-3000:]

    @contextmanager
    def going(self) -> Iterator[Clock]:
        """With the server for the length of a `with` block; what it keeps stays."""
        # Nobody looks at its pages here, and to unpack them takes long.
        environ = {**self.environ, "PREFECT_SERVER_UI_ENABLED": "false"}
        with (self.logs / "prefect.log").open("ab") as output:
            server = self._begin(list(self.command), environ, output)
        try:
            wait_until(lambda: serves(f"{self.address}/health"), 120, "Prefect's server", pause=0.2)
            yield self
        finally:
            server.terminate()
            server.wait(30)

    def _begin(self, command: list[str], environ: dict[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        usual = {name: value for name, value in os.environ.items() if not name.startswith("RUJUKAN_")}
        return subprocess.Popen(
            leash.command(command),
            env=leash.environment({**usual, **environ}),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
