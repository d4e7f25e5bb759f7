"""Rotating the key-encryption key: nobody notices, a killed rotation goes on, and what was erased is gone (20)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tink

from deploy.cli import reminders
from shared.access import Actor
from shared.foundation import Foundation, ring
from shared.ids import new_id
from shared.mongo import Unavailable
from shared.settings import load
from shared.vault import NotHeld, rotation
from shared.vault.finder import beside
from shared.vault.keys import create_key_file, load_key_file
from shared.vault.ring import KeyMissing, KeyRing, older_files
from shared.vault.search_key import create_search_key_file

pytestmark = pytest.mark.mongo

ROOT = Path(__file__).parents[2]
CLERK = Actor("account-" + "a" * 32, "intake_clerk", session="session-1")
NAME = "Kenari Rotasi"
Rotate = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def key_file(tmp_path) -> Path:
    path = tmp_path / "keys" / "vault.json"
    path.parent.mkdir()
    create_key_file(path)
    create_search_key_file(beside(path))
    return path


@pytest.fixture
def environ(mongo, prefix, key_file) -> dict[str, str]:
    return mongo.settings_environ("intake", prefix, RUJUKAN_VAULT_KEY_FILE=str(key_file))


@pytest.fixture
def rotate(environ) -> Rotate:
    """Runs `rujukan keys rotate` as an operator does."""

    def run(*options: str, failpoints: str = "", command: str = "rotate") -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, **environ, "RUJUKAN_FAILPOINTS": failpoints}
        words = [sys.executable, "-m", "deploy.cli", "keys", command, *options]
        return subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120)

    return run


def sealed(intake: Foundation, many: int = 1) -> list[str]:
    """New people whose names are sealed."""
    people = [new_id("person") for _ in range(many)]

    def work(unit: Any) -> dict[str, Any]:
        for person in people:
            intake.sealed.create(unit, person, {"name": f"{NAME} {person}"})
        return {}

    intake.journal.run(work, actor=CLERK)
    return people


def name_of(intake: Foundation, person: str) -> str:
    return intake.sealed.open(CLERK, person, ["name"], "report_page", "area")["name"]


def test_after_a_rotation_everybody_opens_and_there_is_one_key(intake, rotate, key_file) -> None:
    people, before = sealed(intake, 1_100), load_key_file(key_file).id
    done = rotate("--grace", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1100 keysets are wrapped anew" in done.stdout
    present = load_key_file(key_file).id
    assert present != before and older_files(key_file) == []
    assert rotation.count(intake.sealed.database) == {present: 1_100}
    # This process goes on without a restart: it has seen the new key, and that the old one is gone.
    assert all(name_of(intake, person) == f"{NAME} {person}" for person in people[::100])
    [later] = sealed(intake)
    assert name_of(intake, later)
    told = rotate("--json", command="status")
    assert f'"key": "{present}"' in told.stdout and '"keysets": 1101' in told.stdout


def test_when_a_key_was_put_in_place_is_written_down(intake, rotate, key_file) -> None:
    """A copy of its file, or the same command once more, makes it no younger. Seen to fail with a date that each run
    writes."""
    assert rotation.since(intake.sealed.database, ring(intake.settings)) is None
    assert rotate("--grace", "0").returncode == 0
    since = rotation.since(intake.sealed.database, ring(intake.settings))
    assert since is not None and abs(since - datetime.now(UTC)) < timedelta(minutes=2)
    list(rotation.rewrap(intake.sealed.database, ring(intake.settings)))
    assert rotation.since(intake.sealed.database, ring(intake.settings)) == since
    later = replace(intake, clock=lambda: datetime.now(UTC) + timedelta(days=366))
    [reminder] = reminders.look(later)
    assert "rotate it once a year" in reminder
    assert reminders.look(intake) == []


def test_a_program_is_told_how_far_a_rotation_is(intake, rotate, key_file) -> None:
    """An object a line, and nothing else on standard output. Seen to fail with the words for a person."""
    sealed(intake, 600)
    done = rotate("--grace", "0", "--json")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[0] == {"step": "begun", "key": load_key_file(key_file).id}
    assert [line["done"] for line in told if line["step"] == "rewrapping"] == [0, 500, 600]
    assert told[-2:] == [{"step": "waiting", "seconds": 0.0}, {"step": "done", "destroyed": True}]
    rotate("--grace", "0", failpoints="keys.rewrapped=kill")
    again = [json.loads(line) for line in rotate("--grace", "0", "--json", "--keep-old").stdout.splitlines()]
    assert again[0] == {"step": "resumed"} and again[-1] == {"step": "done", "destroyed": False}


@pytest.mark.parametrize("moment", ["keys.kept", "keys.made", "keys.placed", "keys.rewrapped", "keys.destroyed"])
def test_a_rotation_that_is_killed_is_gone_on_with(intake, rotate, key_file, moment) -> None:
    """At each step. Everybody opens in between and afterwards, and in the end there is one key, another one."""
    people, before = sealed(intake, 600), load_key_file(key_file).id
    killed = rotate("--grace", "0", failpoints=f"{moment}=kill")
    assert killed.returncode == -9, killed.stdout + killed.stderr
    assert {name_of(intake, person) for person in people} == {f"{NAME} {person}" for person in people}
    [between] = sealed(intake)
    done = rotate("--grace", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    present = load_key_file(key_file).id
    assert present != before and older_files(key_file) == []
    assert rotation.count(intake.sealed.database) == {present: 601}
    assert all(name_of(intake, person) for person in (*people, between))


def test_registering_goes_on_though_a_later_rotation_was_killed_before_the_database_heard(intake, rotate) -> None:
    """Seen to fail where only the key that the database names may seal."""
    sealed(intake)
    assert rotate("--grace", "0").returncode == 0
    assert rotate("--grace", "0", failpoints="keys.placed=kill").returncode == -9
    intake.sealed._asked_again = 0.0
    [between] = sealed(intake)
    assert name_of(intake, between)


def test_reading_and_registering_go_on_while_it_runs(intake, rotate, key_file) -> None:
    """Seen to fail with a ring that reads the files only once."""
    people, failed, done = sealed(intake, 300), [], threading.Event()
    registered: list[str] = []

    def go_on() -> None:
        turn = 0
        while not done.is_set():
            try:
                name_of(intake, people[turn % len(people)])
                registered.extend(sealed(intake))
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not happen
                failed.append(repr(error))
            turn += 1

    threads = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        results = [rotate("--grace", "2") for _ in range(2)]
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert [result.returncode for result in results] == [0, 0], results
    assert failed == []
    assert len(registered) > 20
    assert rotation.count(intake.sealed.database) == {load_key_file(key_file).id: 300 + len(registered)}
    assert all(name_of(intake, person) for person in registered)


def test_a_key_that_is_still_needed_is_not_destroyed(intake, rotate, key_file, mongo, prefix) -> None:
    """A keyset that no key opens any more (somebody changed it) keeps its key, and the command says so."""
    [broken, whole] = sealed(intake, 2)
    subjects = mongo.client()[f"{prefix}vault"]["subjects"]
    subjects.update_one({"_id": f"key:{broken}"}, {"$set": {"wrapped": b"no keyset"}})
    done = rotate("--grace", "0")
    assert done.returncode == 1
    assert "1 keysets cannot be opened" in done.stdout
    assert len(older_files(key_file)) == 1
    assert name_of(intake, whole)
    with pytest.raises(NotHeld):
        name_of(intake, broken)


def test_a_process_that_cannot_see_the_present_key_seals_nothing(intake, rotate, key_file, environ, tmp_path) -> None:
    """As a container that was given the key's file alone. Seen to fail without `_sees_the_present_key`."""
    [before] = sealed(intake)
    alone = tmp_path / "alone" / "vault.json"
    alone.parent.mkdir()
    os.link(key_file, alone)
    os.link(beside(key_file), beside(alone))
    other = Foundation.start(load("intake", environ | {"RUJUKAN_VAULT_KEY_FILE": str(alone)}))
    assert rotate("--grace", "0").returncode == 0
    with pytest.raises(Unavailable):
        sealed(other)
    with pytest.raises(Unavailable):
        name_of(other, before)  # and it does not say that this was erased
    assert name_of(intake, before)


