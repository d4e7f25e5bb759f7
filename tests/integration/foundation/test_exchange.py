"""The commands of a transaction that are sent together, against the real mongod: all or nothing, come what may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from shared import failpoints
from shared.access.actor import Actor
from shared.foundation import Foundation
from shared.journal import Duplicate, Unavailable, Unit, exchange
from shared.settings import load
from tests.support.servers import Mongo

CLERK = Actor("account-" + "a" * 32, "intake_clerk")
NAMES = ("first", "second", "third")


@pytest.fixture
def directory(foundation_of: Callable[..., Foundation]) -> Foundation:
    return foundation_of("directory")


def write(foundation: Foundation, number: int, *more: Any, budget: float = 8.0) -> None:
    """The same document into three collections, and `more` (collection, document) after them."""

    def work(unit: Unit) -> dict[str, Any]:
        for name in NAMES:
            unit.insert(foundation.database[name], {"_id": number})
        for collection, document in more:
            unit.insert(collection, document)
        return {}

    foundation.journal.run(work, actor=CLERK, budget=budget)


def held(foundation: Foundation) -> list[list[int]]:
    return [sorted(document["_id"] for document in foundation.database[name].find()) for name in NAMES]


def test_what_comes_after_a_statement_without_a_right_is_not_kept_either(directory: Foundation) -> None:
    """Seen to fail without `_check_command_response`: three documents of four were kept."""
    foreign = directory.database.client[directory.settings.prefix + "cases"]["cases"]
    with pytest.raises(OperationFailure, match="not authorized"):
        write(directory, 1, (foreign, {"_id": 1}))
    assert held(directory) == [[], [], []]


def test_a_transaction_outlives_a_statement_without_a_right(directory: Foundation) -> None:
    """Why the commit is not sent along. Where a newer MongoDB ends the transaction, it might be."""
    client = directory.database.client
    with client.start_session() as session, session.start_transaction():
        directory.database["first"].insert_one({"_id": 1}, session=session)
        with pytest.raises(OperationFailure, match="not authorized"):
            client[directory.settings.prefix + "cases"]["cases"].insert_one({"_id": 1}, session=session)
    assert held(directory) == [[1], [], []]


def test_of_several_refusals_the_first_is_the_one_that_is_told(directory: Foundation) -> None:
    """The others are refused because the transaction is over. Seen to fail with all answers looked at."""
    write(directory, 1)
    with pytest.raises(Duplicate, match=r"^first:"):
        write(directory, 1)
    with pytest.raises(Duplicate, match=r"^third:"):
        write(directory, 2, (directory.database["third"], {"_id": 1}))
    assert held(directory) == [[1], [1], [1]]


def test_answers_that_did_not_come_are_never_taken_for_those_to_something_else(
    directory: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail with the connection left open: the next command reads the answers of these."""
    read, left = exchange._read, [failpoints.Crash("cut off")]

    def cut_off(*arguments: Any) -> Any:
        if left:
            raise left.pop()
        return read(*arguments)

    monkeypatch.setattr(exchange, "_read", cut_off)
    with pytest.raises(failpoints.Crash):
        write(directory, 1)
    write(directory, 2)
    assert held(directory) == [[2]] * 3


