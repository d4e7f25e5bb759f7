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

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared import operations as service_operations
from shared.failpoints import Crash
from shared.foundation import Foundation
from shared.journal import Duplicate, KeyReused, VersionConflict
from shared.relay import relay
from shared.relay.lease import LEASES
from shared.worker import operations, positions, processor, worker
from tests.integration.foundation.model import (
    ONE_FAULT,
    PERMANENT_FAULT,
    RUNTIME_FAULT,
    Attempt,
    Ledger,
    Reader,
    StillFails,
)
from tests.integration.foundation.world import STREAMS, World, mark_of
from tests.support.servers import Kafka, Mongo
from tests.support.stepping import Stepped, callers_crash, stepping

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
PATIENCE_SECONDS = 60.0

streams = st.sampled_from(sorted(STREAMS))
crashes = st.sampled_from([None, None, None, "journal.flushed", "journal.committed"])
relay_points = st.sampled_from([None, "relay.read", "relay.published"])
worker_points = st.sampled_from([None, "worker.polled", "journal.flushed", "worker.committed"])
either = st.integers(0, 1)


class Promises(RuleBasedStateMachine):
    """One history. A command that got no answer is settled by looking: it is in the journal as a whole, or not."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.ledger, self.reader = Ledger(), Reader()
        self.relays: list[Stepped] = []
        self.tokens: dict[Stepped, int | None] = {}
        self.workers: list[Stepped] = []

    @initialize()
    def begin(self) -> None:
        self.world.fresh(self.reader.faults)

    # Clients

    def attempt(self, wanted: Mapping[str, int], key: int | None = None, body: str = "", behind: int = 0) -> Attempt:
        marks = {stream: [self.world.next_number() for _ in range(number)] for stream, number in wanted.items()}
        expected = {stream: self.ledger.version(stream) - behind for stream in marks}
        return Attempt(self.world.next_number(), marks, expected, key, body)

    def settle_unknown(self, attempt: Attempt, counts: bool) -> None:
        marks = {mark for each in attempt.marks.values() for mark in each}
        written = {mark_of(entry) for entry in self.world.entries()} & marks
        assert written in (set(), marks), f"half of {attempt} is written: {sorted(written)}"
        if written:
            self.ledger.acknowledge(attempt, counts)

    @rule(
        wanted=st.dictionaries(streams, st.integers(1, 2), min_size=1, max_size=3),
        counts=st.booleans(),
        key=st.none() | st.integers(0, 3),
        body=st.sampled_from(["one body", "one body", "another body"]),
        crash=crashes,
    )
    def write(self, wanted: Mapping[str, int], counts: bool, key: int | None, body: str, crash: str | None) -> None:
        attempt = self.attempt(wanted, key, body)
        known = self.ledger.commands.get(key) if key is not None else None
        with callers_crash(crash):
            try:
                answer = self.world.write(attempt, counts)
            except KeyReused:
                assert known is not None and known[0] != body, "a key was refused that was not used for another body"
                return
            except Crash:
                self.settle_unknown(attempt, counts)
                return
        assert known is None or known[0] == body, "a key was taken for two bodies"
        assert known is not None or crash is None, f"nothing passed {crash}"
        if known is not None:
            assert answer == known[1], "a repeated command got another answer"
        else:
            assert answer == attempt.answer
            self.ledger.acknowledge(attempt, counts)

    @precondition(lambda self: self.ledger.commands)
    @rule(data=st.data(), stream=streams, counts=st.booleans(), another_body=st.booleans())
    def a_command_comes_again(self, data: st.DataObject, stream: str, counts: bool, another_body: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.ledger.commands)), "key")
        body, answer = self.ledger.commands[key]
        attempt = self.attempt({stream: 1}, key, "a third body" if another_body else body)
        if another_body:
            with pytest.raises(KeyReused):
                self.world.write(attempt, counts)
        else:
            assert self.world.write(attempt, counts) == answer, "a repeated command got another answer"

    @precondition(lambda self: self.ledger.streams)
    @rule(data=st.data(), counts=st.booleans())
    def write_at_a_version_that_has_passed(self, data: st.DataObject, counts: bool) -> None:
        stream = data.draw(st.sampled_from(sorted(self.ledger.streams)))
        with pytest.raises(VersionConflict) as lost:
            self.world.write(self.attempt({stream: 1}, behind=1), counts)
        assert lost.value.current == self.ledger.version(stream)

    @rule(stream=streams, counts=st.tuples(st.booleans(), st.booleans()), two_processes=st.booleans())
    def two_write_the_same_version(self, stream: str, counts: tuple[bool, bool], two_processes: bool) -> None:
        attempts = [self.attempt({stream: 1}), self.attempt({stream: 1})]
        others = self.world.another_journal() if two_processes else self.world.directory.journal
        outcomes = self.at_once(
            lambda: self.world.write(attempts[0], counts[0]),
            lambda: self.world.write(attempts[1], counts[1], others),
        )
        winner = 0 if isinstance(outcomes[0], Mapping) else 1
        assert outcomes[winner] == attempts[winner].answer, outcomes
        lost = outcomes[1 - winner]
        assert isinstance(lost, VersionConflict) and lost.current == self.ledger.version(stream) + 1, outcomes
        self.ledger.acknowledge(attempts[winner], counts[winner])

    @rule(
        wanted=st.dictionaries(streams, st.integers(1, 2), min_size=2),
        at_fault=st.sampled_from(["nobody", "a note that is taken", "a version that has passed", "a key that is used"]),
        crash=crashes,
    )
    def many_add_at_once(self, wanted: dict[str, int], at_fault: str, crash: str | None) -> None:
        good = [self.attempt({stream: number}) for stream, number in wanted.items()]
        bad = self.faulty(at_fault, set(STREAMS) - set(wanted))
        with callers_crash(crash):
            calls = [lambda each=each: self.world.write(each, False) for each in [*good, *bad]]
            outcomes = self.at_once(*calls)
        for attempt, outcome in zip(good, outcomes, strict=False):
            if isinstance(outcome, Crash):
                self.settle_unknown(attempt, False)
            else:
                assert outcome == attempt.answer, f"{at_fault}, and {attempt} paid for it: {outcome!r}"
                self.ledger.acknowledge(attempt, False)
        for outcome in outcomes[len(good) :]:
            assert isinstance(outcome, Duplicate | VersionConflict | KeyReused | Crash), f"{at_fault}: {outcome!r}"
            self.no_trace(bad)

    def faulty(self, kind: str, free: set[str]) -> list[Attempt]:
        """An attempt that must be refused, beside others that must not; none where there is nothing to collide with."""
        stream = min(free, default=None)
        if kind == "a note that is taken" and stream and self.ledger.notes:
            fresh = self.attempt({stream: 1})
            return [Attempt(min(self.ledger.notes), fresh.marks, fresh.expected)]
        if kind == "a version that has passed" and self.ledger.streams:
            return [self.attempt({min(self.ledger.streams): 1}, behind=1)]
        if kind == "a key that is used" and stream and self.ledger.commands:
            return [self.attempt({stream: 1}, min(self.ledger.commands), "a third body")]
        return []

    def no_trace(self, attempts: list[Attempt]) -> None:
        marks = {mark for attempt in attempts for each in attempt.marks.values() for mark in each}
        assert not marks & {mark_of(entry) for entry in self.world.entries()}, "what was refused is written"

    @staticmethod
    def at_once(*calls: Callable[[], Any]) -> list[Any]:
        """What each call returned or raised, all of them begun together."""
        begin = threading.Barrier(len(calls))

        def outcome(call: Callable[[], Any]) -> Any:
            begin.wait(PATIENCE_SECONDS)
            try:
                return call()
            except BaseException as error:  # noqa: BLE001  # the caller judges
                return error

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(outcome, calls))

    # Relays

    def relay_part(self, which: int) -> Stepped:
        if not self.relays:
            self.relays.append(self.world.relay())
        return self.relays[which % len(self.relays)]

    @rule(which=either, rounds=st.integers(1, 4), hold=relay_points, crash=relay_points)
    def a_relay_goes_on(self, which: int, rounds: int, hold: str | None, crash: str | None) -> None:
        part = self.relay_part(which)
        for _ in range(rounds):
            self.go_on(part, hold, crash)
            if part.held_at or not part.alive:
                break

    def token(self) -> int | None:
        """Under which fencing number a relay leads, or led last."""
        found = self.world.directory.database[LEASES].find_one()
        return found and found["token"]

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

    def worker_part(self, which: int) -> Stepped:
        if not self.workers:
            self.workers.append(self.world.worker())
        return self.workers[which % len(self.workers)]

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

    def behind(self) -> list[tuple[int, int, int]]:
        stands = self.world.positions()
        ends = {partition: len(records) for partition, records in self.world.read_topic().items()}
        return [(each, stands.get(each, 0), end) for each, end in ends.items() if stands.get(each, 0) < end]

    @rule(partition=either, most=st.integers(1, 5))
    def another_member_handles_some(self, partition: int, most: int) -> None:
        self.world.read_topic()
        self.world.another_member_handles(partition, most)

    def go_on(self, part: Stepped, hold: str | None = None, crash: str | None = None) -> None:
        fenced = part.held_at == "relay.published" and self.token() != self.tokens[part]
        pending = self.world.pending()
        part.round(hold=hold, crash=crash)
        self.look_after(part)
        assert not fenced or self.world.pending() == pending, "a relay marked what it sent under a lease it had lost"
        if part.held_at == "relay.published":
            self.tokens[part] = self.token()

    def look_after(self, part: Stepped) -> None:
        """A part that crashed is gone; the next one is made when it is needed."""
        if not part.alive:
            assert isinstance(part.error, Crash), f"the {part.name} ended: {part.error!r}"
            (self.relays if part in self.relays else self.workers).remove(part)

    # Handlers, operators and strangers

    @rule(stream=streams, kind=st.sampled_from([ONE_FAULT, RUNTIME_FAULT, PERMANENT_FAULT]))
    def a_handler_fails(self, stream: str, kind: str) -> None:
        self.reader.faults[stream] = kind

    @precondition(lambda self: self.reader.faults)
    @rule()
    def handlers_are_mended(self) -> None:
        self.reader.faults.clear()

    @precondition(lambda self: self.reader.queues)
    @rule(data=st.data(), crash=st.sampled_from([None, None, "journal.flushed"]))
    def parked_events_are_replayed(self, data: st.DataObject, crash: str | None) -> None:
        self.replay(data.draw(st.sampled_from(sorted(self.reader.queues)), "key"), crash)

    def replay(self, key: str, crash: str | None = None) -> bool:
        """Whether the whole queue was handled."""
        faults = dict(self.reader.faults)
        with callers_crash(crash):
            try:
                done = operations.replay_parked(self.world.reporting, self.world.handlers, key)
            except operations.StillFails:
                done = None
            except Crash:
                return False
        after, self.reader.faults = self.reader.faults, faults
        try:
            expected = self.reader.replay(key)
        except StillFails:
            expected = None
        after_all, self.reader.faults = self.reader.faults, after
        assert done == expected, f"{done} replayed, not {expected} ({after_all})"
        return done is not None

    @precondition(lambda self: self.reader.queues)
    @rule(data=st.data())
    def a_parked_event_is_dropped(self, data: st.DataObject) -> None:
        queue = self.reader.queues[data.draw(st.sampled_from(sorted(self.reader.queues)), "key")]
        record = queue[data.draw(st.integers(0, len(queue) - 1), "place")].record
        try:
            dropped = operations.drop(self.world.reporting, f"{self.world.topic}:{record.partition}:{record.offset}")
        except operations.NotFirst:
            dropped = False
        assert dropped == self.reader.drop(record)

    @rule()
    def the_journal_is_published_again(self) -> None:
        service_operations.republish(self.world.directory)

    @rule()
    def the_positions_are_lost(self) -> None:
        self.world.reporting.database[positions.POSITIONS].delete_many({})
        self.reader.forget_positions()

    @rule(stream=streams, kind=st.sampled_from(["no key", "a stranger's key", "a stream's key", "a header"]))
    def something_malformed_comes(self, stream: str, kind: str) -> None:
        key = {"no key": None, "a stranger's key": "nobody"}.get(kind, stream)
        partition = STREAMS[stream] if key == stream else 0
        seen = sum(1 for _, each, _ in self.world.first_occurrences() if each == stream)
        header = (stream, seen) if kind == "a header" and seen else None
        self.world.send_malformed(key, partition, header)

    # What is promised

    @invariant()
    def all_is_as_promised(self) -> None:
        self.the_journal_holds_what_was_acknowledged_and_no_more()
        self.the_topic_holds_what_is_marked_in_order()
        self.the_reader_did_each_thing_once_and_in_order()

    def the_journal_holds_what_was_acknowledged_and_no_more(self) -> None:
        found: dict[str, list[int]] = {}
        for entry in self.world.entries():
            marks = found.setdefault(entry["stream"], [])
            marks.append(mark_of(entry))
            assert entry["version"] == len(marks), f"a gap or a repetition in {entry['stream']}: {entry['version']}"
        assert found == self.ledger.streams
        database = self.world.directory.database
        assert {note["_id"] for note in database["notes"].find()} == self.ledger.notes
        assert database["tally"].find_one()["count"] == self.ledger.counted  # type: ignore[index]
        commands = {entry["_id"]: (entry["fingerprint"], entry["answer"]) for entry in database["commands"].find()}
        assert commands == {f"client:{key}": known for key, known in self.ledger.commands.items()}

    def the_topic_holds_what_is_marked_in_order(self) -> None:
        self.world.read_topic()
        first = self.world.first_occurrences()
        versions: dict[str, int] = {}
        for _, stream, version in first:
            assert version == versions.get(stream, 0) + 1, f"{stream}: version {version} lies behind {versions}"
            versions[stream] = version
        there = {identifier for identifier, _, _ in first}
        entries = self.world.entries()
        lost = [(each["stream"], each["version"]) for each in entries if not each.get("pending")]
        lost = [place for place in lost if place not in {(stream, version) for _, stream, version in first}]
        assert not lost, f"marked as published, and not on the topic: {lost}"
        assert there <= {entry["_id"] for entry in entries}, "on the topic, and not in the journal"

    def the_reader_did_each_thing_once_and_in_order(self) -> None:
        stands = self.world.positions()
        for partition, records in self.world.read_topic().items():
            self.reader.read(records, partition, stands.get(partition, 0))
        database = self.world.reporting.database
        effects = {entry["_id"]: entry["versions"] for entry in database["effects"].find()}
        assert effects == self.reader.effects
        assert {entry["_id"]: entry["count"] for entry in database["effects"].find()} == {
            stream: len(versions) for stream, versions in self.reader.effects.items()
        }
        assert {entry["_id"]: entry["version"] for entry in database["versions"].find()} == self.reader.seen
        queues: dict[str, list[tuple[str, str, int]]] = {}
        for entry in operations.parked(database):
            queues.setdefault(entry["key"], []).append((entry["_id"], entry["error"], entry["attempts"]))
        assert queues == {
            key: [
                (f"{self.world.topic}:{each.record.partition}:{each.record.offset}", each.error, each.attempts)
                for each in queue
            ]
            for key, queue in self.reader.queues.items()
        }

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None and hasattr(self.world, "topic"):
                self.all_ends_well()
        finally:
            for part in [*self.relays, *self.workers]:
                part.end()
            self.world.close()

    def all_ends_well(self) -> None:
        """Everything is mended and settles: what was not dropped was handled, and nothing waits any more."""
        self.reader.faults.clear()
        self.everything_is_published()
        self.everything_is_handled()
        self.all_is_as_promised()
        for key in sorted(self.reader.queues):
            while not self.replay(key):
                head = self.reader.queues[key][0].record
                assert operations.drop(self.world.reporting, f"{self.world.topic}:{head.partition}:{head.offset}")
                assert self.reader.drop(head)
        self.all_is_as_promised()
        dropped = {record.header for record in self.reader.dropped}
        for stream, marks in self.ledger.streams.items():
            wanted = [version for version in range(1, len(marks) + 1) if (stream, version) not in dropped]
            handled = self.reader.effects.get(stream, [])
            assert set(wanted) <= set(handled), f"{stream}: lost {sorted(set(wanted) - set(handled))}"
        assert not self.reader.queues and not self.behind() and not self.world.pending()


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
