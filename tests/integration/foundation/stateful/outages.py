"""What servers do: mongod or Kafka is killed or frozen while a part is between two steps, and comes back.

While it is away a client writes until it is answered, and every relay and worker goes on as far as it can.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from kafka.errors import KafkaError

from shared.failpoints import Crash
from shared.journal import Unavailable
from shared.relay import RelayStuck
from tests.integration.foundation.stateful.history import PATIENCE_SECONDS, streams
from tests.integration.foundation.stateful.model import Attempt, key_of
from tests.integration.foundation.stateful.operators import Operators
from tests.integration.foundation.stateful.world import World
from tests.support.servers import Kafka, Mongo
from tests.support.stepping import Stepped

KINDS = ("mongod killed", "mongod frozen", "kafka killed", "kafka frozen")
MOMENTS = ("relay.read", "relay.published", "worker.polled", "worker.committed")
ROUNDS = 20
"""Enough to come to a moment: a worker must join its group first."""
ASKS = 4
BUDGET_SECONDS = 1.0
ENDS = (Crash, RelayStuck, KafkaError)
"""By which a part may end when a server goes away: it is started anew."""


class Outages(Operators):
    """Rules of the servers. A history has one outage at most, for each costs some ten seconds."""

    def __init__(self, world: World, outage: str | None) -> None:
        super().__init__(world)
        self.outage = outage

    @precondition(lambda self: self.outage)
    @rule(stream=streams, counts=st.booleans(), moment=st.sampled_from(MOMENTS))
    def a_server_goes_away(self, stream: str, counts: bool, moment: str) -> None:
        kind, self.outage = str(self.outage), None
        self.writes({stream: 1})
        self.come_to(moment)
        attempt = self.attempt({stream: 1}, key_of(self.world.next_number(), counts), "one body")
        self.go_on_without(kind, attempt, counts)
        self.ledger.acknowledge(attempt, counts)

    def come_to(self, moment: str) -> None:
        """A relay or a worker is held at the moment, if it comes there."""
        if moment.startswith("worker"):
            self.everything_is_published()
        for _ in range(ROUNDS):
            parts = [self.relay_part(0)] if moment.startswith("relay") else self.workers
            if any(part.held_at == moment for part in parts):
                return
            if moment.startswith("relay"):
                self.go_on(self.relay_part(0), hold=moment)
            else:
                self.workers_go_on(hold=moment)

    def go_on_without(self, kind: str, attempt: Attempt, counts: bool) -> None:
        """A server goes away, everybody goes on, and it comes back as soon as it was missed."""
        self.relay_part(0), self.worker_part(0)
        relays, workers = list(self.relays), list(self.workers)
        server: Kafka | Mongo = self.world.kafka if kind.startswith("kafka") else self.world.mongo
        self.world.forget_connections()
        missed = threading.Event()
        with ThreadPoolExecutor(1) as clients, self.world.away(server, frozen=kind.endswith("frozen")):
            for part in [*relays, *workers]:
                part.begin_round()
            answer = clients.submit(self.write_until_answered, attempt, counts, missed)
            if isinstance(server, Kafka):
                assert answer.result(PATIENCE_SECONDS) == attempt.answer, "clients do not need Kafka"
                self.relays_miss_it(relays)
            else:
                assert missed.wait(PATIENCE_SECONDS), f"{kind}, and nobody missed it"
        assert answer.result() == attempt.answer
        for part in workers if isinstance(server, Kafka) else [*relays, *workers]:
            part.finish_round()
        for part in [*relays, *workers]:
            self.look_after(part, ENDS)

    def relays_miss_it(self, relays: list[Stepped]) -> None:
        """One that sends ends, for it cannot know what became of it; one that had no connection yet goes on asking."""
        for _ in range(ASKS):
            for part in relays:
                part.finish_round()
            if not all(part.alive for part in relays):
                return
            for part in relays:
                part.begin_round()
        for part in relays:
            part.finish_round()

    def write_until_answered(self, attempt: Attempt, counts: bool, missed: threading.Event) -> object:
        """As a client does that has a key: it does not know what became of its attempts, and repeats them."""
        for _ in range(100):
            try:
                return self.world.write(attempt, counts, budget=BUDGET_SECONDS)
            except Unavailable:
                missed.set()
        raise AssertionError(f"{attempt} is never answered")
