"""`Journal.change` against the real mongod: commands of several threads in one transaction, each with its outcome."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

import pytest

from shared.access import Actor
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Command, KeyReused, Mismatch, Unit, VersionConflict
from shared.journal import unit as unit_module
from shared.journal.journal import Journal
from shared.worker import positions
from tests.support.stack import wait_for

CLERK = Actor("account-" + "a" * 32, "administrator")
THINGS = "things"


class Refused(Exception):
    """What a command says of itself."""


@pytest.fixture
def directory(foundation_of: Any) -> Foundation:
    return foundation_of("directory")


def register(foundation: Foundation) -> str:
    """A stream of version 1 with its document."""
    stream = new_id("agency")
    foundation.journal.add(lambda unit: _written(unit, stream, 0), actor=CLERK)
    foundation.database[THINGS].insert_one({"_id": stream, "version": 1})
    return stream


def _written(unit: Unit, stream: str, version: int) -> dict[str, Any]:
    fact = {"agency_id": stream, "kind": "health_centre", "kecamatan": "33.75.01", "active": True}
    return {
        "version": unit.append(stream, version, [NewEvent("agency.changed" if version else "agency.registered", fact)])
    }


def change(foundation: Foundation, stream: str, version: int = 1, journal: Journal | None = None, **how: Any) -> Any:
    """The stream's next version, if it still has this one."""
    things = foundation.database[THINGS]

    def work(unit: Unit) -> dict[str, Any]:
        found = unit.read(things, stream)
        if found is None:
            raise Refused(stream)
        if found["version"] != version:
            raise VersionConflict(stream, version, found["version"])
        answer = _written(unit, stream, version)
        known = {"_id": stream, "version": version}
        unit.update(things, known, {"$set": answer}, must_match=True)
        return answer

    return (journal or foundation.journal).change(work, [(things, stream)], actor=CLERK, **how)


@contextmanager
def together(journal: Journal, count: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The first batch is held until `count` more commands wait; yields the sizes of the batches."""
    group, sizes, write = journal._changed, list[int](), journal._changed._write

    def held(batch: Any, seconds: float) -> None:
        sizes.append(len(batch))
        if len(sizes) == 1:
            wait_for(lambda: len(group._waiting) == count, "the others wait")
        write(batch, seconds)

    monkeypatch.setattr(group, "_write", held)
    yield sizes


def outcome(call: Any) -> Any:
    """The answer, or the error that was raised."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - each outcome is looked at
        return error


def test_many_that_change_other_things_share_transactions(
    directory: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail with `LARGEST` 1: nine batches."""
    streams = [register(directory) for _ in range(9)]
    with together(directory.journal, 8, monkeypatch) as sizes, ThreadPoolExecutor(9) as pool:
        answers = list(pool.map(lambda stream: change(directory, stream), streams))
    assert answers == [{"version": 2}] * 9
    assert sizes == [1, 8]
    for stream in streams:
        assert [entry["version"] for entry in directory.journal.history(stream)] == [1, 2]
        assert directory.database[THINGS].find_one({"_id": stream}) == {"_id": stream, "version": 2}


def test_what_one_refuses_is_its_own_answer_and_keeps_no_other(
    directory: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail when every error was raised: the batch was taken apart, which took seven transactions."""
    streams = [register(directory) for _ in range(4)]
    calls = [(stream, 1) for stream in streams] + [(new_id("agency"), 1), (register(directory), 7)]
    transact = Mock(side_effect=directory.journal.transact)
    monkeypatch.setattr(directory.journal, "transact", transact)
    with together(directory.journal, 5, monkeypatch) as sizes, ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda call: outcome(lambda: change(directory, *call)), calls))
    assert found[:4] == [{"version": 2}] * 4
    assert isinstance(found[4], Refused)
    assert isinstance(found[5], VersionConflict) and found[5].current == 1
    assert sizes == [1, 5]
    assert transact.call_count == 2


