"""What clients do: they write alone, at once and again, and are told what came of it or nothing at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.failpoints import Crash
from shared.journal import Duplicate, KeyReused, VersionConflict
from tests.integration.foundation.stateful.history import History, streams
from tests.integration.foundation.stateful.model import Attempt, key_of
from tests.integration.foundation.stateful.world import STREAMS
from tests.support.stepping import callers_crash

crashes = st.sampled_from([None, None, None, "journal.flushed", "journal.committed"])


class Clients(History):
    """Rules of those who write."""

    @rule(
        wanted=st.dictionaries(streams, st.integers(1, 2), min_size=1, max_size=3),
        counts=st.booleans(),
        key=st.none() | st.integers(0, 3),
        body=st.sampled_from(["one body", "one body", "another body"]),
        crash=crashes,
    )
    def write(self, wanted: Mapping[str, int], counts: bool, key: int | None, body: str, crash: str | None) -> None:
        key = None if key is None else key_of(key, counts)
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
    @rule(data=st.data(), stream=streams, another_body=st.booleans())
    def a_command_comes_again(self, data: st.DataObject, stream: str, another_body: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.ledger.commands)), "key")
        counts = bool(key % 2)
        body, answer = self.ledger.commands[key]
        attempt = self.attempt({stream: 1}, key, "a third body" if another_body else body)
        if another_body:
            self.refused(lambda: self.world.write(attempt, counts), KeyReused, f"{key} with another body")
        else:
            assert self.world.write(attempt, counts) == answer, "a repeated command got another answer"

    @precondition(lambda self: self.ledger.streams)
    @rule(data=st.data(), counts=st.booleans())
    def write_at_a_version_that_has_passed(self, data: st.DataObject, counts: bool) -> None:
        stream = data.draw(st.sampled_from(sorted(self.ledger.streams)))
        late = self.attempt({stream: 1}, behind=1)
        lost = self.refused(lambda: self.world.write(late, counts), VersionConflict, f"{late}")
        assert lost.current == self.ledger.version(stream)

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

    @rule(stream=streams, counts=st.booleans(), two_processes=st.booleans(), another_body=st.booleans())
    def two_come_under_one_key(self, stream: str, counts: bool, two_processes: bool, another_body: bool) -> None:
        key = key_of(self.world.next_number(), counts)
        attempts = [self.attempt({stream: 1}, key, "one body"), self.attempt({stream: 1}, key, "one body")]
        if another_body:
            attempts[1] = replace(attempts[1], body="another body")
        others = self.world.another_journal() if two_processes else self.world.directory.journal
        outcomes = self.at_once(
            lambda: self.world.write(attempts[0], counts),
            lambda: self.world.write(attempts[1], counts, others),
        )
        winner = 0 if outcomes[0] == attempts[0].answer else 1
        assert outcomes[winner] == attempts[winner].answer, outcomes
        if another_body:
            assert isinstance(outcomes[1 - winner], KeyReused), outcomes
        else:
            assert outcomes[1 - winner] == outcomes[winner], "one command got two answers"
        self.ledger.acknowledge(attempts[winner], counts)

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
        used = min((key for key in self.ledger.commands if key % 2 == 0), default=None)
        if kind == "a key that is used" and stream and used is not None:
            return [self.attempt({stream: 1}, used, "a third body")]
        return []
