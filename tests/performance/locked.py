"""What the locked room costs: opening identities, the audit log's share of it, and a rotation of the vault's key.

The audit log is switched off only here, as the floor: the product has no such switch.
"""

from __future__ import annotations

import json
import logging
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import cycle
from typing import Any

import structlog

from deploy.local.state import ROOT
from services.cases import store
from services.cases.app import create_app
from services.cases.handlers import handlers
from shared.access import Actor, system_actor
from shared.domain import identifying_fields
from shared.events import Event
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Context, Unit
from shared.vault import Vault
from shared.vault.ring import KeyRing
from tests.performance.figures import Figure
from tests.performance.ground import Ground, a_registered_report
from tests.performance.load import percentile
from tests.support.web import ORIGIN, Browser, csrf_token

KEYSETS = 100_000
RECORDS, FIELDS = 50, 8
ROUNDS, PAGES = 30, 200
READS_A_SECOND, BEFORE_SECONDS = 50, 10.0
ADDRESS = "Kenari Contoh, Jalan Tempat Uji 7"
WORKER = Actor("account-" + "b" * 32, "case_worker", "agency-" + "b" * 32, "session-bench", "Petugas")


class NoAudit:
    """The floor: an audit log that keeps nothing."""

    def record(self, *_entry: Any, **_more: Any) -> str:
        """Does nothing."""
        return ""


def figures(here: Ground, keysets: int = KEYSETS) -> list[Figure]:
    """Openings, a case's page and a rotation of `keysets` keysets, each beside its floor in the same run."""
    # A line for each request on this terminal would be a third of a page's time.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    base = here.foundation("cases", here.new_prefix())
    return [*openings(base), *page(base), *rotation(here, keysets)]


def openings(base: Foundation) -> list[Figure]:
    """RECORDS people of FIELDS fields each, one after the other: milliseconds, with the audit log and without.

    Cold: a vault that was just made opens people whom nobody has opened before. Warm: it opens the same ones again.
    """
    times: dict[str, list[float]] = {"cold": [], "cold floor": [], "warm": [], "warm floor": []}
    for _ in range(ROUNDS):
        for floor in ("", " floor"):
            people = people_of(base, RECORDS)
            vault = _vault(base, audited=not floor)
            for heat in ("cold", "warm"):
                times[heat + floor].append(_milliseconds(partial(_open_all, vault, people)))
    medians = {name: statistics.median(found) for name, found in times.items()}
    name = f"opening {RECORDS} records of {FIELDS} fields"
    return [beside(f"{name}, {heat}", medians[heat], medians[f"{heat} floor"]) for heat in ("warm", "cold")]


def page(base: Foundation) -> list[Figure]:
    """A case's page with identities (two openings), in process, with the audit log and without, in turn."""
    number = _a_case(base)
    sides = {audited: _browser(base, number, audited) for audited in (True, False)}
    times: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(PAGES + 10):
        for audited, show in sides.items():
            took = _milliseconds(show)
            if turn >= 10:
                times[audited].append(took)
    return [
        beside("case page with identities, median", *(statistics.median(times[side]) for side in (True, False))),
        beside("case page with identities, p99", *(percentile(times[side], 0.99) for side in (True, False))),
    ]


def rotation(here: Ground, keysets: int) -> list[Figure]:
    """`rujukan keys rotate` as an operator runs it, with that many keysets; readers' waits before it and meanwhile."""
    prefix = here.new_prefix()
    base = here.foundation("cases", prefix)
    people: list[str] = []
    while len(people) < keysets:
        people += people_of(base, min(1_000, keysets - len(people)), fields=1)
    random.Random(7).shuffle(people)
    with _reading(base, people) as before:
        time.sleep(BEFORE_SECONDS)
    with _reading(base, people) as meanwhile:
        far = _rotate(here.environ("intake", prefix))
    (began, _), (ended, done) = far[0], far[-1]
    name, reads = f"rotation of {done:,} keysets", f"{READS_A_SECOND} reads a second during a rotation"
    return [
        Figure(name, round(done / (ended - began)), "a second"),
        beside(f"{reads}, median", *(percentile(found, 0.5) for found in (meanwhile, before))),
        beside(f"{reads}, p99", *(percentile(found, 0.99) for found in (meanwhile, before))),
    ]


