"""cases on the real mongod: its application, and reports that arrive as events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from shared.events.catalogue import consume
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
    def make(
        role: str | None = "case_worker",
        agency_id: str | None = None,
        name: str = "Petugas",
        areas: tuple[str, ...] = (),
    ) -> Browser:
        agency = agency_id or new_id("agency")
        return Browser(app, Actor(new_id("account"), role, agency, "session", name, areas) if role else None)

    return make


@pytest.fixture
def agency(foundation: Foundation) -> Callable[..., str]:
    """An agency becomes known or changes (`agency_id`), as directory tells it; returns its id. Without `told` it is an
    event of before there were services, areas and capacity."""

    def make(
        kind: str = "health_centre",
        kecamatan: str | None = None,
        active: bool = True,
        agency_id: str | None = None,
        **told: Any,
    ) -> str:
        stream, now = agency_id or new_id("agency"), utc_now()
        name = "agency.changed" if agency_id else "agency.registered"
        data = consume(name, {"agency_id": stream, "kind": kind, "kecamatan": kecamatan, "active": active, **told})
        event = Event("e", name, "directory", stream, 1, 1, now, now, data, "admin", "c")
        foundation.journal.transact(
            lambda unit: handlers(foundation)[name](event, unit), Context(system_actor("test").id)
        )
        return stream

    return make


@pytest.fixture
def told(foundation: Foundation) -> Callable[..., None]:
    """Directory tells of an account as it is now; without areas it is an event of before there were any."""

    def tell(account: Actor, *, active: bool = True, areas: bool = True, times: int = 1) -> None:
        data = {"account_id": account.id, "agency_id": account.agency_id, "role": account.role, "active": active}
        data |= {"areas": list(account.areas)} if areas else {}
        name, now = "account.changed" if active else "account.closed", utc_now()
        event = Event("e", name, "directory", account.id, 1, 1, now, now, consume(name, data), "admin", "c")
        for _ in range(times):
            foundation.journal.transact(
                lambda unit: handlers(foundation)[name](event, unit), Context(system_actor("test").id)
            )

    return tell


@pytest.fixture
def arrived() -> list[Event]:
    """The events by which reports arrived, to deliver one once more."""
    return []


@pytest.fixture
def arrive(foundation: Foundation, arrived: list[Event]) -> Arrive:
    """A registered report arrives; returns its first case, or the one that it joins.

    `names` are sealed for the child as intake does. `same_as` is the first id of the children, where these were
    reported before. `before_commit` is called when all is decided.
    """

    def make(
        *,
        children: int = 1,
        severity: str = "high",
        received: datetime | None = None,
        names: Any = None,
        same_as: Sequence[str] = (),
        before_commit: Callable[[], None] = lambda: None,
        channel: str = "walk_in",
    ) -> dict[str, Any]:
        report_id, now = new_id("report"), utc_now()
        known: list[dict[str, str]] = [{"first_child_id": each} for each in same_as] or [{}] * children
        received = received or now
        people = [new_id("person") if names else None for _ in known]
        data = {
            "report_id": report_id,
            "report_number": new_number("L"),
            "channel": channel,
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
                    **again,
                }
                for person, again in zip(people, known, strict=True)
            ],
        }
        event = Event("e", "report.registered", "intake", report_id, 1, 1, received, now, data, "clerk", "c")
        arrived.append(event)

        def work(unit: Any) -> None:
            if names:
                foundation.sealed.create(unit, report_id, {"narrative": "Cerita contoh"})
                for person in people:
                    foundation.sealed.create(unit, person, names)
            handlers(foundation)["report.registered"](event, unit)
            handlers(foundation)["report.registered"](event, unit)  # a topic read again changes nothing
            before_commit()

        foundation.journal.transact(work, Context(system_actor("test").id))
        of_report = {"$or": [{"report_id": report_id}, {"joined.report_id": report_id}]}
        found = foundation.database["cases"].find_one(of_report)
        assert found is not None
        return found

    return make
