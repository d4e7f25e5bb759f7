"""The vault's key in a server (OpenBao's transit engine): the server is a real one, with TLS, policies and tokens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tink

from deploy.cli import status
from services.intake.app import create_app
from shared.access import Actor
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Command
from shared.mongo import Unavailable
from shared.settings import load
from shared.vault import NotHeld, rotation
from shared.vault.ring import KeyMissing
from shared.vault.transit import KeyServerError, TransitRing
from tests.security.test_keys import CLERK, NAME, from_the_oplog, name_of, sealed
from tests.support.key_server import Bao
from tests.support.reports import a_report
from tests.support.web import Browser

pytestmark = pytest.mark.mongo

ROOT = Path(__file__).parents[2]
Rotate = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    server = Bao(tmp_path_factory.mktemp("bao"))
    try:
        yield server.start()
    finally:
        server.resume()
        server.kill()


@pytest.fixture
def key(bao) -> str:
    """The name of a new key."""
    name = new_id("key")
    bao.new_key(name)
    return name


@pytest.fixture
def environ(mongo, prefix, bao, key, tmp_path) -> dict[str, str]:
    token = bao.token(tmp_path / "use.token", f"{key}-use")
    return mongo.settings_environ("intake", prefix) | bao.environ(key, token)


@pytest.fixture
def ring(environ) -> TransitRing:
    """The same key, seen by a process that has opened nothing yet."""
    server = load("intake", environ).vault_key_server
    assert server is not None
    return TransitRing(server)


@pytest.fixture
def rotate(environ, bao, key, tmp_path) -> Rotate:
    """Runs `rujukan keys rotate` as an operator does, with a token of their own."""
    token = bao.token(tmp_path / "rotate.token", f"{key}-rotate")

    def run(*options: str, command: str = "rotate", **more: str) -> subprocess.CompletedProcess[str]:
        return started(*options, command=command, **more)

    def started(*options: str, command: str, **more: str) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, **environ, "RUJUKAN_VAULT_KEY_TOKEN_FILE": str(token), **more}
        words = [sys.executable, "-m", "deploy.cli", "keys", command, *options]
        return subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120)

    return run


def stored(mongo: Any, prefix: str, person: str) -> dict[str, Any]:
    """The person's wrapped keyset, as it lies in the database."""
    found = mongo.client()[f"{prefix}vault"]["subjects"].find_one({"_id": f"key:{person}"})
    assert found is not None
    return found


def test_no_keyset_opens_as_another_persons(intake, mongo, prefix, ring) -> None:
    """The server refuses it, and the values are bound to their person besides.

    Seen to fail with a constant in the place of the subject.
    """
    one, other = sealed(intake, 2)
    theirs = stored(mongo, prefix, other)
    with pytest.raises(tink.TinkError):
        ring.unwrap(theirs["key_id"], one, theirs["wrapped"])
    assert ring.unwrap(theirs["key_id"], other, theirs["wrapped"])
    subjects = mongo.client()[f"{prefix}vault"]["subjects"]
    for wrapped in (theirs["wrapped"], b"vault:v1:no keyset"):
        subjects.update_one({"_id": f"key:{one}"}, {"$set": {"wrapped": wrapped}})
        with pytest.raises(NotHeld):
            name_of(intake, one)


