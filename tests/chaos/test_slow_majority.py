"""A primary that holds what no majority holds yet: what is a repeated command told then, and who asks for what is new?

Three real nodes. Both secondaries are paused, so that a commit stays unconfirmed until they go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pymongo
import pytest
from pymongo import MongoClient
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from deploy import database_users
from deploy.local import secrets
from services.cases import glass
from services.cases import store as cases
from services.directory import store as directory
from services.intake import store as intake
from services.intake import subject_requests
from services.intake.retention import proposals
from services.notifications import queue
from services.notifications import store as notifications
from shared import mongo
from shared.access.actor import Actor, system_actor
from shared.clock import utc_now
from shared.events import NewEvent
from shared.ids import new_id
from shared.journal import Command, Journal, Unit, VersionConflict
from shared.journal.unit import JOURNAL
from shared.vault.vault import NotHeld, Opened, Vault
from tests.chaos.campaign.replicas import Replicas
from tests.support.stack import wait_for

pytestmark = [pytest.mark.mongo]
CLERK = system_actor("test")
DATABASE = "directory"

Write = Callable[[Journal, str, int, Command], Mapping[str, Any]]


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    made = Replicas(tmp_path, tmp_path / "state")
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture
def administrator(replicas: Replicas, tmp_path: Path) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of the whole set."""
    password = secrets.ensure(tmp_path / "state")[secrets.ROOT_PASSWORD]
    user = {"username": database_users.ADMINISTRATOR, "password": password}
    with pymongo.MongoClient[dict[str, Any]](replicas.uri, tz_aware=True, **user) as client:
        yield client


def register(journal: Journal, agency: str, version: int, command: Command) -> Mapping[str, Any]:
    """Writes without looking: a repetition meets what is unique."""
    fact = {"agency_id": agency, "kind": "health_centre", "kecamatan": "33.75.01", "active": True}

    def work(unit: Unit) -> dict[str, Any]:
        kind = "agency.changed" if version else "agency.registered"
        return {"version": unit.append(agency, version, [NewEvent(kind, fact)])}

    return journal.run(work, actor=CLERK, command=command)


def change(journal: Journal, agency: str, version: int, command: Command) -> Mapping[str, Any]:
    """Looks first, as a step of a case does: a repetition finds the version that its first attempt has made."""

    def work(unit: Unit) -> dict[str, Any]:
        found = len(unit.find(unit.database[JOURNAL], {"stream": agency}))
        if found != version:
            raise VersionConflict(agency, version, found)
        fact = {"agency_id": agency, "kind": "health_centre", "kecamatan": "33.75.01", "active": False}
        return {"version": unit.append(agency, version, [NewEvent("agency.changed", fact)])}

    return journal.run(work, actor=CLERK, command=command)


@pytest.mark.parametrize("write", [register, change])
def test_a_command_repeated_before_a_majority_has_it_gets_its_own_answer(
    write: Write, replicas: Replicas, administrator: MongoClient[dict[str, Any]]
) -> None:
    """Seen to fail when the answer was looked for among what a majority held at that moment: the repetition was told
    that another writer was first. (A campaign found it: 412 for a step whose web process was killed.)"""
    database = mongo.database(administrator, DATABASE)
    first, second = Journal(database, utc_now), Journal(database, utc_now)
    first.ensure_indexes()
    agency = new_id("agency")
    register(first, agency, 0, Command("clerk", "another", "body"))
    command = Command("clerk", "key", "body")
    secondaries = [member for name, member in replicas.members.items() if name != replicas.primary()]

    def looked_for(repeated: Future[Mapping[str, Any]]) -> bool:
        """Whether the repetition waits for its answer, or has ended."""
        asks = {"$or": [{"command.abortTransaction": 1}, {"command.find": {"$in": ["commands", "journal"]}}]}
        return repeated.done() or bool(list(administrator.admin.aggregate([{"$currentOp": {}}, {"$match": asks}])))

    local = database.get_collection(JOURNAL, read_concern=ReadConcern("local"))
    with ThreadPoolExecutor(2) as clients:
        for member in secondaries:
            member.pause()
        try:
            sent = clients.submit(write, first, agency, 1, command)
            wait_for(lambda: local.count_documents({}) == 2, "the first attempt on the primary")
            repeated = clients.submit(write, second, agency, 1, command)
            wait_for(lambda: looked_for(repeated), "the repetition to look for its answer")
        finally:
            for member in secondaries:
                member.resume()
        assert repeated.result(60) == sent.result(60)
    assert database[JOURNAL].count_documents({}) == 2


