"""What relays and workers do: they go on, are held between two steps, crash there, take over from each other, stop."""

from __future__ import annotations

import time

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.relay.lease import LEASES
from tests.integration.foundation.stateful.history import PATIENCE_SECONDS, History, either

relay_points = st.sampled_from([None, "relay.read", "relay.published"])
worker_points = st.sampled_from([None, "worker.polled", "journal.flushed", "worker.committed"])


class Parts(History):
    """Rules of relays and workers."""

    @rule(which=either, rounds=st.integers(1, 4), hold=relay_points, crash=relay_points)
    def a_relay_goes_on(self, which: int, rounds: int, hold: str | None, crash: str | None) -> None:
        part = self.relay_part(which)
        for _ in range(rounds):
            self.go_on(part, hold, crash)
            if part.held_at or not part.alive:
                break

    @precondition(lambda self: len(self.relays) == 1)
    @rule()
    def a_second_relay_stands_by(self) -> None:
        self.relays.append(self.world.relay())

    @rule()
    def the_lease_runs_out(self) -> None:
        self.world.directory.database[LEASES].update_many({}, [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}])

    @precondition(lambda self: any(part.held_at for part in self.relays))
    @rule()
    def another_relay_takes_over_from_one_that_is_held(self) -> None:
        self.the_lease_runs_out()
        if len(self.relays) == 1:
            self.relays.append(self.world.relay())
        before = self.token()
        end = time.monotonic() + PATIENCE_SECONDS
        for part in [part for part in self.relays if not part.held_at]:
            while self.token() == before:
                assert time.monotonic() < end, "nobody takes the lease"
                self.go_on(part)

    @precondition(lambda self: self.relays)
    @rule(which=either)
    def a_relay_is_told_to_stop(self, which: int) -> None:
        part = self.relays.pop(which % len(self.relays))
        part.end()
        assert part.error is None, f"{part.error!r}"

    @rule()
    def everything_is_published(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while self.world.pending():
            assert time.monotonic() < end, f"{self.world.pending()} entries stay unpublished"
            self.relay_part(0)
            for part in list(self.relays):
                self.go_on(part)

    # Workers

    @rule(which=either, rounds=st.integers(1, 6), hold=worker_points, crash=worker_points)
    def a_worker_goes_on(self, which: int, rounds: int, hold: str | None, crash: str | None) -> None:
        part = self.worker_part(which)
        for _ in range(rounds):
            # Not held in its transaction: what the handler did there is decided, and the model would not know it.
            self.go_on(part, hold if hold != "journal.flushed" else None, crash)
            if part.held_at or not part.alive:
                break

    @precondition(lambda self: len(self.workers) == 1)
    @rule()
    def a_second_worker_joins(self) -> None:
        self.workers.append(self.world.worker())

    @precondition(lambda self: self.workers)
    @rule(which=either)
    def a_worker_is_told_to_stop(self, which: int) -> None:
        part = self.workers.pop(which % len(self.workers))
        part.end()
        assert part.error is None, f"{part.error!r}"

    @rule()
    def everything_is_handled(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while self.behind():
            assert time.monotonic() < end, f"not read: {self.behind()} (partition, position, end)"
            self.worker_part(0)
            # All at once, as processes are: kafka-python forgets a join that was answered between two polls.
            for part in self.workers:
                part.begin_round()
            for part in list(self.workers):
                part.finish_round()
                self.look_after(part)

    @rule(partition=either, most=st.integers(1, 5))
    def another_member_handles_some(self, partition: int, most: int) -> None:
        self.world.read_topic()
        self.world.another_member_handles(partition, most)
