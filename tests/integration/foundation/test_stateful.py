"""Journal, relay and worker against a model in memory, over random histories with crashes at every failpoint.

Each step writes, publishes, handles, breaks or mends something on the real mongod and the real Kafka; after each, what
clients were told, the journal, the topic, the effects, the parked events and the positions are compared with the model.
Parts run a round at a time (tests/support/stepping.py), so that one can be held between two steps while others go on.

Seen to fail, in the usual histories, when one of these was taken out: the version check of the worker; comparing the
position before it is set; publishing before marking; the record of a command; comparing its fingerprint; taking a
failed batch apart; waiting behind a parked event of the same key; the refusal to drop an event that waits behind
another; seeking to the stored position; the unique index on stream and version; the session on a unit's writes; the
fencing number of a mark.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from shared import mongo as mongo_clients
from shared.foundation import Foundation
from shared.journal import KeyReused
from shared.relay import relay
from shared.worker import operations, processor, worker
from tests.integration.foundation.stateful.outages import KINDS, Outages
from tests.integration.foundation.stateful.world import STREAMS, World
from tests.support.servers import Kafka, Mongo
from tests.support.stepping import stepping

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
LONG = pytest.mark.long
SLOW = ("mongod frozen",)
"""Every client waits for its time-outs: half of the time of all the others together."""


class Promises(Outages):
    """Everything that may happen, and how each history ends: nothing waits any more."""

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None and self.begun:
                self.all_ends_well()
        finally:
            for part in [*self.relays, *self.workers]:
                part.end()
            if self.begun:
                self.world.close()

    def all_ends_well(self) -> None:
        """Everything is mended and settles: what was not dropped was handled, and nothing waits any more."""
        self.reader.faults.clear()
        if self.outage is not None:
            self.a_server_goes_away(min(STREAMS), False, "relay.published")
        self.every_command_has_its_answer()
        self.everything_is_published()
        self.everything_is_handled()
        self.all_is_as_promised()
        for key in sorted(self.reader.queues):
            while not self.replay(key):
                head = self.reader.queues[key][0].record
                assert operations.drop(self.world.reporting, self.world.place_of(head))
                assert self.reader.drop(head)
        self.all_is_as_promised()
        dropped = {record.header for record in self.reader.dropped}
        for stream, marks in self.ledger.streams.items():
            wanted = [version for version in range(1, len(marks) + 1) if (stream, version) not in dropped]
            handled = self.reader.effects.get(stream, [])
            assert set(wanted) <= set(handled), f"{stream}: lost {sorted(set(wanted) - set(handled))}"
        # A send of unknown outcome may reach the topic only now, from a producer that is gone: it is read as all are.
        self.everything_is_handled()
        self.all_is_as_promised()
        assert not self.reader.queues and not self.world.pending()

    def every_command_has_its_answer(self) -> None:
        stream = min(STREAMS)
        for key, (body, answer) in self.ledger.commands.items():
            counts = bool(key % 2)
            assert self.world.write(self.attempt({stream: 1}, key, body), counts) == answer, f"{key}: another answer"
            another = self.attempt({stream: 1}, key, f"not {body}")
            self.refused(
                lambda another=another, counts=counts: self.world.write(another, counts), KeyReused, f"{another}"
            )


@pytest.fixture
def world(
    monkeypatch: pytest.MonkeyPatch, foundation_of: Callable[..., Foundation], mongo: Mongo, kafka: Kafka
) -> Iterator[World]:
    """Small batches, so that histories cross their borders; short pauses, for nothing here waits for luck."""
    monkeypatch.setattr(mongo_clients, "SOCKET_TIMEOUT_MS", 5_000)
    monkeypatch.setattr(relay, "BATCH", 4)
    monkeypatch.setattr(relay, "IDLE_SECONDS", 0.02)
    monkeypatch.setattr(worker, "BATCH", 4)
    monkeypatch.setattr(processor, "FIRST_BACKOFF_SECONDS", 0.001)
    made = [foundation_of(each, KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap) for each in ("directory", "reporting")]
    with stepping():
        yield World(made[0], made[1], mongo, kafka)


def histories(number: int, steps: int, fresh: bool = False) -> settings:
    return settings(
        max_examples=number,
        stateful_step_count=steps,
        derandomize=not fresh,
        phases=[Phase.generate],  # a smaller history would cost minutes to find; the one that failed is printed
        suppress_health_check=list(HealthCheck),
        database=None,
    )


@pytest.mark.timeout(600)
def test_every_history_keeps_the_promises(world: World) -> None:
    run_state_machine_as_test(lambda: Promises(world, None), settings=histories(12, 30))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("outage", [pytest.param(kind, marks=LONG if kind in SLOW else ()) for kind in KINDS])
def test_so_does_every_history_in_which_a_server_goes_away(world: World, outage: str) -> None:
    run_state_machine_as_test(lambda: Promises(world, outage), settings=histories(2, 15))


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(("outage", "number"), [(None, 300), *((kind, 40) for kind in KINDS)])
def test_many_fresh_histories_keep_the_promises(world: World, outage: str | None, number: int) -> None:
    """Another campaign each time; `--hypothesis-seed` repeats one."""
    run_state_machine_as_test(lambda: Promises(world, outage), settings=histories(number, 50, fresh=True))
