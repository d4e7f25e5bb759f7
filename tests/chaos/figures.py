"""Two services that write, reporting that reads, and what its figures must be: the journals folded by the pure model.

The oracle knows no Kafka, no position and no version: it folds each journal as it is now, from its beginning.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from pymongo.database import Database
from typer.testing import CliRunner

from deploy.cli.main import app
from services.reporting import store
from services.reporting.handlers import TOPICS, handlers
from services.reporting.model.facts import MEASURES, Cell, Fact, contribution, evolve
from shared import operations, relay, worker
from shared.access import system_actor
from shared.events import NewEvent, decode, encode, topics
from shared.events.topics import admin, topic_ids
from shared.foundation import Foundation
from shared.journal import Journal, Unit
from shared.journal.unit import JOURNAL
from shared.settings import load
from shared.worker import generations, parking
from shared.worker.worker import group_of
from tests.integration.foundation.test_relay_and_worker import running, wait_for
from tests.integration.reporting.conftest import CASES, REPORTS, Entry
from tests.support.servers import Kafka, Mongo

Figures = tuple[dict[str, Fact], dict[tuple[Cell, str], int]]


@dataclass
class City:
    """Intake and cases, which write, and reporting, which reads, with databases and topics of their own."""

    mongo: Mongo
    environ: Mapping[str, str]
    intake: Foundation
    cases: Foundation
    reporting: Foundation

    @classmethod
    def found(cls, mongo: Mongo, kafka: Kafka, prefix: str) -> City:
        """An empty city: indexes and topics are made."""
        environ: dict[str, str] = {}
        for service in ("intake", "cases", "reporting"):
            environ |= mongo.settings_environ(service, prefix, KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap)
        made = {name: Foundation.start(load(name, environ)) for name in ("intake", "cases", "reporting")}
        for each in made.values():
            each.journal.ensure_indexes()
            parking.ensure_indexes(each.database)
        store.ensure_indexes(made["reporting"].database)
        topics.ensure(made["intake"].settings)
        return cls(mongo, environ, **made)

    def write(self, *entries: Entry) -> None:
        """Writes the facts, each into the journal of the service that owns its topic."""
        for entry in entries:
            writer = self.intake if entry.topic == REPORTS else self.cases

            def work(unit: Unit, entry: Entry = entry) -> dict[str, Any]:
                unit.append(entry.stream, entry.version - 1, [NewEvent(entry.type, entry.data)])
                return {}

            # A process that starts: it asks for the epoch anew.
            Journal(writer.database, writer.clock).run(work, actor=system_actor("test"))

    def relaying(self, service: str) -> AbstractContextManager[None]:
        """The service's relay."""
        return running(lambda stop: relay.run(getattr(self, service), stop))

    def working(self) -> AbstractContextManager[None]:
        """Reporting's worker."""
        return running(lambda stop: worker.run(self.reporting, TOPICS, handlers(self.reporting), stop))

    def publish(self) -> None:
        """Both relays, until nothing is left to publish."""
        with self.relaying("intake"), self.relaying("cases"):
            for each in (self.intake, self.cases):
                journal = each.database[JOURNAL]
                wait_for(lambda j=journal: j.count_documents({"pending": True}) == 0, "published")  # type: ignore[misc]

    def read_all(self) -> None:
        """Waits until reporting has read what is published."""
        wait_for(lambda: operations.service_status(self.reporting, TOPICS)["lag"] == 0, "everything is read")

    def command(self, *arguments: str) -> dict[str, Any]:
        """A `rujukan` command, with --json."""
        done = CliRunner().invoke(app, [*arguments, "--json"], env=dict(self.environ))
        assert done.exit_code == 0, done.output
        # The parts that run in this process log to the same place.
        found: dict[str, Any]
        found, _ = json.JSONDecoder().raw_decode(done.stdout, done.stdout.index("{"))
        return found

    @property
    def live(self) -> Database[dict[str, Any]]:
        """Reporting's database as its live generation sees it."""
        return generations.live(self.reporting.database)

    def figures(self) -> Figures:
        """What reporting says now: its facts, and its counts without zeros, the partitions' added up."""
        live = self.live
        facts = {found.pop("_id"): found for found in live[store.FACTS].find()}
        counts: Counter[tuple[Cell, str]] = Counter()
        for cube in live[store.CUBES].find():
            cell = Cell(**{name: cube[name] for name in Cell._fields})
            counts.update({(cell, measure): cube.get(measure, 0) for measure in MEASURES})
        return facts, {place: count for place, count in counts.items() if count}

    def wanted(self) -> Figures:
        """What it must say: the journals as they are now, from their beginning."""
        facts: dict[str, Fact] = {}
        for service in (self.intake, self.cases):
            for entry in service.database[JOURNAL].find(sort=[("stream", 1), ("version", 1)]):
                event = decode(encode("test", entry))
                facts[event.stream] = evolve(facts.get(event.stream), event)
        counts: Counter[tuple[Cell, str]] = Counter()
        for fact in facts.values():
            for cell, measures in contribution(fact).items():
                counts.update({(cell, measure): count for measure, count in measures.items()})
        return facts, dict(counts)

    # What is lost

    def backup(self, service: str) -> dict[str, list[dict[str, Any]]]:
        """A copy of the service's database."""
        database = self.mongo.client()[getattr(self, service).database.name]
        return {name: list(database[name].find()) for name in database.list_collection_names()}

    def restore(self, service: str, copy: Mapping[str, list[dict[str, Any]]]) -> None:
        """Puts the copy in the place of what is there."""
        database = self.mongo.client()[getattr(self, service).database.name]
        for name in database.list_collection_names():
            database[name].delete_many({})
            if copy.get(name):
                database[name].insert_many(copy[name])

    def lose_topics(self) -> None:
        """Deletes the topics; a start makes them anew, under other ids."""
        names = [self.intake.settings.prefix + name for name in (REPORTS, CASES)]
        client = admin(self.intake.settings)
        try:
            before = topic_ids(client, names)
            client.delete_topics(names)
            wait_for(lambda: not set(names) & set(client.list_topics()), "the topics are gone")
            topics.ensure(self.intake.settings)
            assert not set(topic_ids(client, names).values()) & set(before.values())
        finally:
            client.close()

    def lose_offsets(self) -> None:
        """Deletes reporting's consumer group with its offsets."""
        client = admin(self.reporting.settings)
        try:
            group = group_of(self.reporting.settings.prefix, "reporting")
            assert client.list_group_offsets(group), "there were no offsets to lose"
            client.delete_groups([group])
        finally:
            client.close()
