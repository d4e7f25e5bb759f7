"""Bad days 6 and 7: a consumer is killed after its commit, or sleeps past its session before it."""

from __future__ import annotations

import signal

import pytest

from shared.worker import positions
from tests.chaos.conftest import World

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
REPORTING = ("worker", "--service", "reporting")
TAKEN_UP = "partitions_taken_up"


def test_06_killed_after_the_commit_its_events_come_again_to_another_member_and_change_nothing(world: World) -> None:
    """Seen to fail with the comparison of versions taken out of Processor._apply: the reports are counted twice."""
    world.register(5)
    relay = world.start("relay", "--service", "intake")
    relay.wait_for(lambda: world.pending() == 0, "sent")
    killed = world.start(*REPORTING, failpoints="worker.committed=kill")
    assert killed.ended() == -signal.SIGKILL
    assert world.counted() > 0
    # What the member knew is gone, and Kafka was not told: all comes again from the start.
    world.database("reporting")[positions.POSITIONS].delete_many({})
    world.register()
    other = world.start(*REPORTING)
    other.wait_for(lambda: world.counted() >= 6, "another member takes over")
    world.verify()


def test_07_stopped_past_its_session_with_events_in_hand_a_consumer_writes_nothing_when_it_wakes(world: World) -> None:
    """Seen to fail with neither positions nor versions compared: what it had in hand is counted a second time."""
    world.register(5)
    relay = world.start("relay", "--service", "intake")
    relay.wait_for(lambda: world.pending() == 0, "sent")
    asleep = world.start(*REPORTING, failpoints="worker.polled=stop")
    asleep.wait_until_stopped()
    other = world.start(*REPORTING)
    other.wait_for(lambda: world.counted() == 5, "another member takes over")
    before = asleep.log.count(TAKEN_UP)
    asleep.resume()
    asleep.wait_for(lambda: "position_lost" in asleep.log, "its late commit is refused")
    asleep.wait_for(lambda: asleep.log.count(TAKEN_UP) > before, "it is a member again")
    asleep.signal(signal.SIGTERM)
    asleep.wait_for(lambda: asleep.resume() or not asleep.alive, "leaves the group")
    world.register()
    other.wait_for(lambda: world.counted() >= 6, "the group goes on")
    assert other.log.count(TAKEN_UP) <= 6, "a loop of rebalances"
    world.verify()
