"""The whole product as it runs: its starts, its memory, how soon a report is seen, and intake beside its floor."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psutil

from deploy.local.ports import LOOPBACK, free_port, wait_until
from deploy.local.state import ROOT
from shared.foundation import Foundation
from shared.settings import load
from tests.performance.figures import Figure, at_most, grown, share
from tests.performance.ground import fill_journal
from tests.performance.load import measure, percentile
from tests.support.receiver import receiver
from tests.support.stack import Stack, serves

SETTLE_SECONDS = 20
RUNS = 3
ONE_RECEIVER = 20
"""Messages a second that are asked of one agency's receiver, which has a few requests under way at a time."""
READERS = ("relay", "worker", "sender")


def starts(stack: Stack) -> list[Figure]:
    """The first start (software installed, no data, demonstration loaded after the first page) and the second."""
    first = _seconds_to_first_page(stack)
    stack.stop()
    second = _seconds_to_first_page(stack)
    return [
        Figure("first start to the first page", round(first, 2), "s"),
        at_most("second start to the first page", second, "s", 20),
    ]


def _seconds_to_first_page(stack: Stack) -> float:
    began = time.monotonic()
    stack.start(300)
    served = [line for line in stack.text.splitlines() if "is running at" in line]
    # What it says last is said after the demonstration is loaded; the moment of the first page stands in the note.
    note = (stack.state / "running.json").stat().st_mtime
    assert served
    return note - (time.time() - (time.monotonic() - began))


def memory(stack: Stack) -> list[Figure]:
    """PSS of everything that runs, at rest, Prefect's server and flow process included."""
    time.sleep(SETTLE_SECONDS)
    totals: dict[str, float] = {}
    for process in [psutil.Process(stack.process.pid), *stack.family()] if stack.process else []:
        try:
            name = _kind(process.cmdline())
            totals[name] = totals.get(name, 0) + process.memory_full_info().pss / 2**30
        except psutil.NoSuchProcess:
            continue
    figures = [Figure(f"memory of {name}", round(value, 3), "GiB") for name, value in sorted(totals.items())]
    return [*figures, at_most("memory of the whole stack at rest (PSS)", sum(totals.values()), "GiB", 1.6)]


def _kind(command: list[str]) -> str:
    line = " ".join(command)
    kinds = {
        "mongod": "mongod", "kafka.Kafka": "Kafka", "supervisord": "supervisor", "gunicorn": "web",
        "prefect": "Prefect's server", "run flows": "flows", "run relay": "relay", "run worker": "worker",
        "run sender": "sender",
    }  # fmt: skip
    return next((name for part, name in kinds.items() if part in line), "rujukan up and others")


def latencies(stack: Stack, rate: float, seconds: float, goal: float) -> list[Figure]:
    """From the acknowledged report to what others see, at `rate` reports a second, watched in the databases. The goal
    is the p99 in seconds. (One agency that is sent every case is no part of it beyond what one receiver can take.)"""
    accepted: dict[str, float] = {}
    seen: dict[str, dict[str, float]] = {"case visible": {}, "webhook received": {}, "dashboard changed": {}}
    with receiver() as agency, _watching(stack, seen):
        body = {"url": agency.url, "event_types": ["case.opened"]}
        partner = stack.client("partner_agency")
        made = partner.call("POST", "/api/v1/subscriptions", body, Idempotency_Key=f"bench-{time.time()}").json()
        cases: dict[str, str] = {}
        clerk, end = stack.client("intake_clerk"), time.monotonic() + seconds
        began, sent, lock, threads = time.monotonic(), 0, threading.Lock(), []

        def one() -> None:
            from tests.support.reports import a_report

            answer = clerk.register(a_report())
            if answer.status == 201:
                with lock:
                    accepted[answer.json()["report_id"]] = time.monotonic()

        while time.monotonic() < end:
            threads.append(threading.Thread(target=one))
            threads[-1].start()
            sent += 1
            time.sleep(max(0.0, began + sent / rate - time.monotonic()))
        for thread in threads:
            thread.join()
        wait_until(lambda: all(len(found) >= len(accepted) for found in list(seen.values())[::2]), 60, "all seen")
        wait_until(lambda: len(agency.received) >= len(accepted), 60, "all webhooks")
        for case in stack.database()["cases"]["cases"].find({"report_id": {"$in": list(accepted)}}, {"report_id": 1}):
            cases[case["_id"]] = case["report_id"]
        for message in agency.received:
            report = cases.get(message.json["data"].get("case_id", ""))
            if report:
                seen["webhook received"].setdefault(report, message.at)
        partner.call("DELETE", f"/api/v1/subscriptions/{made['id']}", If_Match=f'"{made["version"]}"')
    figures = []
    for name, moments in seen.items():
        waits = [max(0.0, moments[report] - at) for report, at in accepted.items() if report in moments]
        assert len(waits) == len(accepted), f"{name}: {len(accepted) - len(waits)} never came"
        label = f"report accepted to {name} at {rate:g} a second"
        figures.append(Figure(f"{label}, median", round(statistics.median(waits), 3), "s"))
        slowest = percentile(waits, 0.99)
        one_receiver = name == "webhook received" and rate > ONE_RECEIVER
        figures.append(
            Figure(f"{label}, p99", round(slowest, 3), "s")
            if one_receiver
            else at_most(f"{label}, p99", slowest, "s", goal)
        )
    return figures


