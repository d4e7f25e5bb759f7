"""The people and programs that use the product while it is troubled, each with a ledger of what it was told.

A request that gets no answer, or 502 to 504, is sent again with the same key until it is answered. Any other answer
that the product does not promise is kept as a difference, for the campaign to stop at.
"""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from tests.support.reports import a_child, a_report
from tests.support.stack import Client, Stack, wait_for

AWAY = (502, 503, 504)
"""What the product says while a part of it is away."""
AGAIN_SECONDS = 0.25
REST_SECONDS = 180.0
"""How long a client may need for what it has begun, once nothing is troubled any more."""
STALE_SECONDS = 20.0
"""With several database nodes a deposed primary may answer a read for so long; with one node, never."""


@dataclass
class Ledger:
    """What clients sent and what they were told. Appended to by many threads; dicts and lists take that."""

    sent: Counter[str] = field(default_factory=Counter)
    unanswered: list[str] = field(default_factory=list)
    """What requests met instead of an answer: no connection, a cut one, 502 to 504."""
    accepted: dict[str, str] = field(default_factory=dict)
    """Idempotency key of a report -> its id."""
    numbers: dict[str, str] = field(default_factory=dict)
    """Number of a report -> its id."""
    screened: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Case -> `risk` and `version` that were acknowledged."""
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Subscription -> `rotations` acknowledged and attempted, `deleted`."""
    unexpected: list[str] = field(default_factory=list)

    def acknowledged(self) -> int:
        """How many changes were acknowledged."""
        told = sum(1 + each["rotations"] + each["deleted"] for each in list(self.subscriptions.values()))
        return len(self.accepted) + len(self.screened) + told

    def as_json(self) -> str:
        """Everything, for the evidence."""
        return json.dumps(self.__dict__, indent=1, default=str)


