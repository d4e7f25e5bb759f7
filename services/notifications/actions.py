"""What people do to subscriptions and deliveries, each one unit of work.

Whether they may is asked before, at the edge; whether an address may be called is asked here. A new signing secret is
returned once and is never part of an answer that the journal keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from services.notifications import guard, model, queue, signing, store
from services.notifications.store import Document
from shared.access import Actor
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Command, Unit, VersionConflict
from shared.telemetry.logs import get_logger

CANCEL_SECONDS = 2.0
"""How long the answer to a deletion waits for its messages to be marked as cancelled."""

log = get_logger(__name__)


class Missing(LookupError):
    """The subscription or delivery does not exist (any more)."""


class Held(Exception):
    """The subscription is disabled: nothing is sent until it is enabled."""


class AgencyClosed(Exception):
    """The agency of the subscription is closed: it can receive nothing."""


def create(
    foundation: Foundation,
    actor: Actor,
    *,
    agency_id: str,
    url: str,
    wanted: model.Filter,
    command: Command | None = None,
) -> tuple[str, str | None]:
    """Begin a subscription. Returns its id and its signing secret, which is shown now and never again.

    When `command` repeats one that was carried out, the id is that of the first time and the secret None: rotate it if
    it did not arrive. Raises `guard.Refused` for an address that may not be called.
    """
    guard.resolve(url, local=foundation.settings.local)
    fresh_id, secret = new_id("subscription"), signing.new_secret()
    sealed = signing.seal(foundation.settings.secret_key, fresh_id, secret)

    def work(unit: Unit) -> Mapping[str, Any]:
        begun = model.Create(fresh_id, agency_id, wanted)
        state = _apply(unit, None, model.decide(None, begun))
        assert state is not None  # noqa: S101  # the model's contract, for the type checker
        now = foundation.clock()
        unit.insert(
            unit.database.subscriptions,
            {
                "_id": fresh_id,
                **store.fields_of(state),
                "url": url,
                "owner": actor.id,
                "secrets": [{"sealed": sealed, "created_at": now, "until": None}],
                "created_at": now,
                "changed_at": now,
            },
        )
        return {"subscription_id": fresh_id}

    kept = foundation.journal.run(work, actor=actor, command=command)["subscription_id"]
    return kept, secret if kept == fresh_id else None


def change(
    foundation: Foundation,
    actor: Actor,
    subscription_id: str,
    *,
    expected: int | None = None,
    url: str | None = None,
    wanted: model.Filter | None = None,
    enabled: bool | None = None,
) -> None:
    """Change address, filter, or whether anything is sent; what is None stays.

    While it is disabled, messages wait, and go out when it is enabled. Raises `guard.Refused` for a new address that
    may not be called, AgencyClosed, and `VersionConflict` if `expected` is not the version now.
    """
    current = store.subscription(foundation.database, subscription_id)
    if url is not None and current is not None and url != current["url"]:
        guard.resolve(url, local=foundation.settings.local)

    def work(unit: Unit) -> Mapping[str, Any]:
        document = _read(unit, subscription_id, expected)
        state = store.state_of(document)
        moved = url is not None and url != document["url"]
        events = model.decide(state, model.Change(wanted or state.filter, address_changed=moved))
        if enabled is True:
            _check_agency(unit, document)
            events += model.decide(state, model.Enable())
        elif enabled is False:
            events += model.decide(state, model.Disable(model.REQUESTED))
        # Whoever points the subscription somewhere answers for where it points.
        also = {"url": url, "owner": actor.id} if moved else {}
        _write(foundation, unit, document, events, also)
        return {}

    foundation.journal.run(work, actor=actor)


def rotate_secret(foundation: Foundation, actor: Actor, subscription_id: str) -> tuple[str, datetime]:
    """Put a new signing secret in force. Returns it, now and never again, and until when the former one signs too."""
    secret = signing.new_secret()
    sealed = signing.seal(foundation.settings.secret_key, subscription_id, secret)
    now = foundation.clock()

    def work(unit: Unit) -> Mapping[str, Any]:
        document = _read(unit, subscription_id, None)
        former = {**document["secrets"][0], "until": now + model.ROTATION}
        secrets = [{"sealed": sealed, "created_at": now, "until": None}, former]
        events = model.decide(store.state_of(document), model.RotateSecret())
        _write(foundation, unit, document, events, {"secrets": secrets})
        return {}

    foundation.journal.run(work, actor=actor)
    return secret, now + model.ROTATION


def disable_in(foundation: Foundation, unit: Unit, document: Document, reason: str) -> None:
    """Disable a subscription, read in this unit, for one of the model's reasons."""
    events = model.decide(store.state_of(document), model.Disable(reason))
    _write(foundation, unit, document, events, {})


