"""What several tests of secrecy begin with: a report whose every identity is a canary, and intake with the test's own
variables. (`foundation`, `as_role` and `environ` are those of the test's file.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from services.cases import store as cases_store
from services.cases.app import create_app as cases_app
from services.cases.handlers import handlers
from shared.events import Event
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Context
from shared.settings import load
from tests.support.canary import Canary


@pytest.fixture
def canary() -> Canary:
    return Canary()


@pytest.fixture
def report(foundation, as_role, canary) -> dict[str, Any]:
    """A registered report with a canary in each field that its form takes, as it is kept."""
    answer = as_role().api("POST", "/api/v1/reports", canary.report(), headers={"Idempotency-Key": new_id("key")})
    assert answer.status_code == 201, answer.text
    kept = foundation.database.reports.find_one({"_id": answer.json["report_id"]})
    assert kept is not None
    return dict(kept)


@pytest.fixture
def cases(mongo, prefix, foundation, report) -> Flask:
    """cases beside intake, with the case of that report."""
    environ = mongo.settings_environ("cases", prefix, RUJUKAN_DEMONSTRATION="true")
    base = Foundation.start(load("cases", environ))
    base.journal.ensure_indexes()
    cases_store.ensure_indexes(base.database)
    [entry] = foundation.database["journal"].find({"stream": report["_id"]})
    at = entry["occurred_at"]
    data = {**entry["data"], "received_on": at.date()}
    event = Event("e", "report.registered", "intake", report["_id"], 1, 1, at, at, data, "clerk", "c")
    base.journal.transact(lambda unit: handlers(base)["report.registered"](event, unit), Context("system:test"))
    return cases_app(base)


@pytest.fixture
def intake(environ) -> Foundation:
    foundation = Foundation.start(load("intake", environ))
    foundation.journal.ensure_indexes()
    return foundation


@pytest.fixture
def stored(mongo, prefix) -> Callable[[], dict[str, Any]]:
    """Everything that is in the services' rooms, the vault and the audit log, by collection."""

    def read() -> dict[str, Any]:
        rooms = [mongo.client()[name] for name in mongo.client().list_database_names() if name.startswith(prefix)]
        found = {f"{room.name}.{each}": room[each] for room in rooms for each in room.list_collection_names()}
        return {name: list(collection.find().sort("_id", 1)) for name, collection in found.items()}

    return read