class Clients:
    """Everybody at once, each in a thread; `rest` lets them finish what they have begun and wait for `go`."""

    def __init__(self, stack: Stack, hook: str, seed: int, replicas: bool = False) -> None:
        self.ledger = Ledger()
        self._hook = hook
        self._patience = STALE_SECONDS if replicas else 0.0
        self._go = threading.Event()
        self._end = threading.Event()
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        clerk, worker = stack.client("intake_clerk"), stack.client("case_worker")
        partner, supervisor = stack.client("partner_agency"), stack.client("supervisor")
        chance = {name: random.Random(f"{seed}/{name}") for name in ("steps", "reads", "reports-1", "reports-2")}
        self._jobs: dict[str, tuple[Callable[[], None], float]] = {
            "reports-1": (lambda: self._report(clerk, chance["reports-1"]), 0.3),
            "reports-2": (lambda: self._report(clerk, chance["reports-2"]), 0.3),
            "steps": (lambda: self._screen(worker, chance["steps"]), 0.4),
            "subscriptions": (lambda: self._subscribe(partner), 1.5),
            "reads": (lambda: self._read(clerk, worker, supervisor, chance["reads"]), 0.3),
        }
        self._threads = [threading.Thread(target=self._run, args=(name,), daemon=True) for name in self._jobs]
        for thread in self._threads:
            thread.start()

    def go(self) -> None:
        """Begin, or go on."""
        self._go.set()

    def rest(self) -> None:
        """Returns when nobody has a request under way. Raises AssertionError that names who is not answered."""
        self._go.clear()
        wait_for(
            lambda: not self._busy, f"an answer for {sorted(self._busy)} once all is well again", seconds=REST_SECONDS
        )

    def end(self) -> None:
        """Everybody goes home, whether or not they were answered."""
        self._end.set()
        self._go.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, name: str) -> None:
        job, pause = self._jobs[name]
        while not self._end.is_set():
            self._go.wait(0.2)
            with self._lock:
                if not self._go.is_set():
                    continue
                self._busy.add(name)
            try:
                job()
            except _Over:
                pass
            except Exception as error:  # noqa: BLE001 - an answer that cannot be read is a difference too
                self.ledger.unexpected.append(f"{name}: {type(error).__name__} {error}")
            finally:
                self._busy.discard(name)
            time.sleep(pause)

    def _until_answered(self, send: Callable[[], BaseHTTPResponse], what: str) -> tuple[BaseHTTPResponse, int]:
        """The answer to a request that is sent until there is one, and how many were sent before without answer."""
        unsure = 0
        while not self._end.is_set():
            self.ledger.sent[what] += 1
            try:
                answer = send()
                if answer.status not in AWAY:
                    return answer, unsure
                met = f"{answer.status} {answer.data[:200]!r}"
            except HTTPError as error:
                met = f"{type(error).__name__} {error}"
            unsure += 1
            self.ledger.unanswered.append(f"{what}: {met}")
            time.sleep(AGAIN_SECONDS)
        raise _Over

    def _differs(self, what: str, answer: BaseHTTPResponse) -> None:
        self.ledger.unexpected.append(f"{what}: {answer.status} {answer.data[:300]!r}")

    def _report(self, clerk: Client, chance: random.Random) -> None:
        key = str(uuid.uuid4())
        children = [a_child() for _ in range(chance.choice((1, 1, 1, 2)))]
        report = a_report(children=children, kelurahan=chance.choice(("33.75.01.1002", "33.75.03.1002")))
        answer, _ = self._until_answered(lambda: clerk.register(report, key), "reports")
        if answer.status != 201:
            return self._differs("a report", answer)
        self.ledger.accepted[key] = answer.json()["report_id"]
        self.ledger.numbers[answer.json()["number"]] = answer.json()["report_id"]
        return None

    def _screen(self, worker: Client, chance: random.Random) -> None:
        """Takes a case from the queue and judges it. Nobody else does, so a version that does not fit is a loss."""
        question = "/api/v1/cases?stage=screening&page_size=50"
        queue, _ = self._until_answered(lambda: worker.call("GET", question), "queue")
        if queue.status != 200:
            return self._differs("the queue", queue)
        waiting = queue.json()["items"]
        if not waiting:
            return None
        case = chance.choice(waiting)
        case_id, risk, key = case["case_id"], chance.choice(("low", "medium", "high")), str(uuid.uuid4())
        if case_id in self.ledger.screened:
            if not self._patience:
                self.ledger.unexpected.append(f"{case_id} waits in the queue after its screening was acknowledged")
            return None
        headers = {"If_Match": f'"{case["version"]}"', "Idempotency_Key": key}
        address = f"/api/v1/cases/{case_id}/commands"
        screening = {"command": "take_step", "subject": "screen", "facts": {"risk": risk}}
        answer, _ = self._until_answered(lambda: worker.call("POST", address, screening, **headers), "steps")
        if answer.status in (409, 412) and self._moved_on(worker, case_id, case["version"]):
            return None
        if answer.status != 200:
            return self._differs(f"screening {case_id}", answer)
        self.ledger.screened[case_id] = {"risk": risk, "version": answer.json()["version"]}
        return None

    def _moved_on(self, worker: Client, case_id: str, version: int) -> bool:
        """Whether the clock escalated the case between our reading and our step."""
        answer, _ = self._until_answered(lambda: worker.call("GET", f"/api/v1/cases/{case_id}"), "queue")
        found = answer.json()
        return bool(found["version"] > version and found["stage"] == "screening")

    def _subscribe(self, partner: Client) -> None:
        """A webhook is made, its secret changed, and it is deleted again."""
        key = str(uuid.uuid4())
        body = {"url": f"{self._hook}/brief", "event_types": [], "kecamatans": [], "minimum_severity": "low"}
        path = "/api/v1/subscriptions"
        made, _ = self._until_answered(lambda: partner.call("POST", path, body, Idempotency_Key=key), "subscriptions")
        if made.status != 201:
            return self._differs("a subscription", made)
        identifier = made.json()["id"]
        note = self.ledger.subscriptions[identifier] = {"rotations": 0, "tried": 0, "deleted": False}
        time.sleep(1.0)
        rotated, unsure = self._until_answered(
            lambda: partner.call("POST", f"{path}/{identifier}/secret"), "subscriptions"
        )
        note["tried"] += unsure + 1
        if rotated.status != 201:
            return self._differs("a new secret", rotated)
        note["rotations"] += 1
        while True:
            now, _ = self._until_answered(lambda: partner.call("GET", f"{path}/{identifier}"), "subscriptions")
            if now.status != 200:
                return self._differs("a subscription that was acknowledged", now)
            version = {"If_Match": f'"{now.json()["version"]}"'}
            gone, unsure = self._until_answered(
                lambda version=version: partner.call("DELETE", f"{path}/{identifier}", **version), "subscriptions"
            )
            # A change of the secret that got no answer may have come to pass only now.
            if gone.status != 412 or note["tried"] == note["rotations"]:
                break
        # A deletion without an answer may have happened: then the next one finds nothing.
        if gone.status != 204 and not (gone.status == 404 and unsure):
            return self._differs("a deletion", gone)
        note["deleted"] = True
        return None

    def _read(self, clerk: Client, worker: Client, supervisor: Client, chance: random.Random) -> None:
        """An acknowledged report is found at once; dashboard and queue never count what nobody sent."""
        numbers = list(self.ledger.numbers.items())
        if numbers:
            number, report_id = chance.choice(numbers + numbers[-3:] * 5)
            end = time.monotonic() + self._patience
            while True:
                answer, _ = self._until_answered(lambda: clerk.call("GET", f"/api/v1/reports/{number}"), "reads")
                if answer.status == 200 or time.monotonic() > end:
                    break
                time.sleep(AGAIN_SECONDS)
            if answer.status != 200 or answer.json()["report_id"] != report_id:
                self._differs(f"report {number}", answer)
        for who, path in ((supervisor, "/api/v1/indicators/reports_received"), (worker, "/api/v1/cases?page_size=1")):
            answer, _ = self._until_answered(lambda who=who, path=path: who.call("GET", path), "reads")
            if answer.status != 200:
                self._differs(path, answer)


class _Over(Exception):
    """The campaign ended while a request was still not answered."""
