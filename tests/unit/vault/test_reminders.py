"""When the vault's key should be rotated: once a year, and once a month where somebody was erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deploy.cli.reminders import of_the_vault

NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key_days", "erased_days", "said"),
    [
        (365, None, []),
        (366, None, ["2025-11-27: rotate it once a year"]),
        (None, None, []),
        (100, 31, []),
        (100, 32, ["erased on 2026-10-27"]),
        (None, 32, ["erased on 2026-10-27"]),
        (400, 40, ["once a year", "once a month"]),
    ],
)
def test_a_reminder_comes_when_its_time_is_over(key_days: int | None, erased_days: int | None, said: list[str]) -> None:
    """Seen to fail with `>=` for `>` in either rule."""
    moments = [None if days is None else NOW - timedelta(days=days) for days in (key_days, erased_days)]
    found = of_the_vault(moments[0], moments[1], NOW)
    assert len(found) == len(said)
    for text, words in zip(found, said, strict=True):
        assert words in text