def test_while_the_server_is_away_nothing_is_accepted_and_nothing_is_lost(intake, bao, environ) -> None:
    """It hangs, then it is gone; a report is refused with 503 and, repeated, is there once. `/readyz` says so.

    Seen to fail without turning the client's errors into Unavailable (500), and with a `check` that asks nothing.
    """
    [known, never_opened] = sealed(intake, 2)
    assert name_of(intake, known)
    clerk = Browser(create_app(intake), CLERK)
    key = {"headers": {"Idempotency-Key": new_id("command")}}

    def refused() -> None:
        began = time.monotonic()
        answer = clerk.api("POST", "/api/v1/reports", a_report(), **key)
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True), answer.text
        with pytest.raises(Unavailable):
            name_of(intake, never_opened)
        ready = clerk.get("/intake/readyz")
        assert ready.status_code == 503 and not ready.json["checks"]["vault_keys"]["ok"]
        assert ready.json["checks"]["mongodb"]["ok"]
        assert time.monotonic() - began < 15
        assert name_of(intake, known)  # opened within the last minute

    bao.pause()
    try:
        refused()
    finally:
        bao.resume()
    assert clerk.get("/intake/readyz").status_code == 200
    bao.kill()
    try:
        refused()
        later = Foundation.start(load("intake", environ))  # a process starts meanwhile
        with pytest.raises(Unavailable):
            name_of(later, known)
    finally:
        bao.start()
    answers = [clerk.api("POST", "/api/v1/reports", a_report(), **key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201], answers[0].text
    assert intake.database["reports"].count_documents({}) == 1
    assert {name_of(place, never_opened) for place in (intake, later)} == {f"{NAME} {never_opened}"}


def test_status_says_whether_the_server_answers(environ, bao, tmp_path, monkeypatch) -> None:
    """Seen to fail without the look (no row), and with a look that calls everything away or nothing. Seen to fail
    with a ring that asks when it is made, and then is asked: who waits for a server that is away waited twice."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    asked = []

    class Counted(TransitRing):
        def check(self) -> None:
            asked.append(self)
            super().check()

    def row() -> tuple[list[dict[str, Any]], list[str]]:
        found = status.look(tmp_path)
        return [each for each in found["servers"] if each["server"] == "Key server"], found["problems"]

    answers = {"server": "Key server", "address": bao.url, "reachable": True}
    away = f"Key server is away, sealed or refuses the token at {bao.url}"
    shown, problems = row()
    assert shown == [answers] and away not in problems
    with monkeypatch.context() as patch:
        patch.setattr("shared.vault.transit.TransitRing", Counted)
        assert status._key_server(environ) == [("Key server", bao.url, True)] and len(asked) == 1
    bao.pause()
    try:
        shown, problems = row()
        assert shown == [answers | {"reachable": False}] and away in problems
    finally:
        bao.resume()
    Path(environ["RUJUKAN_VAULT_KEY_TOKEN_FILE"]).write_text("s.refused")
    shown, problems = row()
    assert shown == [answers | {"reachable": False}] and away in problems


def test_a_server_that_refuses_the_token_is_no_erasure_and_a_new_token_is_seen(intake, environ, tmp_path) -> None:
    """Seen to fail with a ring that reads the token's file once."""
    [person] = sealed(intake)
    right = (tmp_path / "use.token").read_text()
    (tmp_path / "use.token").write_text("s.thisisnotatoken\n")
    with pytest.raises(Unavailable):
        name_of(intake, person)
    (tmp_path / "use.token").write_text(right)
    assert name_of(intake, person)
    (tmp_path / "use.token").chmod(0o644)
    with pytest.raises(KeyServerError, match="chmod 600"):
        Foundation.start(load("intake", environ))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"derived": False}, "no derived key"),
        ({"key_type": "rsa-2048", "derived": False}, "no derived key"),
        ({"exportable": True}, "taken out"),
        ({"allow_plaintext_backup": True}, "taken out"),
        ({"convergent_encryption": True}, "no derived key"),
        (None, "derived=true"),
    ],
)
def test_nothing_starts_with_a_key_of_the_wrong_kind(bao, mongo, prefix, tmp_path, options, words) -> None:
    """Nor with none. The message says what is wrong. Seen to fail without these checks."""
    name = new_id("key")
    if options is None:
        bao.new_key(f"{name}-other")
        bao.root.sys.create_or_update_policy(f"{name}-use", f'path "transit/keys/{name}" {{ capabilities = ["read"] }}')
    else:
        bao.new_key(name, **options)
    environ = mongo.settings_environ("intake", prefix)
    environ |= bao.environ(name, bao.token(tmp_path / "token", f"{name}-use"))
    with pytest.raises(KeyServerError, match=words):
        Foundation.start(load("intake", environ))


def test_after_a_rotation_everybody_opens_and_there_is_one_version(intake, rotate, ring) -> None:
    people, before = sealed(intake, 650), ring.present_id
    done = rotate("--grace", "0", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"step": "done", "destroyed": True}
    assert list(ring.held()) == [ring.present_id] != [before]
    assert rotation.count(intake.sealed.database) == {ring.present_id: 650}
    assert all(name_of(intake, person) == f"{NAME} {person}" for person in people[::50])
    [later] = sealed(intake)
    assert name_of(intake, later)
    told = rotate("--json", command="status")
    assert [(row["key"], row["keysets"]) for row in json.loads(told.stdout)] == [(ring.present_id, 651)]


def test_whoever_rotates_opens_nothing_and_whoever_opens_does_not_rotate(intake, rotate, environ, bao, key) -> None:
    """As docs/operators.md divides the rights."""
    [person] = sealed(intake)
    refused = rotate("--grace", "0", RUJUKAN_VAULT_KEY_TOKEN_FILE=environ["RUJUKAN_VAULT_KEY_TOKEN_FILE"])
    assert refused.returncode == 1 and "does not take the token" in refused.stderr
    assert rotate("--grace", "0").returncode == 0
    operators = Path(environ["RUJUKAN_VAULT_KEY_TOKEN_FILE"]).with_name("rotate.token")
    theirs = Foundation.start(load("intake", environ | {"RUJUKAN_VAULT_KEY_TOKEN_FILE": str(operators)}))
    with pytest.raises(Unavailable):
        name_of(theirs, person)
    assert name_of(intake, person)


def test_a_rotation_that_is_killed_is_gone_on_with(intake, rotate, ring) -> None:
    people = sealed(intake, 600)
    assert rotate("--grace", "0").returncode == 0
    killed = rotate("--grace", "0", RUJUKAN_FAILPOINTS="keys.rewrapped=kill")
    assert killed.returncode == -9, killed.stdout + killed.stderr
    assert len(ring.held()) == 2
    assert {name_of(intake, person) for person in people} == {f"{NAME} {person}" for person in people}
    [between] = sealed(intake)
    done = rotate("--grace", "0")
    assert done.returncode == 0 and "Going on" in done.stdout, done.stdout + done.stderr
    assert rotation.count(intake.sealed.database) == {ring.present_id: 601}
    assert len(ring.held()) == 1 and name_of(intake, between)


