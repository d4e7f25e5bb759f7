"""Catching up after an outage: how long relay and worker need, their memory, and how long live reports wait meanwhile.

The journal holds a backlog; the real processes start; clients go on reporting. A live report is accepted when its unit
of work is committed, and seen when the reader's own document of it can be found.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.access.actor import system_actor
from shared.foundation import Foundation
from shared.journal import Unit
from shared.journal.unit import JOURNAL
from tests.performance.figures import Figure, at_most
from tests.performance.ground import Ground, a_registered_report, fill_journal, pending
from tests.performance.load import percentile
from tests.support.process import Role
from tests.support.stack import wait_for

ENTRIES, FEW = 200_000, 20_000
LIVE_RATE = 5
OUTAGE = timedelta(hours=1)
LOOK_SECONDS, WEIGH_SECONDS = 0.05, 0.5
LONGEST_SECONDS = 1_800
GOAL_SECONDS = 5
CLIENT = system_actor("bench")
SEEN = {"reporting": ("facts", "_id"), "cases": ("cases", "report_id")}
"""Reader -> where it keeps a report, and by which field it is found."""


@dataclass
class Run:
    """One catching up. Seconds since relay and worker were started; waits of live reports until they are seen, and
    until their publishing is noted; peaks of PSS in MiB."""

    relay_seconds: float = 0.0
    worker_seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    noted: list[float] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)


def figures(here: Ground, entries: int = ENTRIES) -> list[Figure]:
    """Reporting with a small and the large backlog, and cases, which is slower, with the small one."""
    small, large = catching_up(here, "reporting", min(FEW, entries)), catching_up(here, "reporting", entries)
    cases = catching_up(here, "cases", min(FEW, entries))
    name = f"backlog of {entries:,}"
    return [
        Figure(f"{name}, published by the relay", round(large.relay_seconds, 1), "s"),
        Figure(f"{name}, handled by reporting", round(large.worker_seconds, 1), "s"),
        *_waits(f"{name}, live report to the read model", large),
        *_waits(f"backlog of {min(FEW, entries):,}, live report to its case", cases),
        *[Figure(f"{name}, peak of the {role} (PSS)", round(size, 1), "MiB") for role, size in large.memory.items()],
        *[
            Figure(f"{name}, {role}, more than with {min(FEW, entries):,}", round(size - small.memory[role], 1), "MiB")
            for role, size in large.memory.items()
        ],
    ]


def _waits(name: str, run: Run) -> list[Figure]:
    middle = Figure(f"{name}, median of {len(run.waits)}", round(percentile(run.waits, 0.5), 2), "s")
    return [
        middle,
        Figure(f"{name}, of it until noted as published, p99", round(percentile(run.noted, 0.99), 2), "s"),
        at_most(f"{name}, p99", percentile(run.waits, 0.99), "s", GOAL_SECONDS),
        at_most(f"{name}, longest", max(run.waits, default=0.0), "s", GOAL_SECONDS),
    ]


def catching_up(here: Ground, reader: str, entries: int) -> Run:
    """So many reports of an hour ago go from intake to the reader, while five a second are registered."""
    prefix = here.new_prefix()
    intake, reading = here.foundation("intake", prefix), here.foundation(reader, prefix)
    fill_journal(intake, entries, pending=True, age=OUTAGE)
    environ = {**here.environ("intake", prefix), **here.environ(reader, prefix)}
    run = Run()
    with tempfile.TemporaryDirectory(prefix="rujukan-bench-") as logs:
        roles = {
            name: Role(Path(logs) / f"{name}.log", environ, name, "--service", service)
            for name, service in (("relay", "intake"), ("worker", reader))
        }
        try:
            began = time.monotonic()
            with _weighing(roles, run.memory):
                collection, key = SEEN[reader]
                found = reading.database[collection]
                roles["worker"].wait_for(lambda: found.find_one({}, {key: 1}), "the first effect")
                with _reporting(intake, found, key, run.waits) as accepted:
                    _until(lambda: pending(intake) < LIVE_RATE, roles)
                    run.relay_seconds = time.monotonic() - began
                    positions = reading.database["positions"]
                    name = f"{prefix}intake.reports:"
                    mine = {"_id": {"$regex": f"^{name}"}}
                    _until(lambda: sum(one["offset"] for one in positions.find(mine)) >= entries + len(accepted), roles)
                    run.worker_seconds = time.monotonic() - began
                mine = {"stream": {"$in": list(accepted)}, "published_at": {"$exists": True}}
                for entry in intake.database[JOURNAL].find(mine):
                    run.noted.append((entry["published_at"] - entry["recorded_at"]).total_seconds())
        finally:
            for role in roles.values():
                role.end()
    for foundation in (intake, reading):
        foundation.database.client.close()
    return run


def _until(condition: Any, roles: Mapping[str, Role]) -> None:
    def done() -> bool:
        assert all(role.alive for role in roles.values()), "a role has ended"
        return bool(condition())

    wait_for(done, "the backlog is handled", LONGEST_SECONDS)


@contextmanager
def _reporting(intake: Foundation, found: Any, key: str, waits: list[float]) -> Iterator[dict[str, float]]:
    """Registers reports at LIVE_RATE and notes how long each waits until it is found. Ends when all are."""
    stop = threading.Event()
    accepted: dict[str, float] = {}
    waiting: dict[str, float] = {}

    def register() -> None:
        began, sent = time.monotonic(), 0
        while not stop.is_set():
            event = a_registered_report()

            def work(unit: Unit, event: Any = event) -> dict[str, Any]:
                unit.append(event.data["report_id"], 0, [event])
                return {}

            intake.journal.add(work, actor=CLIENT)
            accepted[event.data["report_id"]] = waiting[event.data["report_id"]] = time.monotonic()
            sent += 1
            stop.wait(max(0.0, began + sent / LIVE_RATE - time.monotonic()))

    def look() -> None:
        while waiting or not stop.is_set():
            for one in found.find({key: {"$in": list(waiting)}}, {key: 1}):
                since = waiting.pop(one[key], None)
                if since is not None:
                    waits.append(time.monotonic() - since)
            time.sleep(LOOK_SECONDS)

    threads = [threading.Thread(target=each) for each in (register, look)]
    for thread in threads:
        thread.start()
    try:
        yield accepted
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def _weighing(roles: Mapping[str, Role], peaks: dict[str, float]) -> Iterator[None]:
    """Notes the highest PSS of each role in MiB, with that of its children."""
    stop = threading.Event()

    def weigh() -> None:
        while not stop.wait(WEIGH_SECONDS):
            for name, role in roles.items():
                size = role.memory()
                peaks[name] = max(size / 2**20, peaks.get(name, 0.0))

    thread = threading.Thread(target=weigh)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
