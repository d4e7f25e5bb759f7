"""The sender: takes due messages from the queue, signs and sends them, and writes down what came of it.

Every subscription is a lane of its own. A lane that is known to answer quickly may have several messages under way,
every other has one, and all slow lanes together never hold more than half of the places: a dead receiver delays nobody
else. Whether and when to try again is `model.py`'s, the wire is `transport.py`'s.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.errors import PyMongoError
from tink import TinkError

from services.notifications import actions, guard, model, queue, signing, transport
from services.notifications.model import Answer
from services.notifications.store import Document
from shared import failpoints
from shared.access import system_actor
from shared.foundation import Foundation
from shared.journal import Unavailable, Unit
from shared.telemetry import metrics
from shared.telemetry.logs import get_logger
from shared.waker import Waker

PLACES = 64
QUICK_WIDTH = 4
SLOW_SECONDS = 1.0
# Longer than the time-out of an attempt and a slow look-up of its name together.
LEASE_SECONDS = 30.0
# Between looks at the queue when nothing wakes the sender: what falls due by the clock waits at most this long.
IDLE_SECONDS = 0.5
# For attempts under way at the end; what takes longer is sent again, with its id, by the next sender.
GRACE_SECONDS = 7.0
RECORD_SECONDS = 10.0
# Between looks for messages whose subscription is gone.
TIDY_SECONDS = 15.0

AGAIN = {"operationType": "update", "updateDescription.updatedFields.round": {"$exists": True}}
QUEUED = [{"$match": {"$or": [{"operationType": "insert"}, AGAIN]}}]
"""A new message, or one that a person sends again; not our own notes on attempts."""

ACTOR = system_actor("notifications.sender")
log = get_logger(__name__)


def run(foundation: Foundation, stop: threading.Event) -> None:
    """Send until `stop` is set, then let attempts under way end, for at most GRACE_SECONDS."""
    Sender(foundation).run(stop)


@dataclass
class Lane:
    """What the sender remembers of one subscription. Forgetting it costs one attempt, no message."""

    under_way: int = 0
    slow: bool | None = None  # None: not known yet
    quiet_until: float = 0.0  # monotonic seconds: the receiver asked not to be called before
    served_at: float = 0.0


class Sender:
    """One sender. Several may run beside each other: the queue gives each message to one of them."""

    def __init__(
        self,
        foundation: Foundation,
        *,
        schedule: tuple[int, ...] = model.SCHEDULE,
        timeout: float = transport.TIMEOUT,
        lease: float = LEASE_SECONDS,
        lookup: guard.Lookup = guard.system_lookup,
    ) -> None:
        self._foundation = foundation
        self._database = foundation.database
        self._schedule = schedule
        self._timeout = timeout
        self._lease = lease
        self._lookup = lookup
        self._chance = random.SystemRandom()
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Condition()

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set."""
        tidied = float("-inf")
        with Waker(self._database.deliveries, QUEUED, "delivery-waker") as waker:
            while not stop.is_set():
                waker.clear()
                try:
                    if time.monotonic() - tidied > TIDY_SECONDS:
                        if cancelled := queue.cancel_left_over(self._database):
                            log.info("cancelled_for_deleted_subscriptions", messages=cancelled)
                        tidied = time.monotonic()
                    self._start_what_is_due(waker)
                except (PyMongoError, Unavailable) as error:
                    log.warning("database_out_of_reach", error=type(error).__name__)
                waker.wait(IDLE_SECONDS)
        with self._lock:
            self._lock.wait_for(lambda: not self._under_way(), GRACE_SECONDS)
        log.info("sender_ends", under_way=self._under_way())

    def _start_what_is_due(self, waker: Waker) -> None:
        """Start an attempt for every due message that has a place, the lane that waited longest first."""
        due = queue.due_lanes(self._database, QUICK_WIDTH)
        with self._lock:
            for name in sorted(due, key=lambda name: self._lane(name).served_at):
                lane = self._lane(name)
                if lane.slow is None and due[name].failing:
                    lane.slow = True
                for _ in range(min(due[name].due, self._free_places(lane))):
                    lane.under_way += 1
                    lane.served_at = time.monotonic()
                    # A daemon thread, for one that hangs must not keep the process from ending.
                    threading.Thread(target=self._one, args=(name, lane, waker), daemon=True, name="attempt").start()

    def _lane(self, name: str) -> Lane:
        return self._lanes.setdefault(name, Lane())

    def _under_way(self) -> int:
        return sum(lane.under_way for lane in self._lanes.values())

    def _free_places(self, lane: Lane) -> int:
        """How many more attempts this lane may start now. Called with the lock held."""
        if lane.quiet_until > time.monotonic():
            return 0
        free = PLACES - self._under_way()
        if lane.slow:
            free = min(free, PLACES // 2 - sum(other.under_way for other in self._lanes.values() if other.slow))
        width = QUICK_WIDTH if lane.slow is False else 1
        return max(0, min(free, width - lane.under_way))

    def _one(self, name: str, lane: Lane, waker: Waker) -> None:
        """One attempt for one lane, if another sender has not taken what was due."""
        found = False
        try:
            claimed = queue.claim(self._database, name, self._lease)
            if claimed is not None:
                found = True
                self._attempt(claimed, lane)
        except (PyMongoError, Unavailable) as error:
            log.warning("database_out_of_reach", error=type(error).__name__)
            found = False
        except Exception:  # whatever it is, it must not cost the lane its place; the lease brings it back
            log.error("attempt_broke_off", subscription_id=name, exc_info=True)
            found = False
        finally:
            with self._lock:
                lane.under_way -= 1
                self._lock.notify_all()
            if found:
                waker.wake()

    def _attempt(self, claimed: Document, lane: Lane) -> None:
        answer = self._send(claimed)
        if answer is None:
            return
        failpoints.reach("sender.sent")
        with self._lock:
            lane.slow = not answer.ok or answer.latency_ms > SLOW_SECONDS * 1000
            lane.quiet_until = time.monotonic() + model.quiet_for(answer)
        outcome = self._persist(lambda: self._record(claimed, answer))
        metrics.DELIVERIES.labels(outcome).inc()
        log.info(
            "attempt",
            delivery_id=claimed["_id"],
            subscription_id=claimed["subscription_id"],
            number=claimed["attempt_count"],
            outcome=outcome,
            status=answer.status,
            error=answer.error,
            latency_ms=answer.latency_ms,
        )

    def _send(self, claimed: Document) -> Answer | None:
        """Sign and send; the address is resolved and checked anew every time. None if there is nowhere to send to."""
        subscription = self._database.subscriptions.find_one({"_id": claimed["subscription_id"], "enabled": True})
        if subscription is None:
            return None
        now = self._foundation.clock()
        body = json.dumps(claimed["payload"], separators=(",", ":"))
        try:
            secrets = actions.secrets_in_force(self._foundation, subscription, now)
            target = guard.resolve(subscription["url"], local=self._foundation.settings.local, lookup=self._lookup)
        except guard.Refused as refused:
            return Answer(status=None, error=refused.code)
        except TinkError:
            # The service's secret key was changed: a person must rotate the subscription's secret.
            return Answer(status=None, error="secret_unreadable")
        headers = signing.headers(claimed["_id"], now, body, secrets)
        return transport.post(target, headers, body.encode(), self._timeout)

    def _record(self, claimed: Document, answer: Answer) -> str:
        """Write down what came of an attempt; says which outcome it was, for the metrics."""
        if answer.ok:
            queue.delivered(self._database, claimed, answer)
            return "delivered"
        schedule = (0,) if claimed["type"] == model.TEST_MESSAGE else self._schedule
        wait = model.wait_after(answer, claimed["tries"], self._chance, schedule)
        if wait is not None:
            queue.try_again(self._database, claimed, answer, wait)
            return "retry"
        self._foundation.journal.run(lambda unit: self._give_up(unit, claimed, answer), actor=ACTOR)
        return "failed"

    def _give_up(self, unit: Unit, claimed: Document, answer: Answer) -> Mapping[str, Any]:
        """Fail the message, and disable its subscription where the receiver is gone or has taken nothing since."""
        queue.give_up(unit, claimed, answer)
        document = unit.find_one(unit.database.subscriptions, {"_id": claimed["subscription_id"]})
        if document is None:
            return {}
        if answer.gone:
            actions.disable_in(self._foundation, unit, document, model.ENDPOINT_GONE)
        elif claimed["type"] != model.TEST_MESSAGE and not queue.succeeded_since(
            unit, claimed["subscription_id"], claimed["round_started_at"]
        ):
            actions.disable_in(self._foundation, unit, document, model.SCHEDULE_EXHAUSTED)
        return {}

    def _persist(self, write: Callable[[], str]) -> str:
        """Do a write that must not be given up lightly: without it the message is sent a second time."""
        deadline = time.monotonic() + RECORD_SECONDS
        while True:
            try:
                return write()
            except (PyMongoError, Unavailable):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
