"""The journal against the real mongod: one write, one truth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.access.actor import Actor
from shared.events import InvalidEvent, NewEvent
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Command, Duplicate, KeyReused, Unavailable, Unit, VersionConflict
from shared.vault import NotHeld, UndeclaredField
from tests.support.servers import Mongo

CLERK = Actor("account-" + "a" * 32, "intake_clerk")


def agency(active: bool = True) -> dict[str, Any]:
    return {"agency_id": AGENCY, "kind": "health_centre", "kecamatan": "33.75.01", "active": active}


AGENCY = new_id("agency")


@pytest.fixture
def directory(foundation_of: Any) -> Foundation:
    return foundation_of("directory")


def register(foundation: Foundation, expected: int = 0, event: str = "agency.registered", **command: Any) -> Any:
    """Writes one event and a state document, as a service does."""

    def work(unit: Unit) -> dict[str, Any]:
        version = unit.append(AGENCY, expected, [NewEvent(event, agency())])
        unit.update(foundation.database["agencies"], {"_id": AGENCY}, {"$set": {"version": version}}, upsert=True)
        return {"version": version}

    return foundation.journal.run(work, actor=CLERK, **command)


def test_state_and_event_are_there_together(directory: Foundation) -> None:
    assert register(directory) == {"version": 1}
    [entry] = directory.journal.history(AGENCY)
    assert (entry["stream"], entry["version"], entry["type"]) == (AGENCY, 1, "agency.registered")
    assert entry["pending"] is True
    assert directory.database["agencies"].find_one({"_id": AGENCY}) == {"_id": AGENCY, "version": 1}


def test_a_refused_event_leaves_nothing(directory: Foundation) -> None:
    def work(unit: Unit) -> dict[str, Any]:
        unit.insert(directory.database["agencies"], {"_id": "half"})
        unit.append(AGENCY, 0, [NewEvent("agency.registered", {**agency(), "name": "Puskesmas Medono"})])
        return {}

    with pytest.raises(InvalidEvent) as refused:
        directory.journal.run(work, actor=CLERK)
    assert refused.value.errors == {"name": ["Unknown field."]}
    assert "Medono" not in str(refused.value)
    assert directory.database["agencies"].count_documents({}) == 0


def test_of_two_writers_on_one_version_one_wins(directory: Foundation) -> None:
    register(directory)
    register(directory, expected=1, event="agency.changed")
    with pytest.raises(VersionConflict) as lost:
        register(directory, expected=1, event="agency.changed")
    assert (lost.value.stream, lost.value.expected, lost.value.current) == (AGENCY, 1, 2)


def test_many_writers_at_once_leave_no_gap_and_lose_cleanly(directory: Foundation) -> None:
    register(directory)

    def change(_: int) -> str:
        try:
            register(directory, expected=1, event="agency.changed")
        except VersionConflict:
            return "lost"
        return "won"

    with ThreadPoolExecutor(8) as clients:
        outcomes = list(clients.map(change, range(8)))
    assert outcomes.count("won") == 1
    assert [entry["version"] for entry in directory.journal.history(AGENCY)] == [1, 2]


def test_a_command_twice_is_a_command_once(directory: Foundation) -> None:
    command = Command("clerk", "key-1", "fingerprint")
    first = register(directory, command=command)
    assert register(directory, command=command) == first
    assert directory.journal.version(AGENCY) == 1


def test_ten_clients_with_one_key_at_once_get_one_answer(directory: Foundation) -> None:
    def send(_: int) -> Any:
        stream = new_id("agency")  # each attempt would make another agency

        def work(unit: Unit) -> dict[str, Any]:
            unit.append(stream, 0, [NewEvent("agency.registered", {**agency(), "agency_id": stream})])
            return {"agency": stream}

        return directory.journal.run(work, actor=CLERK, command=Command("clerk", "same", "fingerprint"))

    with ThreadPoolExecutor(10) as clients:
        answers = {answer["agency"] for answer in clients.map(send, range(10))}
    assert len(answers) == 1
    assert directory.database["journal"].count_documents({}) == 1


def test_a_key_with_another_body_is_refused(directory: Foundation) -> None:
    register(directory, command=Command("clerk", "key-1", "one body"))
    with pytest.raises(KeyReused):
        register(directory, command=Command("clerk", "key-1", "another body"))
    other = Command("another clerk", "key-1", "another body")
    with pytest.raises(VersionConflict):  # another caller's key is another key: the write is tried
        register(directory, command=other)


def add(foundation: Foundation, number: int, **command: Any) -> Any:
    """Adds one event and one document, reading nothing."""
    stream = new_id("agency")

    def work(unit: Unit) -> dict[str, Any]:
        version = unit.append(stream, 0, [NewEvent("agency.registered", {**agency(), "agency_id": stream})])
        unit.insert(foundation.database["agencies"], {"_id": number, "version": version})
        return {"stream": stream}

    return foundation.journal.add(work, actor=CLERK, **command)


def test_what_many_add_at_once_is_all_there_in_few_transactions(mongo: Mongo, directory: Foundation) -> None:
    def commits() -> int:
        return int(mongo.client().admin.command("serverStatus")["transactions"]["totalCommitted"])

    before = commits()
    with ThreadPoolExecutor(32) as pool:
        streams = {answer["stream"] for answer in pool.map(lambda number: add(directory, number), range(320))}
    assert len(streams) == 320
    assert {entry["stream"] for entry in directory.database["journal"].find()} == streams
    assert directory.database["agencies"].count_documents({}) == 320
    assert commits() - before < 200


def test_of_many_that_add_at_once_only_the_ones_at_fault_are_refused(directory: Foundation) -> None:
    for taken in range(0, 40, 4):
        directory.database["agencies"].insert_one({"_id": taken})

    def attempt(number: int) -> str:
        try:
            add(directory, number)
        except Duplicate:
            return "refused"
        return "added"

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(attempt, range(40)))
    assert outcomes == ["refused", "added", "added", "added"] * 10
    assert directory.database["journal"].count_documents({}) == 30


def test_ten_clients_that_add_with_one_key_at_once_get_one_answer(directory: Foundation) -> None:
    command = Command("staff-1", "paper-18", "fingerprint")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda number: add(directory, number, command=command), range(10)))
    assert len({answer["stream"] for answer in answers}) == 1
    assert directory.database["journal"].count_documents({}) == 1


def test_work_that_reads_or_changes_cannot_share_a_transaction(directory: Foundation) -> None:
    agencies = directory.database["agencies"]
    for work in (
        lambda unit: unit.find_one(agencies, {}) or {},
        lambda unit: unit.update(agencies, {"_id": 1}, {"$set": {"version": 2}}) or {},
        lambda unit: unit.delete(agencies, {"_id": 1}) or {},
    ):
        with pytest.raises(RuntimeError, match="is given to Journal"):
            directory.journal.add(work, actor=CLERK)


def test_a_database_out_of_reach_is_said_so_and_found_again(mongo: Mongo, directory: Foundation) -> None:
    register(directory)
    mongo.kill()
    try:
        with pytest.raises(Unavailable):
            directory.journal.run(lambda unit: unit.find_one(directory.database["agencies"], {}) or {}, actor=CLERK)
    finally:
        mongo.start()
    assert register(directory, expected=1, event="agency.changed") == {"version": 2}


def test_identities_are_sealed_with_the_journal_or_not_at_all(foundation_of: Any) -> None:
    intake = foundation_of("intake")
    person = new_id("person")

    def fails(unit: Unit) -> dict[str, Any]:
        intake.sealed.create(unit, person, {"name": "Sri Contoh"})
        unit.flush()
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        intake.journal.run(fails, actor=CLERK)
    with pytest.raises(NotHeld):
        intake.sealed.open(CLERK, person, ["name"], "test", "area")

    def works(unit: Unit) -> dict[str, Any]:
        intake.sealed.create(unit, person, {"name": "Sri Contoh", "alias": "Cik"})
        return {}

    intake.journal.run(works, actor=CLERK)
    assert intake.sealed.open(CLERK, person, ["name", "school"], "test", "area") == {"name": "Sri Contoh"}

    def corrects(unit: Unit) -> dict[str, Any]:
        intake.sealed.seal(unit, person, {"name": "Sri Contoh Lestari"})
        return {}

    intake.journal.run(corrects, actor=CLERK)
    assert intake.sealed.open(CLERK, person, ["name"], "test", "area") == {"name": "Sri Contoh Lestari"}


def test_an_undeclared_field_cannot_be_sealed(foundation_of: Any) -> None:
    intake = foundation_of("intake")
    with pytest.raises(UndeclaredField):
        intake.journal.run(
            lambda unit: intake.sealed.create(unit, new_id("person"), {"favourite_colour": "red"}) or {}, actor=CLERK
        )


def test_a_sealed_value_opens_nowhere_else(mongo: Mongo, foundation_of: Any, prefix: str) -> None:
    intake = foundation_of("intake")
    one, two = new_id("person"), new_id("person")

    def work(unit: Unit) -> dict[str, Any]:
        intake.sealed.create(unit, one, {"name": "Sri Contoh"})
        intake.sealed.create(unit, two, {"name": "Budi Contoh"})
        return {}

    intake.journal.run(work, actor=CLERK)
    values = mongo.client()[f"{prefix}vault"]["subjects"]
    stolen = values.find_one({"_id": one})
    assert stolen is not None
    assert "Sri" not in str(stolen)
    values.update_one({"_id": two}, {"$set": {"fields.name": stolen["fields"]["name"]}})
    with pytest.raises(NotHeld):
        intake.sealed.open(CLERK, two, ["name"], "test", "area")


def test_erasing_leaves_nothing_to_open(mongo: Mongo, foundation_of: Any, prefix: str) -> None:
    intake = foundation_of("intake")
    person = new_id("person")
    intake.journal.run(lambda unit: intake.sealed.create(unit, person, {"name": "Sri Contoh"}) or {}, actor=CLERK)
    intake.journal.run(lambda unit: intake.sealed.erase(unit, person) or {}, actor=CLERK)
    with pytest.raises(NotHeld):
        intake.sealed.open(CLERK, person, ["name"], "test", "area")
    assert mongo.client()[f"{prefix}vault"]["subjects"].count_documents({}) == 0


def test_each_opening_leaves_one_entry_before_anything_is_shown(
    mongo: Mongo, foundation_of: Any, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = foundation_of("intake")
    person = new_id("person")
    intake.journal.run(lambda unit: intake.sealed.create(unit, person, {"name": "Sri Contoh"}) or {}, actor=CLERK)
    entries = mongo.client()[f"{prefix}audit"]["entries"]
    intake.sealed.open(CLERK, person, ["name"], "test", "area")
    [entry] = entries.find({"subject": person})
    assert entry["fields"] == ["name"]
    assert "Sri" not in str(entry)

    def unreachable(*_: Any, **__: Any) -> str:
        raise Unavailable

    monkeypatch.setattr(intake.audit, "record", unreachable)
    with pytest.raises(Unavailable):
        intake.sealed.open(CLERK, person, ["name"], "test", "area")