@contextmanager
def _watching(stack: Stack, seen: dict[str, dict[str, float]]) -> Iterator[None]:
    """Notes when a report's case, and its fact in the read model, become visible to everybody."""
    stop = threading.Event()
    database = stack.database()
    ready = [threading.Event(), threading.Event()]

    def watch(collection: Any, name: str, report_of: Callable[[Any], str], started: threading.Event) -> None:
        with collection.watch([{"$match": {"operationType": "insert"}}], max_await_time_ms=50) as changes:
            started.set()
            while not stop.is_set():
                change = changes.try_next()
                if change is not None:
                    seen[name].setdefault(report_of(change["fullDocument"]), time.monotonic())

    threads = [
        threading.Thread(
            target=watch, args=(database["cases"]["cases"], "case visible", lambda case: case["report_id"], ready[0])
        ),
        threading.Thread(
            target=watch, args=(database["reporting"]["facts"], "dashboard changed", lambda fact: fact["_id"], ready[1])
        ),
    ]
    for thread in threads:
        thread.start()
    for started in ready:
        started.wait(10)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def intake(stack: Stack, seconds: float) -> list[Figure]:
    """`POST /api/v1/reports` beside its floor, in turn, the median of RUNS. The relay, the worker and the sender stand
    still meanwhile, for the floor has none of them; the last figure is taken while they run."""
    clerk = _Load(stack, seconds)
    figures = []
    with _floor(stack) as floor:
        with ExitStack() as standing_still:
            for process in READERS:
                standing_still.enter_context(stack.without(process))
            for connections, goal in ((8, 0.5), (32, 0.7)):
                ours, bare = clerk.highest(connections, stack.url, floor)
                name = f"POST /api/v1/reports at {connections} connections"
                figures.append(share(name, ours, bare, "a second", goal))
            figures.append(_p99(clerk.p99(ours / 2, stack.url), clerk.p99(bare / 2, floor), ours / 2, bare / 2))
        ours, bare = clerk.highest(32, stack.url, floor)
        figures.append(share("the same at 32 while relay, worker and sender run", ours, bare, "a second"))
    return figures


def _p99(ours: float, floor: float, rate: float, floor_rate: float) -> Figure:
    """Each at half of its own highest load: what is slower at all is compared with what is as busy."""
    ratio = round(ours / floor, 2)
    name = f"POST /api/v1/reports, p99 at half of the highest load ({rate:.0f} a second; floor {floor_rate:.0f})"
    return Figure(name, round(ours, 1), "ms", round(floor, 1), ratio, "at most 2 of the floor's", ratio <= 2)


class _Load:
    """Requests of one clerk."""

    def __init__(self, stack: Stack, seconds: float) -> None:
        self._headers = {"Authorization": f"Bearer {stack.client('intake_clerk').token}"}
        self._seconds = seconds

    def highest(self, connections: int, *addresses: str) -> list[float]:
        """Requests a second of each address, in turn, as medians."""
        rates: dict[str, list[float]] = {address: [] for address in addresses}
        for _ in range(RUNS):
            for address in addresses:
                rates[address].append(self._measure(address, connections)["per_second"])
        return [statistics.median(found) for found in rates.values()]

    def p99(self, rate: float, address: str) -> float:
        """Milliseconds, at a fixed rate of requests over 32 connections."""
        return statistics.median(self._measure(address, 32, rate)["p99_ms"] for _ in range(RUNS))

    def _measure(self, address: str, connections: int, rate: float = 0) -> dict[str, Any]:
        result = measure(f"{address}/api/v1/reports", connections, self._seconds, self._headers, rate)
        if result["errors"]:
            print(f"{result['errors']} errors, the first: {result['first_error']}", file=sys.stderr)
        return result


def growth(stack: Stack, seconds: float) -> list[Figure]:
    """Intake with a small and a large journal behind it: the second as a share of the first, each beside its floor."""
    foundation = Foundation.start(load("intake", stack.environment()))
    clerk = _Load(stack, seconds)
    with ExitStack() as standing_still, _floor(stack) as floor:
        for process in READERS:
            standing_still.enter_context(stack.without(process))

        def measured(_entries: int) -> tuple[float, float]:
            ours, bare = clerk.highest(32, stack.url, floor)
            return ours, bare

        def fill(entries: int) -> None:
            fill_journal(foundation, entries, pending=False)

        return grown("POST /api/v1/reports", "a second", fill, measured)


@contextmanager
def _floor(stack: Stack) -> Iterator[str]:
    """The floor's application under the same gunicorn, on the same mongod."""
    from deploy import processes
    from deploy.local import secrets
    from deploy.local.secrets import ROOT_PASSWORD

    port = free_port()
    password = secrets.ensure(stack.state)[ROOT_PASSWORD]
    address = stack.running.mongodb_uri.removeprefix("mongodb://")
    environ = {
        **os.environ,
        "RUJUKAN_BIND": f"{LOOPBACK}:{port}",
        "FLOOR_MONGODB_URI": f"mongodb://root:{password}@{address}{'&' if '?' in address else '?'}authSource=admin",
    }
    configuration = str(processes.GUNICORN_CONFIGURATION)
    command = [sys.executable, "-m", "gunicorn", "--config", configuration, "tests.performance.floor:create()"]
    process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.DEVNULL)
    url = f"http://{LOOPBACK}:{port}"
    try:
        wait_until(lambda: serves(f"{url}/healthz"), 30, "the floor")
        yield url
    finally:
        process.terminate()
        process.wait(20)
