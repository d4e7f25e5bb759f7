"""A primary that holds what no majority holds yet: what is a repeated command told then?

Three real nodes. Both secondaries are paused, so that a commit stays unconfirmed until they go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo import MongoClient

from deploy import database_users
from deploy.local import secrets
from shared import mongo
from shared.access.actor import system_actor
from shared.clock import utc_now
from shared.events import NewEvent
from shared.ids import new_id
from shared.journal import Command, Journal, Unit
from shared.journal.unit import JOURNAL
from tests.chaos.campaign.replicas import Replicas
from tests.support.stack import wait_for

pytestmark = [pytest.mark.mongo, pytest.mark.long]
CLERK = system_actor("test")
DATABASE = "directory"


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    made = Replicas(tmp_path, tmp_path / "state")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def administrator(replicas: Replicas, tmp_path: Path) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of the whole set."""
    password = secrets.ensure(tmp_path / "state")[secrets.ROOT_PASSWORD]
    user = {"username": database_users.ADMINISTRATOR, "password": password}
    with pymongo.MongoClient[dict[str, Any]](replicas.uri, tz_aware=True, **user) as client:
        yield client


def register(journal: Journal, command: Command) -> Mapping[str, Any]:
    """Makes an agency, another one at each attempt."""
    agency = new_id("agency")
    fact = {"agency_id": agency, "kind": "health_centre", "kecamatan": "33.75.01", "active": True}

    def work(unit: Unit) -> dict[str, Any]:
        unit.append(agency, 0, [NewEvent("agency.registered", fact)])
        return {"agency": agency}

    return journal.run(work, actor=CLERK, command=command)


def test_a_command_repeated_before_a_majority_has_it_gets_its_own_answer(
    replicas: Replicas, administrator: MongoClient[dict[str, Any]]
) -> None:
    """Giving a transaction up waits for a majority, and that keeps the promise. Seen to fail when it did not wait: the
    repetition did not find its answer, and was told that the document exists already."""
    database = mongo.database(administrator, DATABASE)
    first, second = Journal(database, utc_now), Journal(database, utc_now)
    first.ensure_indexes()
    register(first, Command("clerk", "another", "body"))
    command = Command("clerk", "key", "body")
    secondaries = [member for name, member in replicas.members.items() if name != replicas.primary()]

    def looked_for(repeated: Future[Mapping[str, Any]]) -> bool:
        """Whether the repetition gives its transaction up, asks for the command's record, or has ended."""
        refused = {"$or": [{"command.abortTransaction": 1}, {"command.find": "commands"}]}
        return repeated.done() or bool(list(administrator.admin.aggregate([{"$currentOp": {}}, {"$match": refused}])))

    local = database.get_collection(JOURNAL, read_concern=pymongo.read_concern.ReadConcern("local"))
    with ThreadPoolExecutor(2) as clients:
        for member in secondaries:
            member.pause()
        try:
            sent = clients.submit(register, first, command)
            wait_for(lambda: local.count_documents({}) == 2, "the first attempt on the primary")
            repeated = clients.submit(register, second, command)
            wait_for(lambda: looked_for(repeated), "the repetition to look for its answer")
        finally:
            for member in secondaries:
                member.resume()
        assert repeated.result(60) == sent.result(60)
    assert database[JOURNAL].count_documents({}) == 2
