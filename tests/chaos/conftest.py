"""A corner of the real mongod and the real Kafka, prepared as `make up` does it, and roles as processes in it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from deploy import initialise
from deploy.cli import status
from services.intake.app import create_app
from shared.access import Actor
from shared.access.actor import system_actor
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Unit
from shared.settings import SERVICES, load
from tests.support import oracle
from tests.support.process import Role
from tests.support.reports import a_report
from tests.support.servers import Kafka, Mongo
from tests.support.web import Browser

CLERK = Actor(new_id("account"), "intake_clerk", new_id("agency"), "session", "Petugas (contoh)")


class World:
    """Databases and topics under a prefix of their own; intake's application in this process; other roles started."""

    def __init__(self, mongo: Mongo, kafka: Kafka, prefix: str, directory: Path) -> None:
        self.mongo, self.kafka, self.prefix = mongo, kafka, prefix
        self.environ: dict[str, str] = {}
        for service in SERVICES:
            self.environ |= mongo.settings_environ(service, prefix, KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap)
        initialise.run(self.environ)
        self.intake, self.directory = self.foundation("intake"), self.foundation("directory")
        self._clerk = Browser(create_app(self.intake), CLERK)
        self._logs = directory
        self.roles: list[Role] = []

    def foundation(self, service: str) -> Foundation:
        """What a process of the service stands on, with no failpoint."""
        return Foundation.start(load(service, self.environ))

    def database(self, service: str) -> Database[dict[str, Any]]:
        """A service's database, with all rights."""
        return self.mongo.client()[self.prefix + service]

    def start(self, *arguments: str, failpoints: str = "") -> Role:
        """Starts `rujukan run` with these arguments."""
        log = self._logs / f"{len(self.roles)}.log"
        self.roles.append(Role(log, self.environ, *arguments, failpoints=failpoints))
        return self.roles[-1]

    def register(self, number: int = 1) -> None:
        """That many reports reach intake, and each is answered with 201."""
        for _ in range(number):
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            answer = self._clerk.api("POST", "/api/v1/reports", a_report(), headers=headers)
            assert answer.status_code == 201, answer.text

    def write(self, streams: list[str], before: int, events: int = 1) -> None:
        """That many further events of each agency, of which `before` were written already, go to directory's journal.

        All events of an agency share one transaction.
        """
        for stream in streams:
            data = {"agency_id": stream, "kind": "health_centre", "kecamatan": None, "active": True}
            kinds = ["agency.changed" if before or place else "agency.registered" for place in range(events)]
            new = [NewEvent(kind, data) for kind in kinds]

            def work(unit: Unit, stream: str = stream, new: list[NewEvent] = new) -> dict[str, Any]:
                unit.append(stream, before, new)
                return {}

            self.directory.journal.run(work, actor=system_actor("test"))

    def pending(self, service: str = "intake") -> int:
        """Entries that no relay has marked."""
        return self.database(service)["journal"].count_documents({"pending": True})

    def counted(self) -> int:
        """Reports in reporting's counts: one more for each time that a report is counted."""
        return sum(cell.get("reports", 0) for cell in self.database("reporting")["cubes"].find())

    def problems(self) -> list[str]:
        """What `rujukan status` says is wrong here."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environ.items():
                patch.setenv(name, value)
            found: list[str] = status.look(self._logs)["problems"]
        return found

    def verify(self) -> Counter[str]:
        """Journal, topic and effects of the reports agree. Returns how often each event lies on the topic."""
        oracle.contiguous(self.database("intake"), "intake")
        seen = oracle.topic_holds_the_journal(self.database("intake"), self.intake.settings, "intake.reports")
        oracle.counted_once(self.database("intake"), self.database("reporting"))
        return Counter(event.id for event in seen)

    def verify_order(self) -> Counter[str]:
        """As `verify`, for directory's agencies, which have many versions, and their topic."""
        oracle.contiguous(self.database("directory"), "directory")
        seen = oracle.topic_holds_the_journal(self.database("directory"), self.directory.settings, "directory.events")
        return Counter(event.id for event in seen)


@pytest.fixture
def world(mongo: Mongo, kafka: Kafka, prefix: str, tmp_path: Path) -> Iterator[World]:
    """A new world. What a test broke is put back, and its roles end with it."""
    found = World(mongo, kafka, prefix, tmp_path)
    try:
        yield found
    finally:
        for role in found.roles:
            role.end()
        for server in (mongo, kafka):
            server.resume()
            if not server.alive:
                server.start()
