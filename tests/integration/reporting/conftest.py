"""A reporting service of its own for every test, on the real mongod, and a log from which its worker is fed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from services.reporting import freshness, store
from services.reporting.app import create_app
from services.reporting.handlers import handlers
from services.reporting.rebuild import COLLECTIONS
from shared.access import Actor
from shared.events import encode
from shared.events.catalogue import produce
from shared.foundation import Foundation
from shared.ids import derived_number, new_id
from shared.journal import Context
from shared.settings import load
from shared.worker import generations, parking, positions
from shared.worker.processor import Processor, Record, read
from tests.support.servers import Mongo
from tests.support.web import Browser

NOW = datetime(2026, 11, 24, 3, 10, tzinfo=UTC)
REPORTS, CASES = "intake.reports", "cases.events"
BARAT, TIMUR, UTARA, SELATAN = "33.75.01", "33.75.02", "33.75.03", "33.75.04"


@dataclass(frozen=True)
class Entry:
    """An event as it lies on a topic."""

    topic: str
    stream: str
    version: int
    type: str
    data: dict[str, Any]
    epoch: int = 1


@dataclass
class History:
    """Builds the events of reports and cases, in the order in which they happen."""

    demonstration: bool = False
    entries: list[Entry] = field(default_factory=list)

    def report(
        self, received_on: str = "2026-11-03", kecamatan: str = BARAT, severity: str = "high", children: int = 1
    ) -> list[str]:
        """Registers a report and opens a case for each of its children; gives the ids of the cases."""
        report_id = new_id("report")
        child = {
            "sex": "female",
            "age_band": "age_13_14",
            "school_attendance": "dropped_out",
            "legal_class": "hazardous",
            "statistical_class": "child_labour",
            "severity": severity,
        }
        about = {
            "received_on": date.fromisoformat(received_on),
            "kecamatan": kecamatan,
            "kelurahan": f"{kecamatan}.1002",
            "work_type": "batik",
            "severity": severity,
            "demonstration": self.demonstration,
        }
        number = derived_number("L", report_id)
        named = [{"child_id": new_id("child"), "person_id": None, **child} for _ in range(children)]
        self._add(
            REPORTS,
            report_id,
            1,
            "report.registered",
            {
                **about,
                "report_id": report_id,
                "report_number": number,
                "channel": "walk_in",
                "hazards": ["A3"],
                "anonymous_reporter": False,
                "children": named,
            },
        )
        cases = []
        for one in named:
            case_id = new_id("case")
            facts = {name: one[name] for name in ("child_id", "person_id", "sex", "age_band")}
            self._add(
                CASES,
                case_id,
                1,
                "case.opened",
                {
                    **about,
                    **facts,
                    "case_id": case_id,
                    "case_number": derived_number("K", case_id),
                    "report_id": report_id,
                    "legal_class": one["legal_class"],
                    "statistical_class": one["statistical_class"],
                    "screening_due_at": NOW + timedelta(days=1),
                    "late": False,
                },
            )
            cases.append(case_id)
        return cases

    def screen(self, case_id: str, on_time: bool = True) -> None:
        """A case worker screens the case."""
        self._step(case_id, "screen", "screening", "assessment", {"risk": "high"}, on_time=on_time)

    def close(self, case_id: str) -> None:
        """The case ends."""
        self._step(case_id, "close", "assessment", "closed", {"closure_reason": "goals_reached"}, ended=True)

    def reopen(self, case_id: str) -> None:
        """The case begins anew."""
        self._step(case_id, "reopen", "closed", "screening", {"reopening_reason": "works_again"})

    def overdue(self, case_id: str) -> None:
        """The deadline for screening passes."""
        breach = {"deadline": "screening", "referral_id": None, "due_at": NOW, "escalate_to": ["supervisor"]}
        self._later(case_id, "case.deadline_breached", breach)

    def correct(self, case_id: str, **codes: str) -> None:
        """Codes of the case's child are corrected in its report, and so in the case; the report has no other child."""
        opened = next(entry.data for entry in self.entries if entry.stream == case_id)
        report = next(entry for entry in self.entries if entry.stream == opened["report_id"])
        child = {**report.data["children"][0], **codes}
        corrected = {
            "report_id": report.stream,
            "request_id": new_id("request"),
            "child_number": 1,
            "corrected": ["age_years"],
            "child": child,
            "severity": child["severity"],
        }
        self._add(REPORTS, report.stream, 2, "report.corrected", corrected)
        names = ("sex", "age_band", "legal_class", "statistical_class", "severity")
        self._later(case_id, "case.corrected", {name: child[name] for name in names})

    def _step(
        self,
        case_id: str,
        step: str,
        origin: str,
        to: str,
        facts: dict[str, str],
        on_time: bool | None = None,
        ended: bool = False,
    ) -> None:
        recorded = [{"fact": name, "value": value} for name, value in facts.items()]
        data = {"step": step, "facts": recorded, "from_stage": origin, "to_stage": to, "on_time": on_time}
        self._later(case_id, "case.step_taken", {**data, "ended": ended})

    def _later(self, case_id: str, type_: str, more: dict[str, Any]) -> None:
        versions = [entry for entry in self.entries if entry.stream == case_id]
        opened = versions[0].data
        same = {name: opened[name] for name in ("case_id", "case_number", "kecamatan", "severity")}
        self._add(CASES, case_id, len(versions) + 1, type_, {**same, **more})

    def _add(self, topic: str, stream: str, version: int, type_: str, data: dict[str, Any]) -> None:
        self.entries.append(Entry(topic, stream, version, type_, data))


