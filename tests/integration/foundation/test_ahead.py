"""Events that are handled before their turn: what may be, what must not, and that nobody can tell afterwards.

The processor alone, on the real mongod: the log is a list, so that a test says what lies where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.events import Event, Message
from shared.foundation import Foundation
from shared.journal import Unit
from shared.worker import Permanent, generations, operations, processor
from shared.worker import positions as stored
from shared.worker.positions import PositionLost
from shared.worker.processor import Processor, Record, read
from tests.integration.foundation.stateful import model
from tests.integration.foundation.test_parking import TOPIC
from tests.integration.foundation.test_parking import message as message_of_one

pytestmark = pytest.mark.mongo
A, B, C = (f"agency-{letter * 32}" for letter in "abc")
Place = tuple[str, int]


def message(stream: str, version: int, epoch: int = 1, kind: str = "agency.changed") -> Message:
    """An event of a stream, as it lies on the topic."""
    usual = message_of_one(version)
    changed = {"ce_subject": stream, "ce_epoch": str(epoch), "ce_type": kind}
    headers = [(name, changed[name].encode() if name in changed else value) for name, value in usual.headers]
    return Message(stream.encode(), usual.value, headers)


class Member:
    """A worker that has the partition, whose log is `log`. Its handler fails for streams in `faults`."""

    def __init__(self, foundation: Foundation, log: Sequence[Message]) -> None:
        self.database = foundation.database
        self.log = list(log)
        self.at = 0
        self.faults: dict[str, Exception] = {}
        self._handlers = {"agency.changed": self._handle}
        self.processor = Processor(foundation, self._handlers)
        self.processor.topic_ids, self.processor.positions = {TOPIC: "first"}, {f"{TOPIC}:0": None}

    def _handle(self, event: Event, unit: Unit) -> None:
        push = {"$push": {"versions": [event.epoch, event.version]}}
        unit.update(unit.database["effects"], {"_id": event.stream}, push, upsert=True)
        if event.stream in self.faults:
            raise self.faults[event.stream]

    def records(self, first: int, end: int) -> list[Record]:
        places = range(first, min(end, len(self.log)))
        return [read(Record(TOPIC, 0, place, self.log[place]), self._handlers) for place in places]

    def go_on(self, number: int = 1) -> None:
        """Handles the next records in order."""
        self.processor.process(self.records(self.at, self.at + number))
        self.at = min(self.at + number, len(self.log))

    def look_ahead(self, first: int, end: int | None = None) -> None:
        """Handles what it may of the records from `first` on."""
        self.processor.process_ahead(self.records(first, len(self.log) if end is None else end))

    def effects(self) -> dict[str, list[int]]:
        """Stream -> versions handled; with epochs where there is another than 1."""
        found = {entry["_id"]: entry["versions"] for entry in self.database["effects"].find()}
        return {
            stream: [version if epoch == 1 else (epoch, version) for epoch, version in versions]
            for stream, versions in found.items()
        }

    def parked(self) -> dict[str, list[int]]:
        queues: dict[str, list[int]] = {}
        for entry in operations.parked(self.database):
            queues.setdefault(entry["key"], []).append(entry["version"])
        return queues


Make = Callable[..., Member]


@pytest.fixture
def member(foundation_of: Callable[..., Foundation], monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setattr(processor, "FIRST_BACKOFF_SECONDS", 0.001)
    return lambda *log: Member(foundation_of("reporting"), log)


def test_a_new_stream_is_handled_ahead_and_in_its_turn_it_is_a_repetition(member: Make) -> None:
    """Seen to fail with versions that `_commit_ahead` does not remember: it is handled twice."""
    worker = member(message(A, 1), message(A, 2), message(B, 1), message(B, 2))
    worker.go_on()
    worker.look_ahead(2)
    assert worker.effects() == {A: [1], B: [1, 2]}
    worker.go_on(3)
    assert worker.effects() == {A: [1, 2], B: [1, 2]}


def test_an_event_whose_earlier_ones_lie_in_the_backlog_waits_for_them(member: Make) -> None:
    """Seen to fail with a `_next` that takes any later version: what lies between is a repetition then, and lost."""
    worker = member(message(B, 1), message(A, 1), message(A, 2), message(A, 3))
    worker.go_on()
    worker.look_ahead(3)
    assert worker.effects() == {B: [1]}
    worker.go_on(2)
    worker.look_ahead(3)
    assert worker.effects() == {B: [1], A: [1, 2, 3]}
    worker.go_on()
    assert (worker.effects(), worker.parked()) == ({B: [1], A: [1, 2, 3]}, {})


def test_an_event_of_a_type_that_nobody_wants_is_passed_ahead_too(member: Make) -> None:
    """Seen to fail with a `_next` that takes only events of wanted types: the third version is a gap then."""
    worker = member(message(A, 1), message(B, 1), message(B, 2, kind="agency.renamed"), message(B, 3))
    worker.go_on()
    worker.look_ahead(1)
    assert worker.effects() == {A: [1], B: [1, 3]}


def test_poison_ahead_is_left_to_its_turn_and_costs_the_others_nothing(member: Make) -> None:
    """Seen to fail with a `process_ahead` that is not taken apart: the healthy one waits; and with one that goes
    through `_alone`: the poison is parked before its turn."""
    worker = member(message(C, 1), message(C, 2), message(A, 1), message(B, 1))
    worker.go_on()
    worker.faults[A] = RuntimeError("poison")
    worker.look_ahead(2)
    assert (worker.effects(), worker.parked()) == ({C: [1], B: [1]}, {})
    worker.go_on()
    assert (worker.effects(), worker.parked()) == ({C: [1, 2], B: [1]}, {})
    worker.go_on(2)
    assert (worker.effects(), worker.parked()) == ({C: [1, 2], B: [1]}, {A: [1]})
    [entry] = operations.parked(worker.database)
    assert (entry["error"], entry["attempts"], entry["offset"]) == ("RuntimeError", 5, 2)


def test_what_waits_behind_a_parked_event_waits_ahead_as_well(member: Make) -> None:
    """Seen to fail with a `_next` that does not ask for parked keys: version 2 is handled, and parked in its turn no
    more, while version 1 waits."""
    malformed = message(A, 1)
    worker = member(message(B, 1), Message(malformed.key, b"{not json", malformed.headers), message(A, 1))
    worker.go_on(2)
    assert worker.parked() == {A: [1]}
    worker.look_ahead(2)
    assert (worker.effects(), worker.parked()) == ({B: [1]}, {A: [1]})
    worker.go_on()
    assert worker.parked() == {A: [1, 1]}


def test_what_cannot_be_read_is_not_looked_at_ahead(member: Make) -> None:
    """Seen to fail with a `_next` that takes what has an error: it counts as seen, and is never parked."""
    good = message(A, 1)
    worker = member(message(B, 1), Message(good.key, b"{not json", good.headers), message(A, 2))
    worker.go_on()
    worker.look_ahead(1)
    worker.go_on(2)
    assert (worker.effects(), worker.parked()) == ({B: [1]}, {A: [1, 2]})


def test_another_life_of_the_journal_waits_until_the_partition_was_read_so_far(member: Make) -> None:
    """After a restore a stream may have begun twice, once in each epoch: what lies first must be handled first.

    Seen to fail with a `_next` that takes a first version of any epoch: A's first life is a repetition then.
    """
    worker = member(
        message(B, 1), message(A, 1), message(C, 1, epoch=2), message(A, 1, epoch=2), message(A, 2, epoch=2)
    )
    worker.go_on()
    worker.look_ahead(2)
    assert worker.effects() == {B: [1]}
    worker.go_on(2)
    worker.look_ahead(3)
    assert worker.effects() == {B: [1], A: [1], C: [(2, 1)]}, "the same version in another epoch is in doubt"
    worker.go_on(2)
    assert worker.effects() == {B: [1], A: [1, (2, 1), (2, 2)], C: [(2, 1)]}


def test_a_member_that_lost_its_partition_handles_nothing_ahead(member: Make) -> None:
    """Seen to fail without `positions.hold`."""
    worker = member(message(A, 1), message(A, 2), message(B, 1))
    worker.go_on()
    worker.database[stored.POSITIONS].update_one({}, {"$set": {"offset": 2}})
    with pytest.raises(PositionLost):
        worker.look_ahead(2)
    assert worker.effects() == {A: [1]}


def test_before_a_partition_has_a_position_nothing_is_handled_ahead_in_it(member: Make) -> None:
    """Seen to fail with a `_next` that does not ask for the position: PositionLost, again and again."""
    worker = member(message(A, 1), message(B, 1))
    worker.look_ahead(1)
    assert worker.effects() == {}


def test_a_generation_whose_place_was_taken_handles_nothing_ahead(member: Make) -> None:
    """Seen to fail without `generations.check`."""
    worker = member(message(A, 1), message(A, 2), message(B, 1))
    worker.go_on()
    worker.database[generations.STATE].insert_one({"_id": generations.STATE, "live": 1})
    with pytest.raises(PositionLost):
        worker.look_ahead(2)
    assert worker.effects() == {A: [1]}


def test_a_look_ahead_whose_commit_meets_another_member_gives_way(member: Make) -> None:
    """The other moves the position in the middle of the transaction: one of the two must conflict.

    Seen to fail with a `positions.hold` that only reads.
    """
    worker = member(message(A, 1), message(A, 2), message(B, 1))
    worker.go_on()
    positions = worker.database[stored.POSITIONS]
    moves = _in_the_handler(worker, B, lambda: positions.update_one({}, {"$set": {"offset": 2}}))
    with moves, pytest.raises(PositionLost):
        worker.look_ahead(2)
    assert worker.effects() == {A: [1]}


@contextmanager
def _in_the_handler(worker: Member, stream: str, do: Callable[[], Any]) -> Iterator[None]:
    """The first time that an event of this stream is handled, `do` is called, outside the transaction."""
    usual, done = worker._handle, []

    def handle(event: Event, unit: Unit) -> None:
        usual(event, unit)
        if event.stream == stream and not done:
            done.append(True)
            do()

    worker._handlers["agency.changed"] = handle
    yield
    worker._handlers["agency.changed"] = usual


streams = st.sampled_from([A, B, C])


@given(
    order=st.lists(st.tuples(streams, st.booleans()), min_size=1, max_size=20),
    faulty=st.sets(streams, max_size=1),
    steps=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 8), st.integers(1, 6)), max_size=20),
)
# A smaller log would cost minutes to find; the one that failed is printed.
@settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_whatever_is_handled_ahead_the_end_is_that_of_reading_in_order(
    member: Make, order: list[tuple[str, bool]], faulty: set[str], steps: list[tuple[int, int, int]]
) -> None:
    """Random logs, with repetitions of all that a stream had so far, looked at ahead at random places between batches.

    Seen to fail with a `_next` that takes any later version, and with versions that are not remembered. Seen not to
    fail where parked keys are not asked for: what waits behind a parked event is a gap here besides.
    """
    log: list[Place] = []
    for stream, again in order:
        seen = [version for each, version in log if each == stream]
        log += [(stream, version) for version in sorted(set(seen))] if again else []
        log.append((stream, max(seen, default=0) + 1))
    worker = member(*[message(*place) for place in log])
    for name in (stored.POSITIONS, stored.VERSIONS, "effects", "parked", "parked_queues"):
        worker.database[name].delete_many({})
    worker.faults = {stream: Permanent(model.PERMANENT_TEXT) for stream in faulty}
    expected = model.Reader(faults=dict.fromkeys(faulty, model.PERMANENT_FAULT))
    records = [model.Record(0, place, stream, (stream, version)) for place, (stream, version) in enumerate(log)]
    for number, skip, ahead in steps:
        worker.go_on(number)
        worker.look_ahead(worker.at + skip, worker.at + skip + ahead)
    worker.go_on(len(log))
    expected.read(records, 0, len(log))
    assert worker.effects() == expected.effects
    assert worker.parked() == {
        key: [each.record.header[1] for each in queue if each.record.header] for key, queue in expected.queues.items()
    }
