"""What every rule works on: the model, the real side, and the parts that run a round at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from shared.failpoints import Crash
from shared.relay.lease import LEASES
from tests.integration.foundation.stateful.model import Attempt, Ledger, Reader
from tests.integration.foundation.stateful.world import STREAMS, World, mark_of
from tests.support.stepping import Stepped

PATIENCE_SECONDS = 60.0
Refusal = TypeVar("Refusal", bound=Exception)

streams = st.sampled_from(sorted(STREAMS))
either = st.integers(0, 1)


class History(RuleBasedStateMachine):
    """One history. A command that got no answer is settled by looking: it is in the journal as a whole, or not."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.ledger, self.reader = Ledger(), Reader()
        self.relays: list[Stepped] = []
        self.workers: list[Stepped] = []
        self.begun = False

    @initialize()
    def begin(self) -> None:
        self.world.fresh(self.reader.faults)
        self.begun = True

    # Clients

    def attempt(self, wanted: Mapping[str, int], key: int | None = None, body: str = "", behind: int = 0) -> Attempt:
        marks = {stream: [self.world.next_number() for _ in range(number)] for stream, number in wanted.items()}
        expected = {stream: self.ledger.version(stream) - behind for stream in marks}
        return Attempt(self.world.next_number(), marks, expected, key, body)

    def writes(self, wanted: Mapping[str, int]) -> None:
        """Somebody writes, and is told so."""
        attempt = self.attempt(wanted)
        assert self.world.write(attempt, False) == attempt.answer
        self.ledger.acknowledge(attempt, False)

    def settle_unknown(self, attempt: Attempt, counts: bool) -> None:
        marks = {mark for each in attempt.marks.values() for mark in each}
        written = {mark_of(entry) for entry in self.world.entries()} & marks
        assert written in (set(), marks), f"half of {attempt} is written: {sorted(written)}"
        if written:
            self.ledger.acknowledge(attempt, counts)

    @staticmethod
    def refused(call: Callable[[], object], error: type[Refusal], what: str) -> Refusal:
        """The refusal with which the call ends. (`pytest.raises` fails with what hypothesis would not show.)"""
        try:
            answer = call()
        except error as refusal:
            return refusal
        raise AssertionError(f"{what} was taken: {answer}")

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

    # Relays and workers

    def relay_part(self, which: int) -> Stepped:
        if not self.relays:
            self.relays.append(self.world.relay())
        return self.relays[which % len(self.relays)]

    def token(self) -> int | None:
        """Under which fencing number a relay leads, or led last."""
        found = self.world.directory.database[LEASES].find_one()
        return found and found["token"]

    def worker_part(self, which: int) -> Stepped:
        if not self.workers:
            self.workers.append(self.world.worker())
        return self.workers[which % len(self.workers)]

    def go_on(self, part: Stepped, hold: str | None = None, crash: str | None = None) -> None:
        part.round(hold=hold, crash=crash)
        self.look_after(part)

    def look_after(self, part: Stepped, ends: tuple[type[BaseException], ...] = (Crash,)) -> None:
        """A part that crashed is gone; the next one is made when it is needed."""
        if not part.alive:
            assert isinstance(part.error, ends), f"the {part.name} ended: {part.error!r}"
            (self.relays if part in self.relays else self.workers).remove(part)

    def behind(self) -> list[tuple[int, int, int]]:
        stands = self.world.positions()
        ends = {partition: len(records) for partition, records in self.world.read_topic().items()}
        return [(each, stands.get(each, 0), end) for each, end in ends.items() if stands.get(each, 0) < end]
