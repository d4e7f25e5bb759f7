"""What relays and workers do: they go on, are held between two steps, crash there, take over from each other, stop."""

from __future__ import annotations

import time

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.relay.lease import LEASES
from tests.integration.foundation.stateful.clients import Clients
from tests.integration.foundation.stateful.history import PATIENCE_SECONDS, either, streams
from tests.integration.foundation.stateful.world import STREAMS

relay_points = st.sampled_from([None, "relay.read", "relay.published"])
worker_points = st.sampled_from([None, "worker.polled", "journal.flushed", "worker.committed"])


class Parts(Clients):
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

    @rule(stream=streams)
    def a_leader_sleeps_past_its_lease(self, stream: str) -> None:
        """It has sent, and is fenced before it marks. What it sent is sent again by the one that leads now."""
        self.writes({stream: 1})
        while self.relays:
            self.a_relay_is_told_to_stop(0)
        sleeper = self.relay_part(0)
        end = time.monotonic() + PATIENCE_SECONDS
        while not sleeper.held_at:
            assert time.monotonic() < end, "nothing is published"
            self.go_on(sleeper, hold="relay.published")
        self.another_relay_takes_over_from_one_that_is_held()
        pending = self.world.pending()
        self.go_on(sleeper)
        self.go_on(sleeper)  # its marks are written beside the round: now it knows what became of them
        assert self.world.pending() == pending, "a relay marked what it sent under a lease that it had lost"

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
            self.workers_go_on()

    def workers_go_on(self, hold: str | None = None) -> None:
        """All at once, as processes are: kafka-python forgets a join that was answered between two polls."""
        self.worker_part(0)
        for part in self.workers:
            part.begin_round(hold=hold)
        for part in list(self.workers):
            part.finish_round()
            self.look_after(part)

    @rule(stream=streams)
    def a_worker_sleeps_while_another_member_reads_on(self, stream: str) -> None:
        """What it has read by then is not its own any more, and its position is behind the other's."""
        self.everything_is_published()
        self.everything_is_handled()
        self.writes({stream: 1})
        self.everything_is_published()
        end = time.monotonic() + PATIENCE_SECONDS
        while not (sleepers := [part for part in self.workers if part.held_at]):
            assert time.monotonic() < end, "nothing is read"
            self.workers_go_on(hold="worker.polled")
        self.writes({stream: 1})
        self.everything_is_published()
        partition = STREAMS[stream]
        self.another_member_handles_some(partition, 1_000)
        stands = self.world.positions()[partition]
        for part in sleepers:
            self.go_on(part)
        assert self.world.positions()[partition] == stands, "a member moved a position that was not its own any more"

    @rule(partition=either, most=st.integers(1, 5))
    def another_member_handles_some(self, partition: int, most: int) -> None:
        self.world.read_topic()
        self.world.another_member_handles(partition, most)
