"""Journal, relay and worker against a model in memory, over random histories with crashes at every failpoint.

Each step writes, publishes, handles, breaks or mends something on the real mongod and the real Kafka; after each, what
clients were told, the journal, the topic, the effects, the parked events and the positions are compared with the model.
Parts run a round at a time (tests/support/stepping.py), so that one can be held between two steps while others go on.

Seen to fail, in the usual 25 histories, when one of these was taken out: the version check of the worker; comparing the
position before it is set; publishing before marking; the record of a command; taking a failed batch apart; waiting
behind a parked event of the same key; seeking to the stored position; the unique index on stream and version; the
session on a unit's writes.
Seen not to fail in them, for what shows it comes too rarely: the fencing number of a mark, comparing a command's
fingerprint, the refusal to drop an event that waits behind another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from shared.foundation import Foundation
from shared.relay import relay
from shared.worker import processor, worker
from tests.integration.foundation.stateful.clients import Clients
from tests.integration.foundation.stateful.verdict import Verdict
from tests.integration.foundation.stateful.world import World
from tests.support.servers import Kafka, Mongo
from tests.support.stepping import stepping

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]


class Promises(Clients, Verdict):
    """Everything that may happen, and what is promised whatever happens."""


@pytest.fixture
def world(
    monkeypatch: pytest.MonkeyPatch, foundation_of: Callable[..., Foundation], mongo: Mongo, kafka: Kafka
) -> Iterator[World]:
    """Small batches, so that histories cross their borders; short pauses, for nothing here waits for luck."""
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
    run_state_machine_as_test(lambda: Promises(world), settings=histories(25, 30))


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_many_fresh_histories_keep_the_promises(world: World) -> None:
    """Another campaign each time; `--hypothesis-seed` repeats one."""
    run_state_machine_as_test(lambda: Promises(world), settings=histories(300, 50, fresh=True))
