"""cases on the real mongod: its application, and reports that arrive as events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask

from services.cases import store
from services.cases.app import create_app
from services.cases.handlers import handlers
from shared.access import Actor, system_actor
from shared.clock import utc_now
from shared.events import Event
from shared.foundation import Foundation
from shared.ids import new_id, new_number
from shared.journal import Context
from shared.settings import load
from tests.support.servers import Mongo
from tests.support.web import Browser

Arrive = Callable[..., dict[str, Any]]


@pytest.fixture
def foundation(mongo: Mongo, prefix: str) -> Foundation:
    found = Foundation.start(load("cases", mongo.settings_environ("cases", prefix, RUJUKAN_DEMONSTRATION="true")))
    found.journal.ensure_indexes()
    store.ensure_indexes(found.database)
    return found


@pytest.fixture
def app(foundation: Foundation) -> Flask:
    return create_app(foundation)


@pytest.fixture
def as_role(app: Flask) -> Callable[..., Browser]:
    def make(role: str | None = "case_worker") -> Browser:
        return Browser(app, Actor(new_id("account"), role, new_id("agency"), "session", "Petugas") if role else None)

    return make


@pytest.fixture
def arrive(foundation: Foundation) -> Arrive:
    """A registered report arrives; returns its first case. `names` are sealed for the child as intake does."""

    def make(
        *, children: int = 1, severity: str = "high", received: datetime | None = None, names: Any = None
    ) -> dict[str, Any]:
        report_id, now = new_id("report"), utc_now()
        received = received or now
        people = [new_id("person") if names else None for _ in range(children)]
        data = {
            "report_id": report_id,
            "report_number": new_number("L"),
            "channel": "walk_in",
            "received_on": received.date(),
            "kecamatan": "33.75.01",
            "kelurahan": "33.75.01.1002",
            "work_type": "batik",
            "hazards": [],
            "severity": severity,
            "anonymous_reporter": True,
            "demonstration": True,
            "children": [
                {
                    "child_id": new_id("child"),
                    "person_id": person,
                    "sex": "male",
                    "age_band": "age_13_14",
                    "school_attendance": "unknown",
                    "legal_class": "child_labour",
                    "statistical_class": "unknown",
                    "severity": severity,
                }
                for person in people
            ],
        }
        event = Event("e", "report.registered", "intake", report_id, 1, 1, received, now, data, "clerk", "c")

        def work(unit: Any) -> None:
            if names:
                foundation.sealed.create(unit, report_id, {"narrative": "Cerita contoh"})
                for person in people:
                    foundation.sealed.create(unit, person, names)
            handlers(foundation)["report.registered"](event, unit)
            handlers(foundation)["report.registered"](event, unit)  # a topic read again changes nothing

        foundation.journal.transact(work, Context(system_actor("test").id))
        found = foundation.database["cases"].find_one({"report_id": report_id})
        assert found is not None
        return found

    return make