def beside(name: str, value: float, floor: float) -> Figure:
    """Milliseconds beside those of the floor."""
    return Figure(name, round(value, 2), "ms", round(floor, 2), round(value / floor, 2) if floor else None)


def people_of(base: Foundation, many: int, fields: int = FIELDS) -> list[str]:
    """So many new people with fields sealed under keysets of their own."""
    people = [new_id("person") for _ in range(many)]
    values = dict.fromkeys(list(identifying_fields("person"))[:fields], ADDRESS)

    def work(unit: Any) -> dict[str, Any]:
        for person in people:
            base.sealed.create(unit, person, values)
        return {}

    base.journal.run(work, actor=WORKER)
    return people


def _vault(base: Foundation, audited: bool) -> Vault:
    """A vault that was just made, on connections that are there."""
    audit: Any = base.audit if audited else NoAudit()
    assert base.settings.vault_key_file is not None
    return Vault(base.sealed.database, KeyRing(base.settings.vault_key_file), audit)


def _open_all(vault: Vault, people: Iterable[str]) -> None:
    for person in people:
        opened = vault.open_readable(WORKER, person, "case_page", "area")
        assert len(opened.values) == FIELDS


def _a_case(base: Foundation) -> str:
    """The number of a case whose child has FIELDS fields and whose report has a narrative."""
    [person] = people_of(base, 1)
    registered = a_registered_report().data
    registered["children"][0]["person_id"] = person
    report, now = registered["report_id"], base.clock()
    event = Event("e", "report.registered", "intake", report, 1, 1, now, now, registered, "system:bench", "c")

    def work(unit: Unit) -> None:
        base.sealed.create(unit, report, {"narrative": "Cerita contoh " * 20})
        handlers(base)["report.registered"](event, unit)

    base.journal.transact(work, Context(system_actor("bench").id))
    case = base.database[store.CASES].find_one({"report_id": report})
    assert case is not None
    return str(case["case_number"])


def _browser(base: Foundation, number: str, audited: bool) -> Callable[[], None]:
    """Opens a case's page with identities in an application that has, or has not, an audit log."""
    browser = Browser(create_app(replace(base, vault=_vault(base, audited))), WORKER)
    path, headers = f"/id/cases/{number}", browser.headers()
    data = {"csrf_token": csrf_token(browser.get(path).text)}

    def show() -> None:
        answer = browser.client.post(f"{path}/identities", data=data, headers=headers, base_url=ORIGIN)
        assert answer.status_code == 200 and ADDRESS in answer.text, answer.status

    return show


@contextmanager
def _reading(base: Foundation, people: list[str]) -> Iterator[list[float]]:
    """Opens one person READS_A_SECOND times a second; the list grows by each opening's milliseconds."""
    waits: list[float] = []
    stop = threading.Event()

    def read() -> None:
        began = time.monotonic()
        for turn, person in enumerate(cycle(people)):
            time.sleep(max(0.0, began + turn / READS_A_SECOND - time.monotonic()))
            if stop.is_set():
                return
            waits.append(_milliseconds(partial(base.sealed.open, WORKER, person, ["name"], "case_page")))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield waits
    finally:
        stop.set()
        thread.join()


def _rotate(environ: dict[str, str]) -> list[tuple[float, int]]:
    """When the command said how many keysets were wrapped anew."""
    command = [sys.executable, "-m", "deploy.cli", "keys", "rotate", "--grace", "0", "--json"]
    far: list[tuple[float, int]] = []
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environ}, stdout=subprocess.PIPE, text=True) as run:
        for line in run.stdout or ():
            said = json.loads(line)
            if said["step"] == "rewrapping":
                far.append((time.monotonic(), said["done"]))
    assert run.returncode == 0
    return far


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