def test_a_rotation_that_overtakes_another_destroys_nothing_that_is_needed(intake, environ, bao, tmp_path) -> None:
    """What was wrapped just before the second new version was made is written after the first rotation's last look.

    Seen to fail with a `destroy` that destroys whatever is older than the newest version.
    """
    all_rights = tmp_path / "root.token"
    all_rights.touch(mode=0o600)
    all_rights.write_text(bao.root.token)
    server = load("intake", environ | {"RUJUKAN_VAULT_KEY_TOKEN_FILE": str(all_rights)}).vault_key_server
    assert server is not None
    ring, database = TransitRing(server), intake.sealed.database
    sealed(intake)
    first = ring.begin()
    list(rotation.rewrap(database, ring))
    key_id, wrapped, _ = ring.new_keyset("person-" + "0" * 32)  # begun, not committed yet
    assert key_id == first
    second = ring.begin()
    assert rotation.destroy_old(database, ring, first, grace=0) == []
    assert list(ring.held()) == [first, second]
    assert ring.unwrap(key_id, "person-" + "0" * 32, wrapped)


def test_a_key_that_is_still_needed_is_not_destroyed(intake, rotate, ring, mongo, prefix) -> None:
    """Seen to fail without `needed` in `destroy`."""
    [broken, whole] = sealed(intake, 2)
    subjects = mongo.client()[f"{prefix}vault"]["subjects"]
    subjects.update_one({"_id": f"key:{broken}"}, {"$set": {"wrapped": b"vault:v1:AAAA"}})
    done = rotate("--grace", "0")
    assert done.returncode == 1 and "1 keysets cannot be opened" in done.stdout
    assert len(ring.held()) == 2 and name_of(intake, whole)
    with pytest.raises(NotHeld):
        name_of(intake, broken)


def test_20_after_a_rotation_a_backup_and_the_oplog_open_nothing_of_whom_was_erased(
    intake, rotate, mongo, prefix, bao, key, ring
) -> None:
    """Not even for the server's administrator. Seen to fail without `trim`."""
    [erased, other] = sealed(intake, 2)
    subjects = mongo.client()[f"{prefix}vault"]["subjects"]
    backup = subjects.find_one({"_id": erased})
    intake.journal.run(lambda unit: intake.sealed.erase(unit, erased) or {}, actor=CLERK)
    wrapped, key_id = from_the_oplog(mongo, prefix, erased)
    bound = f"{erased}|name|1".encode()
    opened = ring.unwrap(key_id, erased, wrapped).decrypt(backup["fields"]["name"]["sealed"], bound)
    assert opened.decode() == f"{NAME} {erased}"  # the trap

    assert rotate("--grace", "0").returncode == 0
    after = TransitRing(ring._server)
    with pytest.raises(KeyMissing):
        after.unwrap(key_id, erased, wrapped)
    version, made = after.present_id.rpartition(":v")[2].split("-")
    with pytest.raises(tink.TinkError):
        after.unwrap(f"transit/{key}:v{version}-{made}", erased, wrapped)
    with pytest.raises(Exception, match="min available version"):
        bao.root.secrets.transit.update_key_configuration(key, min_decryption_version=1)
    assert name_of(intake, other) == f"{NAME} {other}"


def test_another_key_of_the_same_name_is_no_erasure(intake, bao, key, environ) -> None:
    """The server was set up anew, say. Seen to fail with ids that are the version's number alone."""
    [person] = sealed(intake)
    transit = bao.root.secrets.transit
    transit.update_key_configuration(key, deletion_allowed=True)
    transit.delete_key(key)
    time.sleep(1.1)  # the server tells the time of a key's making in seconds
    transit.create_key(key, derived=True)
    later = Foundation.start(load("intake", environ))
    with pytest.raises(Unavailable):
        name_of(later, person)


def test_what_a_command_left_half_done_can_be_repeated(intake, bao) -> None:
    """The server goes away within a unit of work: nothing of it is there, and the same command then succeeds."""
    person, other = new_id("person"), new_id("person")
    command = Command(new_id("command"), "clerk", "fingerprint")
    away = [True]

    def work(unit: Any) -> dict[str, Any]:
        intake.sealed.create(unit, person, {"name": NAME})
        if away[0]:
            bao.pause()
        intake.sealed.create(unit, other, {"name": NAME})
        return {}

    try:
        with pytest.raises(Unavailable):
            intake.journal.run(work, command=command, actor=Actor(CLERK.id, CLERK.role))
    finally:
        bao.resume()
    with pytest.raises(NotHeld):
        name_of(intake, person)
    away[0] = False
    intake.journal.run(work, command=command, actor=Actor(CLERK.id, CLERK.role))
    assert name_of(intake, person) == name_of(intake, other) == NAME