def test_a_commit_whose_answer_is_lost_is_asked_for_again_and_happens_once(
    directory: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail where the lost answer was an error of the whole: the unit met what it had written itself."""
    real, lost = exchange._exchange, []

    def answer_lost(connection: Any, session: Any, commands: Any) -> Any:
        answers = real(connection, session, commands)
        if "commitTransaction" in commands[0][1] and not lost:
            lost.append(answers)
            raise AutoReconnect("cut off")
        return answers

    monkeypatch.setattr(exchange, "_exchange", answer_lost)
    write(directory, 1)
    assert lost[0][0]["ok"] == 1
    assert held(directory) == [[1]] * 3


def test_more_than_can_be_under_way_at_once(directory: Foundation) -> None:
    """Many new documents by updates, whose answers name each of them. Seen to fail with all sent at once: both sides
    waited until the driver gave up."""

    def work(unit: Unit) -> dict[str, Any]:
        for number in range(20_000):
            for name in NAMES:
                unit.put(directory.database[name], f"a rather long name of a document, number {number}", {"n": number})
        return {}

    directory.journal.run(work, actor=CLERK)
    assert [directory.database[name].count_documents({}) for name in NAMES] == [20_000] * 3


def test_a_server_that_stands_still_for_a_moment_is_waited_for(
    mongo: Mongo, directory: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than LOOK_SECONDS. Seen to fail with one look: it was written again, in a transaction of its own."""
    write(directory, 1)
    tries: list[Any] = []
    real = exchange._exchange
    monkeypatch.setattr(exchange, "_exchange", lambda *arguments: tries.append(arguments) or real(*arguments))
    mongo.pause()
    threading.Timer(3 * exchange.LOOK_SECONDS, mongo.resume).start()
    write(directory, 2)
    assert len(tries) == 2  # the inserts, and the commit
    assert held(directory) == [[1, 2]] * 3


def test_what_the_driver_asks_over_the_same_connection_has_its_own_time(
    mongo: Mongo, foundation_of: Callable[..., Foundation]
) -> None:
    """The short wait stays set on a connection. Seen to fail where the driver's own time was taken for set already."""
    more = "maxPoolSize=1&retryReads=false&retryWrites=false"
    directory = foundation_of("directory", MONGODB_URI=f"{mongo.uri}&{more}")
    first = directory.database["first"]
    for number in range(5):
        write(directory, number)
    cursor = first.find(batch_size=2)
    assert next(cursor)
    for ask in (
        lambda: len(list(cursor)) == 4,
        lambda: first.find_one({"_id": 1}) == {"_id": 1},
        lambda: first.count_documents({}) == 5,
        lambda: first.update_one({"_id": 1}, {"$set": {"n": 1}}).matched_count == 1,
        lambda: directory.database.command("ping")["ok"] == 1,
    ):
        with directory.database.client.start_session() as session:
            session.start_transaction()
            exchange.write_together(session, [(directory.database.name, {"insert": "third", "documents": [{}]})])
            exchange.commit(session)
        mongo.pause()
        threading.Timer(1.5 * exchange.LOOK_SECONDS, mongo.resume).start()
        assert ask()


def test_a_server_that_the_driver_has_given_up_is_not_waited_for(
    directory: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail without the look at `cancelled`: it waited for the 20 seconds of the socket."""
    real = exchange._read

    def given_up(connection: Any, numbers: Any) -> Any:
        connection.cancel_context.cancel()
        return real(connection, [*numbers, 0])  # one more answer than will come

    monkeypatch.setattr(exchange, "_read", given_up)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        write(directory, 1, budget=1.0)
    assert time.monotonic() - began < 10


class Compressing(Mongo):
    """As a server may be that is not of local mode."""

    def _run(self, command: list[str], environ: dict[str, str] | None = None) -> None:
        file = Path(command[-1])
        file.write_text(file.read_text().replace("disabled", "zlib"))
        super()._run(command, environ)


def test_over_a_connection_that_compresses(tmp_path: Path, prefix: str) -> None:
    """Seen to fail without the driver's own way of reading: an answer of a kind that is not known."""
    mongo = Compressing(tmp_path).start()
    try:
        settings = load("directory", mongo.settings_environ("directory", prefix))
        directory = Foundation.start(replace(settings, mongodb_uri=f"{mongo.uri}&compressors=zlib"))
        write(directory, 1)
        with directory.database.client._conn_for_writes(None, "test") as connection:
            assert connection.compression_context is not None
        assert held(directory) == [[1]] * 3
    finally:
        mongo.kill()
