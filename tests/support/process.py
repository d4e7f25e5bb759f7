"""One role of the product as a process of its own, `rujukan run ...`, beside the test's mongod and Kafka.

It may be given failpoints, signals, and a port for its metrics. When a test waits in vain, its log is in the error.
"""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from deploy.local import leash
from deploy.local.ports import free_port
from tests.support.stack import RUJUKAN, wait_for


class Role:
    """`rujukan run` with these arguments, started at once. It ends with the test run, also when that is killed."""

    def __init__(self, log: Path, environ: Mapping[str, str], *arguments: str, failpoints: str = "") -> None:
        self.name = " ".join(arguments)
        self.port = free_port()
        """Where a web role listens; any other role serves its metrics there."""
        variable = {"RUJUKAN_BIND": f"127.0.0.1:{self.port}"}
        if arguments[0] != "web":
            variable = {"RUJUKAN_METRICS_PORT": str(self.port)}
        own = {name: value for name, value in os.environ.items() if not name.startswith("RUJUKAN_")}
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                leash.command([RUJUKAN, "run", *arguments]),
                env=leash.environment({**own, **environ, **variable, "RUJUKAN_FAILPOINTS": failpoints}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text()

    @property
    def alive(self) -> bool:
        """Whether it runs (or is stopped by a signal)."""
        return self._process.poll() is None

    @property
    def stopped(self) -> bool:
        """Whether SIGSTOP holds it."""
        return self.alive and bool(psutil.Process(self._process.pid).status() == psutil.STATUS_STOPPED)

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        if self.alive:
            self._process.send_signal(number)

    def resume(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    def ended(self, seconds: float = 60) -> int:
        """Waits for its end; returns its exit status, -9 for a kill."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {seconds:.0f} s:\n{self._tail()}") from None

    def end(self) -> None:
        """SIGKILL, whatever it is doing."""
        self._process.kill()
        self._process.wait(10)

    def wait_for(self, condition: Callable[[], object], what: str, seconds: float = 60) -> None:
        """Waits for something that this process brings about."""
        try:
            wait_for(condition, what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.name}, alive: {self.alive}\n{self._tail()}") from None

    def wait_until_stopped(self) -> None:
        """Waits until it holds itself at a failpoint."""
        self.wait_for(lambda: self.stopped, "held at its failpoint")

    def metric(self, name: str) -> float | None:
        """The sum of a metric over its labels; None while the process does not answer, or has no such metric yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return None
        found = [float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} "))]
        return sum(found) if found else None

    def memory(self) -> float:
        """Its memory in bytes (PSS); 0 when it has ended."""
        try:
            return float(psutil.Process(self._process.pid).memory_full_info().pss)
        except psutil.NoSuchProcess:
            return 0.0

    def _tail(self) -> str:
        return "\n".join(self.log.splitlines()[-25:])
