"""The queue of messages to send: adding one, claiming one, writing down what came of it.

A delivery is due when its `next_attempt_at` has passed on the database's clock. Claiming writes the attempt down and
moves `next_attempt_at` past the lease in the same step, so that an attempt whose sender died is made again, with the
same message id, and never by two senders at once. This module sends nothing.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.database import Database

from services.notifications.model import Answer
from services.notifications.store import CANCELLED, DELIVERED, DUE, FAILED, Document
from shared.journal import Unit
from shared.mongo import find_surely

# Attempts kept in the log of one delivery. The schedule has ten; a person may send again.
ATTEMPTS_KEPT = 50

UNKNOWN = "unknown"


def new_delivery(
    delivery_id: str,
    subscription: Mapping[str, Any],
    payload: Mapping[str, Any],
    *,
    event_id: str | None,
    due_at: datetime,
    now: datetime,
) -> Document:
    """The document of a message that is due from `due_at`. `event_id` is None for a test message."""
    return {
        "_id": delivery_id,
        "subscription_id": subscription["_id"],
        "agency_id": subscription["agency_id"],
        "event_id": event_id,
        "type": payload["type"],
        "case_id": payload["data"].get("case_id"),
        "payload": payload,
        "state": DUE,
        "round": 1,  # a person who sends it again begins another
        "tries": 0,  # attempts in this round
        "attempt_count": 0,
        "attempts": [],
        "round_started_at": None,
        "next_attempt_at": due_at,
        "created_at": now,
        "concluded_at": None,
    }


def add(unit: Unit, delivery: Document) -> None:
    """Put a delivery into the queue, unless one with its id is there already."""
    content = {name: value for name, value in delivery.items() if name != "_id"}
    unit.update(unit.database.deliveries, {"_id": delivery["_id"]}, {"$setOnInsert": content}, upsert=True)


@dataclass(frozen=True)
class DueLane:
    """How many deliveries of one subscription are due now, as far as was asked; whether an attempt at one failed."""

    due: int
    failing: bool


def due_lanes(database: Database[Document], width: int) -> dict[str, DueLane]:
    """What is due now, by enabled subscription. Of each the first `width` are looked at, however many wait behind."""
    first = [
        {"$match": {"$expr": {"$eq": ["$subscription_id", "$$subscription"]}, "state": DUE}},
        {"$sort": {"next_attempt_at": 1}},
        {"$limit": width},
        {"$match": _IS_DUE},
        {"$project": {"_id": 0, "tries": 1}},
    ]
    rows = database.subscriptions.aggregate(
        [
            {"$match": {"enabled": True}},
            {
                "$lookup": {
                    "from": "deliveries",
                    "let": {"subscription": "$_id"},
                    "pipeline": first,
                    "as": "due",
                }
            },
            {"$match": {"due": {"$ne": []}}},
            {"$project": {"due": 1}},
        ]
    )
    return {
        row["_id"]: DueLane(len(row["due"]), failing=any(delivery["tries"] > 0 for delivery in row["due"]))
        for row in rows
    }


def claim(database: Database[Document], subscription_id: str, lease: float) -> Document | None:
    """Claim the longest-due delivery of a subscription for `lease` seconds, with a new attempt written into it.

    Returns the delivery after the claim (`attempt_count` is the number of this attempt), or None if none is due.
    """
    number = {"$add": ["$attempt_count", 1]}
    attempt = {"number": number, "started_at": "$$NOW", "outcome": UNKNOWN}
    return database.deliveries.find_one_and_update(
        {"subscription_id": subscription_id, "state": DUE, **_IS_DUE},
        [
            {
                "$set": {
                    "next_attempt_at": _from_now(lease),
                    "attempt_count": number,
                    "tries": {"$add": ["$tries", 1]},
                    "round_started_at": {"$cond": [{"$eq": ["$tries", 0]}, "$$NOW", "$round_started_at"]},
                    "attempts": {"$slice": [{"$concatArrays": ["$attempts", [attempt]]}, -ATTEMPTS_KEPT]},
                }
            }
        ],
        sort=[("next_attempt_at", 1)],
        return_document=ReturnDocument.AFTER,
    )


def delivered(database: Database[Document], claimed: Mapping[str, Any], answer: Answer) -> None:
    """Write down that the receiver took the message. True whoever holds the claim by now."""
    database.deliveries.update_one(
        {"_id": claimed["_id"]},
        [{"$set": {**_outcome(claimed, answer), "state": DELIVERED, "concluded_at": "$$NOW"}}],
    )


def try_again(database: Database[Document], claimed: Mapping[str, Any], answer: Answer, wait: float) -> None:
    """Write down a failed attempt and when the next is due, `wait` seconds from now.

    If the claim has been lost meanwhile, only the attempt is written down.
    """
    ours = _still_ours(claimed)
    next_attempt = {"$cond": [ours, _from_now(wait), "$next_attempt_at"]}
    database.deliveries.update_one(
        {"_id": claimed["_id"]}, [{"$set": {**_outcome(claimed, answer), "next_attempt_at": next_attempt}}]
    )


def give_up(unit: Unit, claimed: Mapping[str, Any], answer: Answer) -> None:
    """Write down, in a unit of work, the last failed attempt of a message that will not be tried again by itself."""
    ours = _still_ours(claimed)
    unit.update(
        unit.database.deliveries,
        {"_id": claimed["_id"]},
        [
            {
                "$set": {
                    **_outcome(claimed, answer),
                    "state": {"$cond": [ours, FAILED, "$state"]},
                    "concluded_at": {"$cond": [ours, "$$NOW", "$concluded_at"]},
                }
            }
        ],
    )


def cancel(database: Database[Document], subscription_ids: Collection[str]) -> int:
    """Cancel what is due for these subscriptions; returns how much."""
    result = database.deliveries.update_many(
        {"subscription_id": {"$in": list(subscription_ids)}, "state": DUE},
        [{"$set": {"state": CANCELLED, "concluded_at": "$$NOW"}}],
    )
    return int(result.modified_count)


def cancel_left_over(database: Database[Document]) -> int:
    """Cancel what is due for subscriptions that are gone; returns how much.

    A deletion cancels what it sees. What a worker, which had read the subscription before, commits just after is seen
    by nobody: no lane leads there.
    """
    waiting = database.deliveries.aggregate(
        [{"$match": {"state": DUE}}, {"$group": {"_id": "$subscription_id"}}], hint="waiting"
    )
    # In this order: what has a delivery is there already, or gone for good.
    named = {row["_id"] for row in waiting}
    there = {found["_id"] for found in database.subscriptions.find({"_id": {"$in": list(named)}}, {"_id": 1})}
    # Between the two questions there may have been an election.
    gone = [each for each in named - there if find_surely(database.subscriptions, {"_id": each}, {"_id": 1}) is None]
    return cancel(database, gone) if gone else 0


def succeeded_since(unit: Unit, subscription_id: str, moment: datetime) -> bool:
    """Whether the receiver took any message after `moment`."""
    found = unit.find_one(
        unit.database.deliveries,
        {"subscription_id": subscription_id, "state": DELIVERED, "concluded_at": {"$gt": moment}},
        {"_id": 1},
    )
    return found is not None


_IS_DUE = {"$expr": {"$lte": ["$next_attempt_at", "$$NOW"]}}


def _from_now(seconds: float) -> Document:
    return {"$add": ["$$NOW", round(seconds * 1000)]}


def _still_ours(claimed: Mapping[str, Any]) -> Document:
    return {"$and": [{"$eq": ["$state", DUE]}, {"$eq": ["$attempt_count", claimed["attempt_count"]]}]}


def _outcome(claimed: Mapping[str, Any], answer: Answer) -> Document:
    """The update of the attempt's entry: status, class of error and latency, never what the receiver said."""
    result = {
        "status": answer.status,
        "error": answer.error,
        "latency_ms": answer.latency_ms,
        "ended_at": "$$NOW",
        "outcome": "ok" if answer.ok else "failed",
    }
    mine = {"$eq": ["$$attempt.number", claimed["attempt_count"]]}
    changed = {"$cond": [mine, {"$mergeObjects": ["$$attempt", result]}, "$$attempt"]}
    return {"attempts": {"$map": {"input": "$attempts", "as": "attempt", "in": changed}}}
