"""Which event waits for its predecessor."""

from __future__ import annotations

import pytest

from shared.events.envelope import Header
from shared.worker.processor import gap


@pytest.mark.parametrize(
    ("seen", "epoch", "version", "waits"),
    [
        (None, 1, 1, False),
        (None, 1, 2, True),
        ((1, 2), 1, 3, False),
        ((1, 2), 1, 4, True),
        # A journal that was restored to version 3 and goes on: whoever had seen more goes on with it, whoever had seen
        # less has not had the third yet.
        ((1, 5), 2, 4, False),
        ((1, 3), 2, 4, False),
        ((1, 2), 2, 4, True),
    ],
)
def test_an_event_waits_while_one_before_it_was_not_seen(
    seen: tuple[int, int] | None, epoch: int, version: int, waits: bool
) -> None:
    header = Header("case.step_taken", "case-1", version, epoch)
    assert bool(gap(header, {"case-1": seen} if seen else {})) is waits
