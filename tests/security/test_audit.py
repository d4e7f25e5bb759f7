"""The audit log: one read is one entry and none without it (6), and whatever is done to it is found (7)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect

from services.intake import store
from services.intake.app import create_app
from shared.access import Actor, Audit
from shared.access.audit import ensure_indexes, verify
from shared.access.audit.chain import following
from shared.access.audit.log import by_chain, firsts
from shared.foundation import Foundation
from shared.ids import new_id
from shared.mongo import Unavailable
from shared.settings import load
from tests.support.attachments import REPORTS, added
from tests.support.canary import Canary
from tests.support.refusals import no_entries
from tests.support.web import Browser

pytestmark = pytest.mark.mongo

ROOT = Path(__file__).parents[2]
PERSON = "person-" + "a" * 32
READER = Actor("account-" + "b" * 32, "case_worker", agency_id="agency-1", session="session-1")


@pytest.fixture
def environ(mongo, prefix, tmp_path) -> Callable[[str], dict[str, str]]:
    """The environment of a service; its signed heads lie in a directory of this test."""

    def of(service: str) -> dict[str, str]:
        return mongo.settings_environ(service, prefix, RUJUKAN_AUDIT_HEADS=str(tmp_path / "heads"))

    return of


@pytest.fixture
def intake(environ) -> Foundation:
    foundation = Foundation.start(load("intake", environ("intake")))
    foundation.journal.ensure_indexes()
    store.ensure_indexes(foundation.database)
    return foundation


@pytest.fixture
def entries(mongo, prefix) -> Collection[dict[str, Any]]:
    """The stored entries, with all rights: those of one who tampers."""
    database = mongo.client()[f"{prefix}audit"]
    ensure_indexes(database)
    return database.entries


@pytest.fixture
def clerk(intake) -> Browser:
    actor = Actor(new_id("account"), "intake_clerk", new_id("agency"), "session", "Petugas (contoh)")
    return Browser(create_app(intake), actor)


@pytest.fixture
def report(clerk) -> dict[str, Any]:
    answer = clerk.api("POST", "/api/v1/reports", Canary().report(), headers={"Idempotency-Key": new_id("key")})
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def test_06_one_read_of_an_identity_is_exactly_one_entry_for_each_subject(clerk, report, intake, entries) -> None:
    """Seen to fail with `Vault.open` that does not record, and with one that records twice."""
    kept = intake.database.reports.find_one({"_id": report["report_id"]})
    subjects = {report["report_id"], kept["children"][0]["person_id"]}
    for read in (
        lambda: clerk.api("GET", f"/api/v1/reports/{report['number']}/identities"),
        lambda: clerk.post(f"/id/reports/{report['number']}/identities", {}, page=f"/id/reports/{report['number']}"),
    ):
        before = entries.count_documents({})
        answer = read()
        assert answer.status_code == 200, answer.text
        added = list(entries.find().sort([("at", 1), ("seq", 1)]))[before:]
        assert sorted(entry["subject"] for entry in added) == sorted(subjects)
        assert {entry["action"] for entry in added} == {"identity.opened"}


def test_06_without_the_audit_store_nothing_is_shown(clerk, report, entries, mongo, prefix) -> None:
    """The log takes no entry (its user lost the right to add some). Seen to fail with a `record` that only warns."""
    canary = report["number"]
    with no_entries(mongo, prefix):
        answers = [
            clerk.api("GET", f"/api/v1/reports/{canary}/identities"),
            clerk.post(f"/id/reports/{canary}/identities", {}, page=f"/id/reports/{canary}"),
        ]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert all("Kenari" not in answer.text for answer in answers)


def test_06_one_read_of_a_file_is_exactly_one_entry(clerk, report, entries) -> None:
    """By page and by interface, its names and its content. Seen to fail with a vault that does not record, and with one
    that records twice."""
    address = added(clerk, report["number"])
    page = f"/id/reports/{report['number']}"
    for read, fields in (
        (lambda: clerk.api("GET", f"{REPORTS}/{report['number']}/attachments/names"), ["file_name", "description"]),
        (lambda: clerk.api("GET", address), ["file_name", "content"]),
        (lambda: clerk.get(f"{page}/attachments/{address.rpartition('/')[2]}"), ["file_name", "content"]),
    ):
        before = entries.count_documents({})
        answer = read()
        assert answer.status_code == 200, answer.text
        [entry] = list(entries.find().sort([("at", 1), ("seq", 1)]))[before:]
        assert (entry["action"], entry["subject"]) == ("identity.opened", address.rpartition("/")[2])
        assert entry["fields"] == fields


def test_06_without_the_audit_store_no_file_is_given(clerk, report, mongo, prefix, entries) -> None:
    """Seen to fail with a `record` that only warns."""
    address = added(clerk, report["number"])
    with no_entries(mongo, prefix):
        answers = [
            clerk.api("GET", f"{REPORTS}/{report['number']}/attachments/names"),
            clerk.api("GET", address),
            clerk.get(f"/id/reports/{report['number']}/attachments/{address.rpartition('/')[2]}"),
        ]
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert all(b"Budi di pabrik" not in answer.data for answer in answers)


def tampered_edit(entries: Collection[dict[str, Any]]) -> None:
    entries.update_one({"seq": 3}, {"$set": {"actor": "account-" + "c" * 32}})


def tampered_delete(entries: Collection[dict[str, Any]]) -> None:
    entries.delete_one({"seq": 3})


def tampered_order(entries: Collection[dict[str, Any]]) -> None:
    one, other = entries.find_one({"seq": 3}), entries.find_one({"seq": 4})
    assert one and other
    entries.update_one({"_id": one["_id"]}, {"$set": {"seq": 4}})
    entries.update_one({"_id": other["_id"]}, {"$set": {"seq": 3}})


def tampered_cut(entries: Collection[dict[str, Any]]) -> None:
    entries.delete_many({"seq": {"$gte": 3}})


def tampered_lost(entries: Collection[dict[str, Any]]) -> None:
    entries.delete_many({})


TAMPERING = {
    tampered_edit: "an entry was changed",
    tampered_delete: "an entry is missing",
    tampered_order: "an entry was changed",
    tampered_cut: "the end of the chain was cut off",
    tampered_lost: "the end of the chain was cut off",
}


@pytest.fixture
def verified(environ) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `rujukan audit verify` as an operator does."""

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.cli", "audit", "verify", *more]
        variables = {**os.environ, **environ("directory")}
        return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120)

    return run


