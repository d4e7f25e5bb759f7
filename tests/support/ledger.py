"""What clients were told, and whether it is true: the oracle of every test that breaks something.

Clients send reports under load and keep a ledger of what was acknowledged. Afterwards each promise is compared with
what the databases, the topics and the receiver hold.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from typing import Any, Protocol

from urllib3.exceptions import HTTPError

from shared.events import Event
from shared.settings import load
from shared.worker import generations
from tests.support import oracle
from tests.support.receiver import Receiver
from tests.support.reports import a_report
from tests.support.stack import Client, Stack, wait_for

READERS = ("intake", "cases", "notifications", "reporting")


class Load:
    """Clients that register reports, each until it is acknowledged, with one key for all its attempts."""

    def __init__(self, client: Client, clients: int = 2, pause: float = 0.15) -> None:
        self.accepted: dict[str, str] = {}
        self.unexpected: list[str] = []
        self.unanswered: list[str] = []
        """What was met instead of an answer: no connection, a cut one, 502 to 504."""
        self._client, self._pause = client, pause
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(90)
            assert not thread.is_alive(), "a report was not acknowledged within 90 s"

    def _run(self) -> None:
        while not self._stop.is_set():
            key = str(uuid.uuid4())
            report_id = self._send(key)
            with self._lock:
                self.accepted[key] = report_id
            time.sleep(self._pause)

    def _send(self, key: str) -> str:
        while True:
            try:
                answer = self._client.register(a_report(), key)
            except HTTPError as error:
                self.unanswered.append(f"{type(error).__name__} {error}")
                time.sleep(0.2)  # no answer: it may be there or not; the same key finds out
                continue
            if answer.status == 201:
                found: str = answer.json()["report_id"]
                return found
            # While a part is away: 502 to 504. Anything else is a broken promise, and is kept for the verdict.
            met = self.unanswered if answer.status in (502, 503, 504) else self.unexpected
            met.append(f"{answer.status} {answer.data[:200]!r}")
            time.sleep(0.2)

    def wait_for_more(self, more: int = 3, seconds: float = 60) -> None:
        """Waits until so many more reports were acknowledged than now."""
        before = len(self.accepted)
        wait_for(lambda: len(self.accepted) >= before + more, f"{more} more acknowledged reports", seconds)


def settle(stack: Stack, seconds: float = 90) -> None:
    """Waits until nothing is under way any more."""

    def quiet() -> bool:
        for each in stack.status()["services"]:
            if each.get("unpublished") or each.get("parked") != 0:
                return False
            if each["service"] in READERS and each.get("lag") != 0:
                return False
        return True

    wait_for(quiet, "everything published, read and handled", seconds)


class Told(Protocol):
    """What clients kept of their reports: key -> id of what was acknowledged, and answers that no one promised."""

    accepted: dict[str, str]
    unexpected: list[str]


def verify(stack: Stack, load_: Told, agency: Receiver | None = None) -> list[Event]:
    """Nothing acknowledged is lost, nothing happened twice, order per stream is kept. Fails with the difference.

    Returns what the topics of intake and cases hold, each event once.
    """
    settle(stack)
    databases = stack.database()
    accepted = set(load_.accepted.values())
    assert not load_.unexpected, load_.unexpected[:3]
    reports = {entry["_id"] for entry in databases["intake"]["reports"].find({}, {"_id": 1})}
    assert accepted <= reports, f"lost: {sorted(accepted - reports)[:3]}"
    commands = databases["intake"]["journal"].count_documents({"command.id": {"$exists": True}})
    assert len(reports) == commands, "a report for each command, and no more"
    cases = Counter(
        report_id
        for entry in databases["cases"]["cases"].find({}, {"report_id": 1, "joined.report_id": 1})
        for report_id in (entry["report_id"], *(each["report_id"] for each in entry.get("joined", [])))
    )
    wanted = Counter(
        {entry["_id"]: len(entry["children"]) for entry in databases["intake"]["reports"].find({}, {"children": 1})}
    )
    assert cases == wanted, f"cases differ for {sorted((cases - wanted) + (wanted - cases))[:3]}"
    for service in ("intake", "cases"):
        oracle.contiguous(databases[service], service)
    events = _topics_hold_the_journals(stack, databases)
    facts = generations.live(databases["reporting"])["facts"]
    assert {entry["_id"] for entry in facts.find({}, {"_id": 1})} >= reports, "reporting knows every report"
    if agency is not None:
        _told_once(databases, agency, accepted)
    databases.close()
    return events


def _topics_hold_the_journals(stack: Stack, databases: Any) -> list[Event]:
    """Each event once, where it lies first."""
    environ = stack.environment()
    found: dict[str, Event] = {}
    for service, topic in (("intake", "intake.reports"), ("cases", "cases.events")):
        for event in oracle.topic_holds_the_journal(databases[service], load(service, environ), topic):
            found.setdefault(event.id, event)
    return list(found.values())


def _told_once(databases: Any, agency: Receiver, accepted: set[str]) -> None:
    """The agency was told of each accepted report's cases, and every repetition has the same message id."""
    ids: dict[str, set[str]] = {}
    for message in agency.received:
        if message.json["type"] == "case.opened":
            ids.setdefault(message.json["data"]["case_id"], set()).add(message.message_id)
    opened = {
        entry["_id"] for entry in databases["cases"]["cases"].find({"report_id": {"$in": list(accepted)}}, {"_id": 1})
    }
    assert opened <= ids.keys(), f"not told of {sorted(opened - ids.keys())[:3]}"
    twice = [case for case, messages in ids.items() if len(messages) > 1]
    assert not twice, f"told as different messages: {twice[:3]}"
