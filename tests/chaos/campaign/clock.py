"""The clock of our own processes, which can be stepped: libfaketime adds an offset that a file names.

mongod and Kafka keep the real time, and nobody's monotonic clock is touched: it is what an administrator or NTP does to
one machine.
"""

from __future__ import annotations

from pathlib import Path


class Clock:
    """The offset that every Python process under `environ` adds to its time, read anew within a second."""

    def __init__(self, library: Path, directory: Path) -> None:
        self._file = directory / "clock"
        self.step(0)
        self.environ = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_ONLY_CMDS": "python,python3",
        }

    def step(self, seconds: int) -> None:
        """From now on the time is so many seconds from the real one."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(self._file)
