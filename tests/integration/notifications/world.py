"""Notifications as tests see it: subscriptions, events as they would arrive, a running sender, what it wrote down."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from services.notifications import actions, handlers, model
from services.notifications.sender import Sender
from shared.access import Actor
from shared.events import Event
from shared.foundation import Foundation
from shared.ids import new_id, new_number
from shared.journal import Context

PARTNER = Actor("account-" + "1" * 32, "partner_agency", agency_id="agency-" + "a" * 32, session="s1")


def wait_until(condition: Callable[[], Any], what: str, timeout: float = 20.0) -> Any:
    """Wait for a condition to give something true, and return it; fails, naming `what`, after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if found := condition():
            return found
        threading.Event().wait(0.02)
    raise AssertionError(f"did not happen within {timeout} s: {what}")


@contextmanager
def sending(foundation: Foundation, **options: Any) -> Iterator[Sender]:
    """A sender at work for the length of a `with` block."""
    stop = threading.Event()
    sender = Sender(foundation, **options)
    thread = threading.Thread(target=sender.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield sender
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive(), "the sender did not end"


def subscribe(foundation: Foundation, url: str, actor: Actor = PARTNER, **wanted: Any) -> tuple[str, str]:
    """A subscription of the actor's agency; its id and secret."""
    subscription_id, secret = actions.create(
        foundation, actor, agency_id=actor.agency_id or "", url=url, wanted=model.Filter(**wanted)
    )
    assert secret is not None
    return subscription_id, secret


def case_event(type_name: str = "case.opened", **data: Any) -> Event:
    """An event of cases, as the worker hands it over. `case_id`, `version` and `event_id` may be given."""
    stream = data.pop("case_id", None) or new_id("case")
    facts = {
        "case_id": stream,
        "case_number": new_number("K"),
        "kecamatan": "33.75.03",
        "kelurahan": "33.75.03.1002",
        "severity": "high",
        "late": False,
        "demonstration": False,
        "screening_due_at": datetime.now(UTC) + timedelta(hours=6),
    }
    version, event_id = data.pop("version", 1), data.pop("event_id", None)
    return _event(type_name, stream, version, {**facts, **data}, event_id)


def directory_event(type_name: str, stream: str, **data: Any) -> Event:
    """An event of directory."""
    return _event(type_name, stream, 1, data, None)


def _event(type_name: str, stream: str, version: int, data: dict[str, Any], event_id: str | None) -> Event:
    now = datetime.now(UTC)
    return Event(
        id=event_id or str(uuid.uuid4()),
        type=type_name,
        source=type_name.split(".")[0],
        stream=stream,
        version=version,
        epoch=1,
        occurred_at=now,
        recorded_at=now,
        data=data,
        actor="system:test",
        correlation_id="test",
    )


def hear(foundation: Foundation, event: Event) -> None:
    """Handle an event in a transaction, as the worker does."""
    handler = handlers.handlers(foundation)[event.type]
    foundation.journal.transact(lambda unit: handler(event, unit), Context.of(event, "system:notifications.worker"))


def deliveries(foundation: Foundation, **wanted: Any) -> list[dict[str, Any]]:
    return list(foundation.database.deliveries.find(wanted))


def delivery(foundation: Foundation, state: str, timeout: float = 20.0, **wanted: Any) -> dict[str, Any]:
    """Wait until a delivery is in a state, and return it."""
    return wait_until(
        lambda: foundation.database.deliveries.find_one({"state": state, **wanted}), f"a {state} delivery", timeout
    )


def make_due(foundation: Foundation, delivery_id: str) -> None:
    """Let the time until the next attempt pass."""
    foundation.database.deliveries.update_one(
        {"_id": delivery_id}, {"$set": {"next_attempt_at": datetime.now(UTC) - timedelta(seconds=1)}}
    )


def journal(foundation: Foundation) -> list[tuple[str, dict[str, Any]]]:
    """What notifications has said, in order."""
    return [(entry["type"], entry["data"]) for entry in foundation.database.journal.find(sort=[("sequence", 1)])]
