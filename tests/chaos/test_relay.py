"""Bad days 2 to 5: the relay is killed or falls asleep between two steps, the broker is frozen or killed."""

from __future__ import annotations

import signal

import pytest

from shared.ids import new_id
from shared.relay import LEASE, lease
from tests.chaos.conftest import World
from tests.support.stack import wait_for

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]


def test_02_killed_between_the_ack_and_its_mark_a_relay_sends_twice_and_nothing_is_counted_twice(world: World) -> None:
    """Seen to fail with the comparison of versions taken out of Processor._apply: each report is counted twice."""
    world.register(5)
    worker = world.start("worker", "--service", "reporting")
    killed = world.start("relay", "--service", "intake", failpoints="relay.published=kill")
    assert killed.ended() == -signal.SIGKILL
    worker.wait_for(lambda: world.counted() >= 5, "what was sent is counted")
    assert world.pending() == 5
    world.start("relay", "--service", "intake").wait_for(lambda: world.pending() == 0, "sent again and marked")
    world.register()
    worker.wait_for(lambda: world.counted() >= 6, "counted what came after the duplicates")
    assert sorted(world.verify().values()) == [1, 2, 2, 2, 2, 2]


def test_03_a_frozen_broker_is_given_up_and_what_was_written_meanwhile_goes_out_in_order(world: World) -> None:
    """Seen to fail with RelayStuck taken out of Relay._lead: the process with the stuck producer never ends."""
    agencies = [new_id("agency") for _ in range(10)]
    both = ("relay", "--service", "intake", "--service", "directory")
    relay = world.start(*both)
    world.write(agencies, before=0)
    relay.wait_for(lambda: world.pending("directory") == 0, "the first are sent")
    world.kafka.pause()
    world.write(agencies, before=1, events=3)
    world.register(3)
    assert relay.ended() == 1
    assert "RelayStuck" in relay.log
    assert any(problem.startswith("Kafka does not answer") for problem in world.problems())
    assert any("no relay leads" in problem for problem in world.problems())
    world.kafka.resume()
    worker = world.start("worker", "--service", "reporting")
    again = world.start(*both)
    again.wait_for(lambda: world.pending("directory") == world.pending() == 0, "all marked")
    worker.wait_for(lambda: world.counted() >= 3, "the reports are counted")
    world.verify()
    assert len(world.verify_order()) == 40


def test_04_a_broker_killed_in_mid_batch_has_everything_in_the_end_and_each_key_in_order(world: World) -> None:
    """Seen to fail with the whole batch counted as acknowledged by Publisher: the relay does not give up."""
    agencies = [new_id("agency") for _ in range(40)]
    world.write(agencies, before=0, events=75)
    topic = f"{world.prefix}directory.events"
    relay = world.start("relay", "--service", "directory", failpoints="relay.read=stop")
    relay.wait_until_stopped()
    segments = [*world.kafka.directory.rglob(f"{topic}-*/*.log")]
    assert segments and not any(segment.stat().st_size for segment in segments)
    relay.resume()
    while not any(segment.stat().st_size for segment in segments):
        assert relay.alive, relay.log
    world.kafka.kill()
    # It holds itself again before a next batch, if the first was through already.
    relay.wait_for(lambda: relay.resume() or not relay.alive, "gives up")
    assert 0 < world.pending("directory") <= 3_000
    world.kafka.start()
    again = world.start("relay", "--service", "directory")
    again.wait_for(lambda: world.pending("directory") == 0, "all marked")
    assert len(world.verify_order()) == 3_000


def test_05_a_leader_that_slept_past_its_lease_is_fenced(world: World) -> None:
    """Seen to fail without the check of the token in lease.renew: the former leader marks, and is told nothing."""
    world.register(5)
    worker = world.start("worker", "--service", "reporting")
    asleep = world.start("relay", "--service", "intake", failpoints="relay.published=stop")
    asleep.wait_until_stopped()
    second = world.start("relay", "--service", "intake")
    second.wait_for(lambda: world.pending() == 0, "takes over when the lease is over")
    leads = lease.leader(world.intake.database, LEASE)
    asleep.resume()
    asleep.wait_for(lambda: "relay_fenced" in asleep.log, "it hears that it was fenced")
    world.register()
    worker.wait_for(lambda: world.counted() >= 6, "the second goes on")
    after = lease.leader(world.intake.database, LEASE)
    assert leads is not None and after is not None and leads["token"] == after["token"] == 2
    wait_for(lambda: world.pending() == 0, "all marked")
    assert max(world.verify().values()) == 2
