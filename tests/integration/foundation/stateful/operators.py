"""What handlers, operators and strangers do: events fail, are replayed or dropped, and what is malformed comes."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared import operations as service_operations
from shared.failpoints import Crash
from shared.worker import operations, positions
from tests.integration.foundation.stateful.history import streams
from tests.integration.foundation.stateful.model import ONE_FAULT, PERMANENT_FAULT, RUNTIME_FAULT, StillFails
from tests.integration.foundation.stateful.parts import Parts
from tests.integration.foundation.stateful.verdict import Verdict
from tests.integration.foundation.stateful.world import STREAMS
from tests.support.stepping import callers_crash


class Operators(Parts, Verdict):
    """Rules of those around journal, relay and worker."""

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
            dropped = operations.drop(self.world.reporting, self.world.place_of(record))
        except operations.NotFirst:
            dropped = False
        assert dropped == self.reader.drop(record)

    @rule(stream=streams)
    def events_wait_behind_one_that_fails(self, stream: str) -> None:
        """The first of a queue may be given up, none that waits behind it."""
        self.reader.faults[stream] = PERMANENT_FAULT
        self.writes({stream: 2})
        self.everything_is_published()
        self.everything_is_handled()
        self.all_is_as_promised()
        first, *others = [each.record for each in self.reader.queues[stream]]
        assert others, f"{stream}: nothing waits behind {first}"
        last = self.world.place_of(others[-1])
        self.refused(lambda: operations.drop(self.world.reporting, last), operations.NotFirst, f"the drop of {last}")

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
