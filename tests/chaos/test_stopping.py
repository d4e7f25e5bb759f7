"""Bad day 10: SIGTERM under load. What was begun is finished, and the exit comes within its ten seconds."""

from __future__ import annotations

import signal

import pytest

from tests.chaos.conftest import World

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
RELAY, REPORTING = ("relay", "--service", "intake"), ("worker", "--service", "reporting")
PROMISED_SECONDS = 10


@pytest.mark.parametrize("frozen", [False, True], ids=["broker-answers", "broker-frozen"])
def test_10_told_to_stop_under_load_relay_and_worker_end_in_time_and_lose_nothing(world: World, frozen: bool) -> None:
    """Seen to fail with SEND_SECONDS and STOP_WITHIN of a minute: with the frozen broker the relay does not end."""
    world.register(20)
    relay, worker = world.start(*RELAY), world.start(*REPORTING)
    worker.wait_for(lambda: world.counted() > 0, "under way")
    world.register(20)
    if frozen:
        world.kafka.pause()
        world.register(20)
    for role in (relay, worker):
        role.signal(signal.SIGTERM)
    for role in (relay, worker):
        assert role.ended(PROMISED_SECONDS) == 0, role.log
    world.kafka.resume()
    world.start(*RELAY).wait_for(lambda: world.pending() == 0, "the rest is sent")
    told = 60 if frozen else 40
    again = world.start(*REPORTING)
    again.wait_for(lambda: world.counted() >= told, "the rest is counted")
    world.verify()
