"""Killed in the middle of a backlog, just after something live went before it: none is lost, none is counted twice."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest

from tests.chaos.conftest import World
from tests.performance.ground import fill_journal

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
LATE = 8_000


@pytest.mark.long  # in short: tests/integration/foundation/test_backlog.py and the histories of test_stateful.py
def test_relay_and_worker_killed_while_live_reports_go_before_a_backlog(world: World) -> None:
    """The relay dies with its first batch sent and not marked, the worker with live reports handled before their turn.

    Seen to fail with the comparison of versions taken out of Processor._apply: reports are counted twice.
    """
    fill_journal(world.intake, LATE, pending=True, age=timedelta(hours=1))
    world.register(3)
    killed = world.start("relay", "--service", "intake", failpoints="relay.published=kill")
    assert killed.ended() == -signal.SIGKILL
    assert world.pending() == LATE + 3
    relay = world.start("relay", "--service", "intake")
    relay.wait_for(lambda: world.pending() == 0, "sent")
    worker = world.start("worker", "--service", "reporting", failpoints="worker.ahead=kill")
    live = 3
    while worker.alive:
        world.register()
        live += 1
    assert worker.ended() == -signal.SIGKILL
    assert 0 < world.counted() < LATE, "it was killed before its backlog was done"
    other = world.start("worker", "--service", "reporting")
    other.wait_for(lambda: world.counted() >= LATE + live, "everything counted", 120)
    relay.wait_for(lambda: world.pending() == 0, "all marked")
    world.verify()
