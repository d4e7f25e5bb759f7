"""What figures about one part stand on: the real mongod and the real Kafka, and journals filled with reports.

No process of the product runs beside: a part and its floor are measured in turn, on the same servers.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy import initialise
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.ids import new_id, new_number
from shared.journal.unit import JOURNAL, Context, Unit
from shared.settings import SERVICES, load
from tests.support.servers import Kafka, Mongo

CHUNK = 5_000


@dataclass(frozen=True)
class Ground:
    """The servers. `foundation` gives what a service stands on, under a prefix with nothing there yet."""

    mongo: Mongo
    kafka: Kafka

    def new_prefix(self) -> str:
        """A prefix whose databases, users, indexes and topics are ready."""
        prefix = f"b{uuid.uuid4().hex[:8]}_"
        environ: dict[str, str] = {}
        for service in SERVICES:
            environ |= self.environ(service, prefix)
        initialise.run(environ)
        return prefix

    def environ(self, service: str, prefix: str) -> dict[str, str]:
        """The variables of a service."""
        return self.mongo.settings_environ(service, prefix, KAFKA_BOOTSTRAP_SERVERS=self.kafka.bootstrap)

    def foundation(self, service: str, prefix: str) -> Foundation:
        """What a process of the service stands on."""
        return Foundation.start(load(service, self.environ(service, prefix)))


@contextmanager
def ground() -> Iterator[Ground]:
    """Starts the servers in a directory that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="rujukan-bench-") as directory:
        parts = [Path(directory) / name for name in ("mongod", "kafka")]
        for part in parts:
            part.mkdir()
        mongo, kafka = Mongo(parts[0]), Kafka(parts[1])
        try:
            yield Ground(mongo.start(), kafka.start())
        finally:
            kafka.kill()
            mongo.kill()


def a_registered_report() -> NewEvent:
    """The event of a report with one child."""
    codes = {"sex": "male", "age_band": "age_13_14", "school_attendance": "unknown", "legal_class": "child_labour"}
    child = {
        "child_id": new_id("child"),
        "person_id": new_id("person"),
        **codes,
        "statistical_class": "child_labour",
        "severity": "high",
    }
    data = {
        "report_id": new_id("report"),
        "report_number": new_number("L"),
        "channel": "walk_in",
        "received_on": datetime.now(UTC).date(),
        "kecamatan": "33.75.01",
        "kelurahan": "33.75.01.1002",
        "work_type": "batik",
        "hazards": ["A3"],
        "severity": "high",
        "anonymous_reporter": False,
        "demonstration": True,
        "children": [child],
    }
    return NewEvent("report.registered", data)


def fill_journal(foundation: Foundation, entries: int, pending: bool, age: timedelta = timedelta()) -> None:
    """Writes so many reports' entries of that age into the journal, as they are before or after publishing."""
    done = 0
    while done < entries:
        unit = Unit(foundation.database, None, Context("system:bench"), 1, foundation.clock)
        for _ in range(min(CHUNK, entries - done)):
            event = a_registered_report()
            unit.append(event.data["report_id"], 0, [event])
        for collection, documents in unit.additions().documents:
            for document in documents:
                document["recorded_at"] -= age
                if not pending:
                    document.pop("pending")
                    document["published_at"] = document["recorded_at"]
            collection.insert_many(documents, ordered=False)
            done += len(documents)


def pending(foundation: Foundation) -> int:
    """How many entries are not published yet."""
    return foundation.database[JOURNAL].count_documents({"pending": True}, hint="pending")


def entries_of(foundation: Foundation) -> list[dict[str, Any]]:
    """All entries that are not published, oldest first."""
    return list(foundation.database[JOURNAL].find({"pending": True}, sort=[("sequence", 1)]))