@pytest.mark.parametrize(("tamper", "said"), TAMPERING.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_07_what_is_done_to_the_log_is_named_with_its_place(tamper, said, intake, entries, verified) -> None:
    """Seen to fail without the heads (cut, lost), and with a hash that leaves out `seq` (order) or `actor` (edit)."""
    for _ in range(6):
        intake.audit.record(READER, "identity.opened", PERSON, ["name"], "report_page")
    assert intake.audit._heads is not None and intake.audit._heads.write()
    whole = verified()
    assert (whole.returncode, whole.stderr) == (0, ""), whole.stdout
    assert "6 entries, 1 signed heads" in whole.stdout
    tamper(entries)
    found = verified()
    assert found.returncode == 1
    place = 5 if tamper is tampered_lost else 3
    assert said in found.stdout and f"place {place}" in found.stdout, found.stdout


def test_07_a_head_that_was_changed_is_told(intake, entries, verified, tmp_path) -> None:
    """Seen to fail with a reader that takes a head without looking at its signature."""
    intake.audit.record(READER, "identity.opened", PERSON, ["name"], "report_page")
    assert intake.audit._heads is not None and intake.audit._heads.write()
    [file] = (tmp_path / "heads").glob("*.heads")
    header, payload, signature = file.read_text().strip().split(".")
    said = json.loads(urlsafe_b64decode(payload + "=="))
    other = urlsafe_b64encode(json.dumps({**said, "at": "2020-01-01T00:00:00+00:00"}).encode()).decode().rstrip("=")
    file.write_text(f"{header}.{other}.{signature}\n")
    found = verified()
    assert found.returncode == 1
    assert f"a head that this key did not sign: {file.name}:1" in found.stdout


def test_threads_share_a_chain_and_it_is_whole(intake, entries) -> None:
    """Also while entries fail to be stored: what was acknowledged is there, once, and in order."""
    written: list[str] = []

    def read_much() -> None:
        for _ in range(20):
            written.extend(intake.audit.record_all(READER, "identity.opened", [PERSON, PERSON], ["name"]))

    threads = [threading.Thread(target=read_much) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert entries.count_documents({"_id": {"$in": written}}) == len(written) == 8 * 20 * 2
    assert len(entries.distinct("chain")) == 1
    assert verify(by_chain(entries.database), []) == []


def test_after_an_entry_whose_fate_is_unknown_a_new_chain_follows(intake, entries) -> None:
    intake.audit.record(READER, "identity.opened", PERSON)
    first = intake.audit._chain
    with _unheard(intake.audit), pytest.raises(Unavailable):
        intake.audit.record(READER, "identity.opened", PERSON)
    intake.audit.record(READER, "identity.opened", PERSON)
    begun = entries.find_one({"chain": {"$ne": first}, "seq": 0})
    assert begun is not None and begun["follows"]["chain"] == first
    assert verify(by_chain(entries.database), following(firsts(entries.database))) == []


def test_a_forked_process_begins_a_chain_of_its_own(intake, entries) -> None:
    intake.audit.record(READER, "identity.opened", PERSON)
    child = os.fork()
    if child == 0:
        os._exit(0 if (intake.audit._seq, intake.audit._last) == (0, None) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@contextmanager
def _unheard(audit: Audit) -> Iterator[None]:
    """The entries are stored, and nobody hears of it."""
    entries = audit._entries

    def insert_many(*arguments: Any) -> None:
        entries.insert_many(*arguments)
        raise AutoReconnect("the answer was lost")

    audit._entries = SimpleNamespace(insert_many=insert_many)  # type: ignore[assignment]
    try:
        yield
    finally:
        audit._entries = entries
