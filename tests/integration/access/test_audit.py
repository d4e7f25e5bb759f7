"""The trace of a look at an identity: no entry, no data."""

import pytest
from pymongo.errors import OperationFailure

from shared.access import Actor, Audit
from shared.access.audit import ensure_indexes
from shared.foundation import Foundation
from shared.mongo import Unavailable
from shared.settings import load

pytestmark = pytest.mark.mongo

PERSON = "person-" + "a" * 32
WORKER = Actor("account-" + "b" * 32, "case_worker", agency_id="agency-1", session="session-1", name="Sri Rahasia")


@pytest.fixture
def foundation(mongo, prefix):
    return Foundation.start(load("cases", mongo.settings_environ("cases", prefix)))


@pytest.fixture
def entries(mongo, prefix):
    """The stored entries, seen with all rights."""
    return lambda: list(mongo.client()[f"{prefix}audit"].entries.find())


def test_an_entry_says_who_did_what_to_whom_and_never_what_was_seen(foundation, entries):
    identifier = foundation.audit.record(WORKER, "case.read_identity", PERSON, ["name", "phone"], "screening")
    (entry,) = entries()
    assert entry["_id"] == identifier
    assert (entry["actor"], entry["role"], entry["subject"]) == (WORKER.id, "case_worker", PERSON)
    assert (entry["fields"], entry["purpose"], entry["outcome"]) == (["name", "phone"], "screening", "allowed")
    assert entry["at"].tzinfo is not None
    assert "Rahasia" not in str(entry)


def test_an_entry_holds_codes_only(foundation, entries):
    good = {"action": "case.read_identity", "subject": PERSON, "fields": ["name"], "purpose": "screening"}
    for change in (
        {"action": "Membaca nama Budi"},
        {"subject": "Budi Santoso"},
        {"subject": PERSON + "\n"},
        {"fields": ["name", "Budi Santoso"]},
        {"purpose": "ibunya meminta"},
        {"outcome": "Budi"},
    ):
        with pytest.raises(ValueError) as refused:
            foundation.audit.record(WORKER, **{**good, **change})
        assert "Budi" not in str(refused.value)
    assert entries() == []


def test_nobody_changes_or_removes_an_entry_with_a_services_rights(foundation, entries):
    foundation.audit.record(WORKER, "case.read_identity", PERSON, ["name"], "screening")
    own = foundation.database.client[foundation.settings.prefix + "audit"].entries
    for attempt in (
        lambda: own.update_one({}, {"$set": {"actor": "account-0"}}),
        lambda: own.delete_many({}),
        lambda: own.drop(),
    ):
        with pytest.raises(OperationFailure):
            attempt()
    assert entries()[0]["actor"] == WORKER.id


def test_without_the_audit_store_the_answer_is_no(foundation, mongo, entries):
    foundation.audit.record(WORKER, "case.read_identity", PERSON, ["name"], "screening")
    mongo.kill()
    try:
        with pytest.raises(Unavailable):
            foundation.audit.record(WORKER, "case.read_identity", PERSON, ["name"], "screening")
    finally:
        mongo.start()
    assert len(entries()) == 1


def test_a_write_that_is_refused_counts_as_no_entry(mongo, prefix):
    """Whatever the reason: a user who may not write there shows no data."""
    foundation = Foundation.start(load("cases", mongo.settings_environ("cases", prefix)))
    elsewhere = Audit(foundation.database.client[f"{prefix}directory"])
    with pytest.raises(Unavailable):
        elsewhere.record(WORKER, "case.read_identity", PERSON, ["name"], "screening")


def test_an_auditor_asks_by_person_and_by_actor(mongo, prefix):
    database = mongo.client()[f"{prefix}audit"]
    ensure_indexes(database)
    ensure_indexes(database)
    assert {"by_subject", "by_actor"} <= set(database.entries.index_information())
