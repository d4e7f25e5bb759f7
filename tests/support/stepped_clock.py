"""The clock of our own processes, stepped forward and back again as an administrator or NTP does to one machine.

mongod and Kafka keep the real time. The monotonic clock, by which everything waits, is not touched. libfaketime was
tried and left: its absolute `clock_nanosleep` breaks `time.sleep` of Python 3.11 (docs/decisions/0011-chaos.md).
"""

from __future__ import annotations

from pathlib import Path


class SteppedClock:
    """The offset that every process started with `environ` adds to its time."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "clock"
        self.step(0)
        self.environ = {"RUJUKAN_CLOCK_FILE": str(self._file)}

    def step(self, seconds: float) -> None:
        """From now on the time is so many seconds from the real one."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds}\n")
        new.rename(self._file)
