"""A directory of its own for every test, on the real mongod and with directory's own database user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from services.directory import commands, store
from shared.access import Actor
from shared.foundation import Foundation, utc_now
from shared.settings import load

ADMINISTRATOR = Actor("account-" + "0" * 32, "administrator", session="session-" + "0" * 32)
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
