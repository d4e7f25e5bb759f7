"""What notifications does when it hears of events: one message for each subscription that a case's event concerns, and
no message to an agency that is closed. It sends nothing itself: `sender.py` does.
"""

from __future__ import annotations

from typing import Any

from services.notifications import actions, model, queue
from shared.events import Event
from shared.events.catalogue import REFERRAL_NEWS, SUBSCRIBABLE
from shared.foundation import Foundation
from shared.ids import derived_id
from shared.journal import Unit
from shared.worker import Handler

TOPICS = ["cases.events", "directory.events"]

MATCHED = dict.fromkeys(("agency_id", "event_types", "kecamatans", "minimum_severity", "created_at"), 1)


def handlers(foundation: Foundation) -> dict[str, Handler]:
    """The handler of every event type that this service heeds."""

    def subscriptions(unit: Unit) -> list[dict[str, Any]]:
        """All of them, read once in a unit of work. What they ask for is changed by nothing that is handled here."""
        return unit.once("subscriptions", lambda: unit.find(unit.database.subscriptions, {}, MATCHED))

    def case_changed(event: Event, unit: Unit) -> None:
        """Queue a message for each subscription that wants this event.

        A disabled subscription keeps its messages until it is enabled. The id follows from subscription and event, so
        that an event that is read twice is one message; one from before the subscription began is none.
        """
        place = f"referrals/{event.data['referral_id']}" if event.type in REFERRAL_NEWS else f"cases/{event.stream}"
        link = f"{foundation.settings.base_url}/id/{place}"
        message = model.payload(event.type, event.occurred_at, event.version, event.data, link)
        for subscription in subscriptions(unit):
            wanted = model.Filter(
                tuple(subscription["event_types"]), tuple(subscription["kecamatans"]), subscription["minimum_severity"]
            )
            if event.recorded_at < subscription["created_at"] or not model.matches(
                wanted, event.type, event.data, subscription["agency_id"]
            ):
                continue
            delivery_id = derived_id("delivery", subscription["_id"], event.id)
            queue.add(
                unit,
                queue.new_delivery(
                    delivery_id,
                    subscription,
                    message,
                    event_id=event.id,
                    due_at=event.recorded_at,
                    now=foundation.clock(),
                ),
            )

    def agency_changed(event: Event, unit: Unit) -> None:
        """Remember which agencies there are, and disable what a closed one has subscribed."""
        facts = {name: event.data.get(name) for name in ("kind", "kecamatan", "active")}
        unit.update(unit.database.agencies, {"_id": event.data["agency_id"]}, {"$set": facts}, upsert=True)
        if not event.data["active"]:
            _disable_all(unit, {"agency_id": event.data["agency_id"]}, model.AGENCY_CLOSED)

    def account_changed(event: Event, unit: Unit) -> None:
        """Disable what a closed account has pointed at an address: nobody answers for that address any more."""
        if not event.data["active"]:
            _disable_all(unit, {"owner": event.data["account_id"]}, model.ACCOUNT_CLOSED)

    def _disable_all(unit: Unit, whose: dict[str, Any], reason: str) -> None:
        for document in unit.find(unit.database.subscriptions, {**whose, "enabled": True}):
            actions.disable_in(foundation, unit, document, reason)

    return {
        **dict.fromkeys(SUBSCRIBABLE, case_changed),
        "agency.registered": agency_changed,
        "agency.changed": agency_changed,
        "account.opened": account_changed,
        "account.changed": account_changed,
        "account.closed": account_changed,
    }