def test_of_two_that_change_the_same_one_wins_and_the_other_is_told_the_version(
    directory: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail when a change had no keys: both were in one batch, read the same version, and the second broke the
    batch for all."""
    first, stream = register(directory), register(directory)
    with together(directory.journal, 2, monkeypatch) as sizes, ThreadPoolExecutor(3) as pool:
        leads = pool.submit(change, directory, first)
        wait_for(lambda: directory.journal._changed._led, "the first leads")
        both = list(pool.map(lambda each: outcome(lambda: change(directory, each)), (stream, stream)))
        found = [leads.result(30), *both]
    lost = [each for each in found if isinstance(each, VersionConflict)]
    assert found.count({"version": 2}) == 2
    assert [each.current for each in lost] == [2]
    assert sizes == [1, 1, 1]


def test_who_has_written_before_it_fails_leaves_nothing_and_the_others_are_done(
    directory: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail without `own.sent`: what had failed was committed with the others."""
    streams, half = [register(directory) for _ in range(3)], register(directory)
    things = directory.database[THINGS]

    def fails(unit: Unit) -> dict[str, Any]:
        _written(unit, half, 1)
        assert unit.find_one(things, {"_id": half}) is not None  # sends what was gathered
        raise Refused(half)

    def broken() -> Any:
        return directory.journal.change(fails, [(things, half)], actor=CLERK)

    with together(directory.journal, 3, monkeypatch), ThreadPoolExecutor(4) as pool:
        calls = [lambda stream=stream: change(directory, stream) for stream in streams]
        found = list(pool.map(outcome, [*calls, broken]))
    assert found[:3] == [{"version": 2}] * 3
    assert isinstance(found[3], Refused)
    assert directory.journal.version(half) == 1


def test_one_whose_document_changed_under_it_is_told_so_alone(
    directory: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that lies behind its stream (as after a restore by hand). Seen to fail without `_refusal`'s streams
    in `take_over`: the error named the version 0."""
    streams, behind = [register(directory) for _ in range(2)], register(directory)
    directory.journal.add(lambda unit: _written(unit, behind, 1), actor=CLERK)
    with together(directory.journal, 2, monkeypatch), ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda each: outcome(lambda: change(directory, each)), [*streams, behind]))
    assert found[:2] == [{"version": 2}] * 2
    assert isinstance(found[2], VersionConflict) and (found[2].expected, found[2].current) == (1, 2)


def test_a_command_that_comes_ten_times_at_once_is_one_command(directory: Foundation) -> None:
    """In one process and in another. Seen to fail without the note: nine were told of a newer version."""
    stream, command = register(directory), Command("staff-1", "paper-19", "fingerprint")
    journals = [directory.journal, Journal(directory.database, directory.clock)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(lambda number: change(directory, stream, journal=journals[number % 2], command=command), range(10))
        )
    assert answers == [{"version": 2}] * 10
    assert directory.journal.version(stream) == 2


def test_what_was_read_beforehand_counts_until_the_unit_writes(directory: Foundation) -> None:
    """Seen to fail without that: the second look showed the document as it had been."""
    stream, things, seen = register(directory), directory.database[THINGS], []

    def work(unit: Unit) -> dict[str, Any]:
        for _ in range(2):
            seen.append(unit.read(things, stream))
            unit.update(things, {"_id": stream}, {"$set": {"mark": 1}}, must_match=True)
        return _written(unit, stream, 1)

    directory.journal.change(work, [(things, stream)], actor=CLERK)
    assert [each and each.get("mark") for each in seen] == [None, 1]


def test_an_update_that_had_to_find_its_document_fails_the_whole_unit(directory: Foundation) -> None:
    """Seen to fail when the count of what was found was not looked at."""
    stream, things = register(directory), directory.database[THINGS]

    def work(unit: Unit) -> dict[str, Any]:
        unit.update(things, {"_id": stream, "version": 1}, {"$set": {"mark": 1}}, must_match=True)
        unit.update(things, {"_id": "nowhere"}, {"$set": {"mark": 1}}, must_match=True)
        return _written(unit, stream, 1)

    with pytest.raises(Exception, match="expected state"):
        directory.journal.run(work, actor=CLERK)
    assert directory.database[THINGS].count_documents({"mark": 1}) == 0
    assert directory.journal.version(stream) == 1


def test_what_another_transaction_holds_is_waited_for_by_who_wants_it_alone(
    directory: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed process has left open, for example. Seen to fail when the batch waited: nobody was answered until
    the other transaction had ended, and then they were told that the database is out of reach."""
    held, *others = [register(directory) for _ in range(5)]
    things = directory.database[THINGS]
    with directory.database.client.start_session() as session, ThreadPoolExecutor(6) as pool:
        session.start_transaction()
        things.update_one({"_id": held}, {"$set": {"mark": 1}}, session=session)
        with together(directory.journal, 4, monkeypatch):
            first = pool.submit(change, directory, others[0])
            wait_for(lambda: directory.journal._changed._led, "the first leads")
            waits = pool.submit(change, directory, held)
            rest = [pool.submit(change, directory, stream) for stream in others[1:]]
            assert [each.result(30) for each in (first, *rest)] == [{"version": 2}] * 4
        assert not waits.done()
        assert pool.submit(change, directory, register(directory)).result(30) == {"version": 2}
        session.abort_transaction()
        assert waits.result(30) == {"version": 2}


def test_a_command_of_before_they_shared_transactions_is_known(directory: Foundation) -> None:
    """Its record lies where `run` keeps it. Seen to fail without looking there: the repetition was told that somebody
    else was first."""
    stream, command = register(directory), Command("staff-1", "paper-20", "fingerprint")
    things = directory.database[THINGS]

    def before(unit: Unit) -> dict[str, Any]:
        unit.update(things, {"_id": stream, "version": 1}, {"$set": {"version": 2}}, must_match=True)
        return _written(unit, stream, 1)

    directory.journal.run(before, actor=CLERK, command=command)
    assert change(directory, stream, command=command) == {"version": 2}
    with pytest.raises(KeyReused):
        change(directory, stream, command=Command("staff-1", "paper-20", "another"))


def test_many_statements_are_several_commands_and_each_must_find_its_document(
    directory: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail when only the first command was sent, and when the last was not looked at."""
    monkeypatch.setattr(unit_module, "CHUNK", 2)
    streams, things = [register(directory) for _ in range(5)], directory.database[THINGS]

    def work(unit: Unit, also: str) -> dict[str, Any]:
        for stream in (*streams, also):
            unit.update(things, {"_id": stream}, {"$inc": {"mark": 1}}, must_match=True)
        return {}

    with pytest.raises(Mismatch):
        directory.journal.run(lambda unit: work(unit, "nowhere"), actor=CLERK)
    assert things.count_documents({"mark": 1}) == 0
    directory.journal.run(lambda unit: work(unit, register(directory)), actor=CLERK)
    assert things.count_documents({"mark": 1}) == 6


def test_work_that_puts_documents_does_not_share_a_transaction(directory: Foundation) -> None:
    """Seen to fail when what was put was left out of the transaction, and the command acknowledged."""
    stream, things = register(directory), directory.database[THINGS]

    def work(unit: Unit) -> dict[str, Any]:
        unit.put(directory.database["marks"], stream, {"mark": 1})
        return _written(unit, stream, 1)

    with pytest.raises(RuntimeError, match="is given to Journal"):
        directory.journal.change(work, [(things, stream)], actor=CLERK)
    assert directory.journal.version(stream) == 1


def test_a_worker_that_goes_ahead_tells_a_lost_position_from_what_a_handler_missed(directory: Foundation) -> None:
    """Seen to fail when each was a lost position: the worker would have begun anew with the same event, for ever."""
    things, before = directory.database[THINGS], positions.Position("topic", 3, stored=True)
    directory.database[positions.POSITIONS].insert_one({"_id": "t:0", "topic_id": "topic", "offset": 3})

    def handled(unit: Unit) -> dict[str, Any]:
        unit.update(things, {"_id": "nowhere"}, {"$set": {"mark": 1}}, must_match=True)
        positions.hold(unit, "t:0", before, 5)
        return {}

    with pytest.raises(Mismatch):
        directory.journal.run(handled, actor=CLERK)
    with pytest.raises(positions.PositionLost):
        directory.journal.run(
            lambda unit: positions.hold(unit, "t:0", positions.Position("topic", 2, stored=True), 5) or {}, actor=CLERK
        )