def test_two_rotations_at_once_are_one(intake, rotate, key_file) -> None:
    """Of two new keys that replace each other one would be lost. Seen to fail without the lock."""
    sealed(intake)
    with KeyRing(key_file).alone():
        second = rotate("--grace", "0")
    assert second.returncode == 1 and "rotated already" in second.stderr
    assert older_files(key_file) == []


def test_20_after_a_rotation_a_backup_and_the_oplog_open_nothing_of_whom_was_erased(
    intake, rotate, key_file, mongo, prefix
) -> None:
    """Seen to fail with `--keep-old`, and with a rotation that leaves the old key's file."""
    [erased, other] = sealed(intake, 2)
    subjects = mongo.client()[f"{prefix}vault"]["subjects"]
    backup = {document["_id"]: document for document in subjects.find()}
    intake.journal.run(lambda unit: intake.sealed.erase(unit, erased) or {}, actor=CLERK)
    with pytest.raises(NotHeld):
        name_of(intake, erased)
    assert subjects.count_documents({"_id": {"$in": [erased, f"key:{erased}"]}}) == 0

    wrapped, key_id = from_the_oplog(mongo, prefix, erased)
    value = backup[erased]["fields"]["name"]
    bound = f"{erased}|name|1".encode()
    before = KeyRing(key_file)
    # The trap: after the erasure, whoever has a backup and the oplog still reads the name.
    assert before.unwrap(key_id, erased, wrapped).decrypt(value["sealed"], bound).decode() == f"{NAME} {erased}"

    assert rotate("--grace", "0").returncode == 0
    after = KeyRing(key_file)
    with pytest.raises(KeyMissing):
        after.unwrap(key_id, erased, wrapped)
    with pytest.raises(tink.TinkError):
        after.present.unwrap(erased, wrapped)
    with pytest.raises(KeyMissing):
        before.unwrap(key_id, erased, wrapped)  # a process that had the old key in memory has let it go
    assert name_of(intake, other) == f"{NAME} {other}"


def from_the_oplog(mongo: Any, prefix: str, person: str) -> tuple[bytes, str]:
    """The wrapped keyset of a person as the oplog still has it, and the id of the key that wrapped it."""
    for entry in mongo.client()["local"]["oplog.rs"].find({"o.applyOps.o._id": f"key:{person}"}):
        for operation in entry["o"]["applyOps"]:
            document = operation["o"]
            if document.get("_id") == f"key:{person}" and "wrapped" in document:
                return document["wrapped"], document["key_id"]
    raise AssertionError("the oplog does not have it: the trap is another one")
