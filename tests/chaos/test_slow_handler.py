"""Bad day 7, the other half: a handler that takes longer than a batch may take, while its process is well."""

from __future__ import annotations

import threading

import pytest

from services.reporting.handlers import TOPICS, handlers
from shared import worker
from shared.events import Event
from shared.foundation import Foundation
from shared.journal import Unavailable, Unit
from shared.settings import load
from shared.worker.positions import PositionLost
from shared.worker.processor import Processor, Record
from tests.chaos.conftest import World
from tests.integration.foundation.test_relay_and_worker import running
from tests.support.groups import members
from tests.support.stack import wait_for

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
TAKEN_UP = "partitions_taken_up"


class Slow:
    """Reporting's worker in this process; its handler of reports holds the first one until it is let go on."""

    def __init__(self, world: World, instance: str) -> None:
        environ = {**world.environ, "RUJUKAN_BATCH_SECONDS": "3", "RUJUKAN_INSTANCE": instance}
        self._foundation = Foundation.start(load("reporting", environ))
        self._handle = handlers(self._foundation)["report.registered"]
        self.holds, self.go_on = threading.Event(), threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        worker.run(self._foundation, TOPICS, {**handlers(self._foundation), "report.registered": self._held}, stop)

    def _held(self, event: Event, unit: Unit) -> None:
        self.holds.set()
        self.go_on.wait()
        self._handle(event, unit)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Batches that this process could not commit: the position was moved meanwhile, or that took longer than a
    transaction may.
    """
    found: list[Exception] = []
    process = Processor.process

    def watched(self: Processor, records: list[Record]) -> None:
        try:
            process(self, records)
        except (PositionLost, Unavailable) as error:
            found.append(error)
            raise

    monkeypatch.setattr(Processor, "process", watched)
    return found


@pytest.mark.parametrize("instance", ["", "slow"])
def test_07_a_handler_that_takes_too_long_has_no_effect_and_the_group_comes_to_rest(
    world: World, refused: list[Exception], instance: str
) -> None:
    """It is held until another member has done its work. A member with a name of its own does not leave by itself: its
    session ends. Afterwards both share the partitions, and no longer move them.

    Seen to fail with neither positions nor versions compared: the late commit of the one that leaves is not refused
    (the other's comes too late for its transaction besides); and with the usual five minutes for a batch: nobody takes
    over.
    """
    world.register(5)
    relay = world.start("relay", "--service", "intake")
    relay.wait_for(lambda: world.pending() == 0, "sent")
    slow = Slow(world, instance)
    with running(slow.run):
        assert slow.holds.wait(60), "it has an event in hand"
        held = set(members(world.intake.settings))
        other = world.start("worker", "--service", "reporting")
        try:
            other.wait_for(lambda: world.counted() == 5, "another member takes over")
            assert held and not held & set(members(world.intake.settings)), "the slow one is out"
        finally:
            slow.go_on.set()
        wait_for(lambda: refused, "its late commit is refused")

        def shared() -> bool:
            found = members(world.intake.settings)
            return len(found) == 2 and all(found.values())

        wait_for(shared, "both have partitions again", 60)
        before = other.log.count(TAKEN_UP)
        world.register(5)
        wait_for(lambda: world.counted() == 10, "the two go on")
        # One that had been revoked may still be on its way.
        assert other.log.count(TAKEN_UP) <= before + 1, "a loop of rebalances"
    world.verify()