def opened(database: Any, name: str) -> Opened | None:
    """What the vault opens; what of it is sealed is of no matter here."""
    try:
        return Vault(database, Mock(), Mock()).open_readable(Actor("account-1", "case_worker"), name, "test", "area")
    except NotHeld:
        return None


#: By what each service finds what somebody names, which is refused where it is not there.
NAMED: dict[str, tuple[str, str, Callable[[Any, str], Any]]] = {
    "report": ("intake", "reports", intake.get),
    "child": ("intake", "reports", intake.child),
    "request": ("intake", "subject_requests", subject_requests.get),
    "proposal": ("intake", "proposals", proposals.get),
    "attachment": ("intake", "attachments", lambda database, name: intake.attachment(database, "report-1", name)),
    "case": ("cases", "cases", cases.get),
    "referral": ("cases", "referrals", cases.get_referral),
    "grant": ("cases", "grants", glass.get),
    "subscription": ("notifications", "subscriptions", notifications.subscription),
    "delivery": ("notifications", "deliveries", notifications.delivery),
    "company": ("directory", "companies", lambda database, name: directory.get(database, "company", name)),
    "person": ("vault", "subjects", opened),
}


def test_what_was_acknowledged_is_not_said_to_be_nowhere_while_a_new_primary_does_not_know_it(
    replicas: Replicas, administrator: MongoClient[dict[str, Any]]
) -> None:
    """A primary that was just elected has what the former one acknowledged, and does not know yet that a majority has:
    so it stands here, with both secondaries paused. Seen to fail with `find_one` in the place of `find_surely`, for
    each that is named. (A campaign of three nodes found it: 404 for a subscription four seconds old.)"""
    names = {kind: new_id(kind) for kind in NAMED}
    databases = {service: mongo.database(administrator, service) for service, _, _ in NAMED.values()}
    for kind, (service, collection, _) in NAMED.items():  # a collection is made while all are there
        databases[service][collection].insert_one({"_id": f"another-{kind}"})
    secondaries = [member for name, member in replicas.members.items() if name != replicas.primary()]
    with ThreadPoolExecutor(len(NAMED)) as readers:
        for member in secondaries:
            member.pause()
        try:
            for kind, (service, collection, _) in NAMED.items():
                here = databases[service].get_collection(collection, write_concern=WriteConcern(1))
                here.insert_many(documents(kind, names[kind]))
            asked = {
                kind: readers.submit(find, databases[service], names[kind])
                for kind, (service, _, find) in NAMED.items()
            }
            time.sleep(1.0)
            early = {kind for kind, found in asked.items() if found.done()}
        finally:
            for member in secondaries:
                member.resume()
        nowhere = {kind for kind, found in asked.items() if found.result(60) is None}
    assert (early, nowhere) == (set(), set())


def test_no_message_is_cancelled_for_a_subscription_that_a_new_primary_does_not_know_yet(
    replicas: Replicas, administrator: MongoClient[dict[str, Any]]
) -> None:
    """The sender saw the message on the former primary. Seen to fail without the second question: it is cancelled."""
    database, name = mongo.database(administrator, "notifications"), new_id("subscription")
    notifications.ensure_indexes(database)
    database.subscriptions.insert_one({"_id": "another"})
    database.deliveries.insert_one({"_id": "delivery-1", "subscription_id": name, "state": notifications.DUE})
    secondaries = [member for which, member in replicas.members.items() if which != replicas.primary()]
    with ThreadPoolExecutor(1) as sender:
        for member in secondaries:
            member.pause()
        try:
            database.get_collection("subscriptions", write_concern=WriteConcern(1)).insert_one({"_id": name})
            tidied = sender.submit(queue.cancel_left_over, database)
            time.sleep(1.0)
        finally:
            for member in secondaries:
                member.resume()
        assert tidied.result(60) == 0
    assert database.deliveries.count_documents({"state": notifications.DUE}) == 1


def documents(kind: str, name: str) -> list[dict[str, Any]]:
    """As much of it as finding it needs."""
    more: dict[str, list[dict[str, Any]]] = {
        "child": [{"_id": "report-1", "number": "L-1", "children": [{"child_id": name}]}],
        "attachment": [{"_id": name, "report_id": "report-1", "state": intake.KEPT}],
        "person": [{"_id": name, "fields": {}}, {"_id": f"key:{name}", "key_id": "key-1", "wrapped": b""}],
    }
    return more.get(kind, [{"_id": name}])
