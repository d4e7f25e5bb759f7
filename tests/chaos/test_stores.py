"""Bad days 9 and 11: MongoDB is away for longer than a session of the group, or dies in a transaction."""

from __future__ import annotations

import time

import pytest

from shared.worker import positions
from shared.worker.worker import SESSION_TIMEOUT_MS
from tests.chaos.conftest import World
from tests.support.groups import members
from tests.support.stack import wait_for

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
REPORTING = ("worker", "--service", "reporting")
AWAY = "reporting: its database is out of reach"


def ids(world: World) -> set[str]:
    """The ids of the group's members: one that fell out and came back has another."""
    return set(members(world.intake.settings))


def test_09_with_mongodb_away_for_longer_than_a_session_the_worker_stays_a_member_and_parks_nothing(
    world: World,
) -> None:
    """Seen to fail with the error raised in Worker._round in place of _wait_out: the member is gone."""
    world.register(3)
    relay = world.start("relay", "--service", "intake")
    worker = world.start(*REPORTING)
    worker.wait_for(lambda: world.counted() == 3, "the first are counted")
    before = ids(world)
    world.register(3)
    world.mongo.kill()
    worker.wait_for(lambda: worker.metric("rujukan_worker_waiting") == 1, "says that it waits")
    assert AWAY in world.problems()
    time.sleep(SESSION_TIMEOUT_MS / 1_000 + 1)  # not for luck: a member that does not poll falls out meanwhile
    assert ids(world) == before
    world.mongo.start()
    worker.wait_for(lambda: worker.metric("rujukan_worker_waiting") == 0, "goes on by itself")
    world.register()
    worker.wait_for(lambda: world.counted() >= 7, "everything is counted")
    wait_for(lambda: world.pending() == 0, "all marked")
    assert relay.alive and worker.alive and ids(world) == before
    assert world.database("reporting")["parked"].count_documents({}) == 0
    world.verify()


def test_11_mongod_killed_in_a_transaction_leaves_effect_and_position_both_or_neither(world: World) -> None:
    """Seen to fail with the position moved in a transaction of its own, after the effects'."""
    reporting = world.database("reporting")
    world.register(5)
    relay = world.start("relay", "--service", "intake")
    relay.wait_for(lambda: world.pending() == 0, "sent")
    worker = world.start(*REPORTING, failpoints="journal.flushed=stop")
    worker.wait_until_stopped()
    world.mongo.kill()
    assert AWAY in world.problems()
    world.mongo.start()
    assert world.counted() == 0 and reporting[positions.POSITIONS].count_documents({}) == 0, "neither"
    # The failpoint holds it at each attempt; each time it is let go on.
    worker.wait_for(lambda: worker.resume() or world.counted() >= 5, "tried again")
    assert sum(entry["offset"] for entry in reporting[positions.POSITIONS].find()) == 5, "both"
    world.verify()