def delete(foundation: Foundation, actor: Actor, subscription_id: str, *, expected: int | None = None) -> None:
    """End a subscription, its secrets and what was still to be sent. Its log stays. Raises VersionConflict.

    What waits is cancelled after the commit: one transaction over it all would begin anew with each message that the
    sender takes meanwhile, and a deletion would not be answered before the queue is empty.
    """

    def work(unit: Unit) -> Mapping[str, Any]:
        document = _read(unit, subscription_id, expected)
        _apply(unit, store.state_of(document), model.decide(store.state_of(document), model.Delete()))
        unit.delete(unit.database.subscriptions, {"_id": subscription_id})
        return {}

    foundation.journal.run(work, actor=actor)
    try:
        with pymongo.timeout(CANCEL_SECONDS):
            queue.cancel(foundation.database, [subscription_id])
    except PyMongoError as error:  # nothing of it is sent any more, and the sender cancels what it finds left over
        log.info("cancelled_later", subscription_id=subscription_id, error=type(error).__name__)


def send_test(foundation: Foundation, actor: Actor, subscription_id: str, command: Command | None = None) -> str:
    """Queue a test message, tried once. Returns the delivery's id. Raises Held."""

    def work(unit: Unit) -> Mapping[str, Any]:
        document = _read(unit, subscription_id, None)
        if not document["enabled"]:
            raise Held
        now = foundation.clock()
        link = f"{foundation.settings.base_url}/id/subscriptions/{subscription_id}"
        payload = model.payload(model.TEST_MESSAGE, now, 0, {"subscription_id": subscription_id}, link)
        delivery = queue.new_delivery(new_id("delivery"), document, payload, event_id=None, due_at=now, now=now)
        queue.add(unit, delivery)
        return {"delivery_id": delivery["_id"]}

    return str(foundation.journal.run(work, actor=actor, command=command)["delivery_id"])


def resend(foundation: Foundation, actor: Actor, delivery_id: str, command: Command | None = None) -> None:
    """Send a message again, now, with the same message id and a schedule that begins anew. Raises Held."""

    def work(unit: Unit) -> Mapping[str, Any]:
        delivery = unit.find_one(unit.database.deliveries, {"_id": delivery_id})
        if delivery is None:
            raise Missing(delivery_id)
        if not _read(unit, delivery["subscription_id"], None)["enabled"]:
            raise Held
        unit.update(
            unit.database.deliveries,
            {"_id": delivery_id},
            {
                "$set": {"state": store.DUE, "tries": 0, "next_attempt_at": foundation.clock(), "concluded_at": None},
                "$inc": {"round": 1},
            },
            must_match=True,
        )
        return {}

    foundation.journal.run(work, actor=actor, command=command)


def secrets_in_force(foundation: Foundation, document: Mapping[str, Any], now: datetime) -> list[str]:
    """The secrets that sign for a subscription now, the newest first."""
    return [
        signing.unseal(foundation.settings.secret_key, document["_id"], bytes(kept["sealed"]))
        for kept in document["secrets"]
        if kept["until"] is None or now < kept["until"]
    ]


def _check_agency(unit: Unit, document: Document) -> None:
    agency = unit.find_one(unit.database.agencies, {"_id": document["agency_id"]})
    if agency is not None and not agency["active"]:
        raise AgencyClosed


def _read(unit: Unit, subscription_id: str, expected: int | None) -> Document:
    document = unit.find_one(unit.database.subscriptions, {"_id": subscription_id})
    if document is None:
        raise Missing(subscription_id)
    if expected is not None and document["version"] != expected:
        raise VersionConflict(subscription_id, expected, document["version"])
    return document


def _write(
    foundation: Foundation, unit: Unit, document: Document, events: list[NewEvent], also: Mapping[str, Any]
) -> None:
    """Append the events and change the document to match. Nothing happens when there are none."""
    if not events:
        return
    state = _apply(unit, store.state_of(document), events)
    assert state is not None  # noqa: S101  # only a deletion leaves none, and it does not come here
    unit.update(
        unit.database.subscriptions,
        {"_id": document["_id"], "version": document["version"]},
        {"$set": {**store.fields_of(state), **also, "changed_at": foundation.clock()}},
        must_match=True,
    )


def _apply(unit: Unit, state: model.Subscription | None, events: list[NewEvent]) -> model.Subscription | None:
    before = state.version if state else 0
    stream = state.id if state else events[0].data["subscription_id"]
    unit.append(stream, before, events)
    for event in events:
        state = model.evolve(state, event)
    return state
