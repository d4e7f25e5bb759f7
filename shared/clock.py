"""The time of our own processes: the system's, to the millisecond. A test may step it, as an administrator or NTP does.

The settings name the file with the offset, and refuse it in production. Nothing here waits: waiting goes by the
monotonic clock, which nobody steps.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

_offset_file: Path | None = None


def configure(offset_file: Path | None) -> None:
    """From now on the time is so many seconds from the system's as the file says, read anew each time."""
    global _offset_file
    _offset_file = offset_file


def utc_now() -> datetime:
    """Now, with its zone, to the millisecond: the database keeps no more, so what is read equals what was written."""
    now = datetime.now(UTC)
    if _offset_file is not None:
        now += timedelta(seconds=float(_offset_file.read_text()))
    return now.replace(microsecond=now.microsecond // 1_000 * 1_000)