class Feed:
    """Takes the place of Kafka and of the loop that polls it: keeps a log per topic and hands records to the worker."""

    def __init__(self, foundation: Foundation) -> None:
        self.foundation = foundation
        self.handlers = handlers(foundation)
        self.logs: dict[str, list[Record]] = {REPORTS: [], CASES: []}

    def publish(self, entries: Sequence[Entry]) -> None:
        """Puts events at the end of their topics."""
        for number, entry in enumerate(entries):
            log = self.logs[entry.topic]
            message = encode(
                "test",
                {
                    "_id": f"{entry.stream}-{entry.version}-{entry.epoch}-{len(log)}",
                    "type": entry.type,
                    "stream": entry.stream,
                    "version": entry.version,
                    "epoch": entry.epoch,
                    "schema_version": 1,
                    "occurred_at": NOW,
                    "recorded_at": NOW + timedelta(seconds=number),
                    "actor": "test",
                    "correlation_id": "test",
                    "data": produce(entry.type, entry.data),
                },
            )
            record = Record(self.foundation.settings.prefix + entry.topic, 0, len(log), message)
            log.append(read(record, self.handlers))

    def work(self, order: Sequence[str] = (REPORTS, CASES), batch: int = 500, number: int | None = None) -> None:
        """Handles what lies beyond the positions, topic by topic in this order, by a worker that starts anew.

        It works for the live generation, or for the one with that number.
        """
        if number is None:
            number = generations.state(self.foundation.database)["live"]
        base = generations.of(self.foundation, number)
        processor = Processor(base, self.handlers)
        for topic in order:
            name = f"{self.foundation.settings.prefix}{topic}:0"
            processor.topic_ids[name[:-2]] = topic
            position = positions.load(base.database, name, topic)
            processor.positions[name] = position
            records = self.logs[topic][position.offset if position else 0 :]
            for start in range(0, len(records), batch):
                processor.process(records[start : start + batch])

    def rebuild(self, batch: int = 500) -> None:
        """What `rujukan replay reporting` does, with this log in the place of Kafka."""
        number = self.begin()
        self.work(batch=batch, number=number)
        assert self.switch(number)
        generations.remove(self.foundation.database, COLLECTIONS)

    def begin(self) -> int:
        """Begins to build the next generation, or goes on."""
        return int(self.foundation.journal.transact(generations.begin, Context("test")))

    def switch(self, number: int) -> bool:
        """Makes that generation the live one if it has come far enough."""
        return bool(self.foundation.journal.transact(lambda unit: generations.switch(unit, number), Context("test")))

    def tell(self, entries: Sequence[Entry], **how: Any) -> None:
        """Publishes and handles."""
        self.publish(entries)
        self.work(**how)

    def ends(self) -> dict[str, int]:
        """What Kafka would say about the ends of the topics."""
        return {f"{self.foundation.settings.prefix}{topic}:0": len(log) for topic, log in self.logs.items()}


@pytest.fixture
def make_reporting(mongo: Mongo, prefix: str) -> Callable[..., Foundation]:
    """Makes a reporting foundation with its indexes; more environment variables may be given."""

    def make(more_prefix: str = "", **more: str) -> Foundation:
        settings = load("reporting", mongo.settings_environ("reporting", prefix + more_prefix, **more))
        foundation = Foundation.start(settings, lambda: NOW)
        foundation.journal.ensure_indexes()
        parking.ensure_indexes(foundation.database)
        store.ensure_indexes(foundation.database)
        return foundation

    return make


@pytest.fixture
def foundation(make_reporting: Callable[..., Foundation]) -> Foundation:
    """A live city's reporting."""
    return make_reporting()


@pytest.fixture
def feed(foundation: Foundation) -> Feed:
    return Feed(foundation)


@pytest.fixture
def app(foundation: Foundation, feed: Feed, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The web application; the ends of the topics are those of the feed."""
    monkeypatch.setattr(freshness, "_ask", lambda settings: feed.ends())
    monkeypatch.setattr(freshness, "GOOD_FOR", 0.0)
    # What another test was told under the same names is not known here.
    monkeypatch.setattr(freshness, "_known", {})
    return create_app(foundation)


@pytest.fixture
def as_role(app: Flask) -> Callable[[str], Browser]:
    """Somebody of this role at a browser, or with a program."""

    def browser(role: str) -> Browser:
        agency = "agency-" + "0" * 32 if role == "partner_agency" else None
        return Browser(app, Actor("account-" + "0" * 32, role, agency, session="session-" + "0" * 32))

    return browser
