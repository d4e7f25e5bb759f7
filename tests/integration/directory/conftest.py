"""A directory of its own for every test, on the real mongod and with directory's own database user."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from flask import Flask, request
from werkzeug.test import Client, TestResponse

from deploy.front_door import FrontDoor
from services.directory import commands, store
from services.directory.app import create_app
from services.directory.sessions import COOKIE, EXCHANGE
from shared.access import Actor, passwords
from shared.clock import utc_now
from shared.foundation import Foundation
from shared.settings import load

ADMINISTRATOR = Actor("account-" + "0" * 32, "administrator", session="session-" + "0" * 32)
BASE = "https://localhost"
PASSWORD = "tiga becak di tepi kali"


class Clock:
    """A clock that tests can put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


@dataclass
class Staff:
    """One member of staff with an account."""

    person_id: str
    account_id: str
    email: str
    password: str = PASSWORD


@pytest.fixture(autouse=True)
def quick_hashing(request, monkeypatch) -> None:
    """Passwords are hashed with little work, except where the work is what a test measures (`real_hashing`)."""
    if "real_hashing" not in request.fixturenames:
        quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        monkeypatch.setattr(passwords, "_hasher", quick)
        monkeypatch.setattr(passwords, "_NOBODYS", quick.hash("nobody"))


@pytest.fixture
def real_hashing() -> None:
    """Asks for hashing as the product does it."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def foundation(mongo, prefix, clock) -> Foundation:
    """Directory's foundation, with its indexes made."""
    started = Foundation.start(load("directory", mongo.settings_environ("directory", prefix)), clock)
    store.ensure_indexes(started.database)
    started.journal.ensure_indexes()
    return started


@pytest.fixture
def agency(foundation) -> str:
    """The id of an active agency."""
    facts = {"name": "Dinas Pendidikan", "kind": "education_office", "kecamatan": None, "phone": None, "email": None}
    return commands.register(foundation, ADMINISTRATOR, "agency", {**facts, "active": True})["id"]


@pytest.fixture
def hire(foundation) -> Callable[..., Staff]:
    """Makes a member of staff with an account: `hire("intake_clerk", agency_id=...)`."""

    def hire_one(role: str, agency_id: str | None = None, email: str | None = None) -> Staff:
        email = email or f"{role}@kantor.test"
        facts = {"name": f"Petugas {role}", "email": email, "agency_id": agency_id}
        person_id = commands.register_person(foundation, ADMINISTRATOR, facts)["id"]
        account = {"person_id": person_id, "role": role, "password": PASSWORD}
        return Staff(person_id, commands.open_account(foundation, ADMINISTRATOR, account)["id"], email)

    return hire_one


class Visitor:
    """Somebody who comes through the front door, with a cookie jar or, as a program, with a Bearer token."""

    def __init__(self, door: FrontDoor) -> None:
        self.client = Client(door)
        self.token: str | None = None

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, base_url=BASE, headers=self._headers(more), **more)

    def send(self, path: str, page: str | None = None, **fields: Any) -> TestResponse:
        """Fills in the form on `page` (the same path if None) and sends it."""
        html = self.get(page or path).text
        hidden = dict(re.findall(r'name="(csrf_token|request_key|version)"[^>]*value="([^"]*)"', html))
        return self.client.post(path, base_url=BASE, data={**hidden, **fields}, headers={"Origin": BASE})

    def call(self, method: str, path: str, json: Any = None, **more: Any) -> TestResponse:
        """Calls a JSON endpoint."""
        return self.client.open(path, method=method, base_url=BASE, json=json, headers=self._headers(more), **more)

    def sign_in(self, staff: Staff) -> Visitor:
        """By the page: the session is in the cookie jar afterwards."""
        answer = self.send("/id/sign-in", email=staff.email, password=staff.password)
        assert answer.status_code == 303, answer.text
        return self

    def sign_in_as_program(self, staff: Staff) -> Visitor:
        """By JSON: the session is in `token` afterwards."""
        credentials = {"email": staff.email, "password": staff.password}
        answer = self.call("POST", "/api/v1/sessions", credentials)
        assert answer.status_code == 201, answer.text
        self.token = answer.json["token"]
        return self

    def session(self) -> str | None:
        """The secret in the cookie jar."""
        cookie = self.client.get_cookie(COOKIE, "localhost")
        return cookie.value if cookie else None

    def _headers(self, more: dict[str, Any]) -> dict[str, str]:
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {**bearer, **more.pop("headers", {})}


@pytest.fixture
def app(foundation) -> Flask:
    return create_app(foundation)


@pytest.fixture
def door(foundation, app) -> FrontDoor:
    """The front door over directory, and over an application that tells what reached it in place of intake."""
    intake = Flask("echo")

    @intake.route("/<path:path>", methods=["GET", "POST"])
    def echo(path: str) -> Any:
        return {name.lower(): value for name, value in request.headers.items()}

    return FrontDoor({"directory": app, "intake": intake}, app.extensions[EXCHANGE])


@pytest.fixture
def visit(door) -> Callable[[], Visitor]:
    """A new visitor: `visit()`."""
    return lambda: Visitor(door)


@dataclass
class App:
    """An authenticator app on a telephone: it knows a secret and the time."""

    secret: str
    clock: Clock

    def code(self, steps: int = 0) -> str:
        """The six digits that it shows, or showed so many steps ago (negative), or will show."""
        return pyotp.TOTP(self.secret).at(self.clock() + timedelta(seconds=30 * steps))

    def wait(self, steps: int = 1) -> App:
        """Until it shows another code: each is good once."""
        self.clock.ahead += timedelta(seconds=30 * steps)
        return self


@pytest.fixture
def turn_on(clock) -> Callable[[Visitor], tuple[App, list[str]]]:
    """Turns the second factor of a signed-in visitor on by the pages; gives their app and recovery codes."""

    def turn_it_on(visitor: Visitor) -> tuple[App, list[str]]:
        started = visitor.send("/en/second-factor")
        assert started.headers["Location"] == "/en/second-factor/set-up", started.text
        return set_up(visitor, "/en/second-factor/set-up", clock)

    return turn_it_on


def set_up(visitor: Visitor, path: str, clock: Clock) -> tuple[App, list[str]]:
    """Reads the key from the page and confirms it by a code; gives the app and the recovery codes."""
    app = App(shown_key(visitor.get(path).text), clock)
    done = visitor.send(path, code=app.code())
    assert done.status_code == 200, done.text
    codes = re.findall(r"<code>([a-z2-7-]+)</code>", done.text)
    assert len(codes) == 10
    return app.wait(), codes


def shown_key(html: str) -> str:
    """The app's secret as the page shows it for typing."""
    found = re.search(r'<strong translate="no">([A-Z2-7 ]+)</strong>', html)
    assert found is not None, html
    return found.group(1).replace(" ", "")
