"""What notifications keeps in MongoDB: its indexes, and the queries by which pages and the API read it.

Three collections: `subscriptions`, `deliveries` (one per subscription and event, with its attempts) and `agencies`
(which exist and are active, as directory tells). Writing is in `actions.py`, `handlers.py` and `queue.py`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from services.notifications.model import Filter, Subscription
from shared.mongo import find_surely

Document = dict[str, Any]

DUE, DELIVERED, FAILED, CANCELLED = "due", "delivered", "failed", "cancelled"
DELIVERY_STATES = (DUE, DELIVERED, FAILED, CANCELLED)

# No reader needs the sealed secrets but the sender.
WITHOUT_SECRETS = {"secrets.sealed": 0}


def ensure_indexes(database: Database[Document]) -> None:
    """Create what the queries here and in `queue.py` need. Safe to repeat."""
    database.subscriptions.create_index([("agency_id", ASCENDING), ("created_at", DESCENDING)])
    database.deliveries.create_index(
        [("subscription_id", ASCENDING), ("state", ASCENDING), ("next_attempt_at", ASCENDING)]
    )
    database.deliveries.create_index(
        [("subscription_id", ASCENDING)], partialFilterExpression={"state": DUE}, name="waiting"
    )
    database.deliveries.create_index([("subscription_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)])
    database.deliveries.create_index([("agency_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)])
    database.deliveries.create_index([("created_at", DESCENDING), ("_id", DESCENDING)])


def subscription(database: Database[Document], subscription_id: str) -> Document | None:
    """One subscription without its sealed secrets; None if there is none."""
    return find_surely(database.subscriptions, {"_id": subscription_id}, WITHOUT_SECRETS)


def subscriptions(
    database: Database[Document], agency_id: str | None = None, *, skip: int = 0, limit: int = 50
) -> tuple[list[Document], int]:
    """A page of the subscriptions of one agency, or of all for None, newest first; and how many there are."""
    wanted = {} if agency_id is None else {"agency_id": agency_id}
    cursor = database.subscriptions.find(wanted, WITHOUT_SECRETS).sort([("created_at", -1), ("_id", -1)])
    return list(cursor.skip(skip).limit(limit)), database.subscriptions.count_documents(wanted)


def delivery(database: Database[Document], delivery_id: str) -> Document | None:
    """One delivery with its attempts, oldest first; None if there is none."""
    return find_surely(database.deliveries, {"_id": delivery_id})


def deliveries(
    database: Database[Document],
    *,
    agency_id: str | None = None,
    subscription_id: str | None = None,
    state: str | None = None,
    skip: int = 0,
    limit: int = 50,
) -> tuple[list[Document], int]:
    """A page of the deliveries that fit all given conditions, newest first; and how many there are."""
    conditions = {"agency_id": agency_id, "subscription_id": subscription_id, "state": state}
    wanted = {name: value for name, value in conditions.items() if value is not None}
    cursor = database.deliveries.find(wanted).sort([("created_at", -1), ("_id", -1)])
    return list(cursor.skip(skip).limit(limit)), database.deliveries.count_documents(wanted)


def waiting(database: Database[Document], subscription_id: str) -> int:
    """How many messages to a subscription are not yet through."""
    return database.deliveries.count_documents({"subscription_id": subscription_id, "state": DUE})


def agencies(database: Database[Document]) -> list[Document]:
    """The active agencies: `_id`, `kind`, `kecamatan`. Their names are directory's."""
    return list(database.agencies.find({"active": True}).sort([("kind", 1), ("_id", 1)]))


def agency_is_active(database: Database[Document], agency_id: str) -> bool:
    """Whether directory has told of this agency, and not that it is closed."""
    return database.agencies.find_one({"_id": agency_id, "active": True}) is not None


def state_of(document: Mapping[str, Any]) -> Subscription:
    """The model's subscription out of its document."""
    return Subscription(
        id=document["_id"],
        agency_id=document["agency_id"],
        filter=Filter(tuple(document["event_types"]), tuple(document["kecamatans"]), document["minimum_severity"]),
        enabled=document["enabled"],
        disabled_reason=document["disabled_reason"],
        version=document["version"],
    )


def fields_of(state: Subscription) -> Document:
    """The part of a document that the model decides; the inverse of `state_of`, without the id."""
    wanted = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(state.filter).items()}
    return {
        "agency_id": state.agency_id,
        **wanted,
        "enabled": state.enabled,
        "disabled_reason": state.disabled_reason,
        "version": state.version,
    }
