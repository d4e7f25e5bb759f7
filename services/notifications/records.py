"""What a request may touch: finds the subscription or delivery and asks whether this actor may do this to it.

Used by pages and API alike, so that both refuse alike: what is another agency's is not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.notifications import actions, guard, store, texts
from services.notifications.store import Document
from shared.access import current_actor, may, permit
from shared.web import Problem, current_foundation


def subscription(action: str, subscription_id: str) -> Document:
    """The subscription, if this request's actor may do `action` to it. Raises Problem 404."""
    found = store.subscription(current_foundation().database, subscription_id)
    if found is None:
        raise Problem(404, "not_found")
    permit(action, {"agency_id": found["agency_id"]})
    return found


def delivery(action: str, delivery_id: str) -> Document:
    """The delivery, if this request's actor may do `action` to it. Raises Problem 404."""
    found = store.delivery(current_foundation().database, delivery_id)
    if found is None:
        raise Problem(404, "not_found")
    permit(action, {"agency_id": found["agency_id"]})
    return shown(found)


def shown(delivery: Document) -> Document:
    """The delivery as this request's actor may see it: without its case and content for those who have no right to
    them. A test message tells of no case, and is shown whole."""
    if delivery["event_id"] is None or may(current_actor(), "delivery.read_content", delivery):
        return delivery
    return {**delivery, "case_id": None, "payload": None}


def only_agency(action: str) -> str | None:
    """The agency to which this actor's right to `action` is limited; None if it reaches every agency."""
    actor = current_actor()
    if may(actor, action).scope == "any":
        return None
    return actor.agency_id or "none"


def agency_for_new(agency_id: str | None) -> str:
    """The agency that a new subscription is for: one's own, or for those who look after others the given one.

    Raises Problem 422 where none is given, or one that is not active or not the actor's to manage.
    """
    own = only_agency("subscription.create")
    chosen = own if agency_id is None else agency_id
    if chosen is None or chosen != (own or chosen):
        raise Problem(422, "invalid", {"agency_id": [texts.AGENCY_UNKNOWN]})
    # Of one's own agency the news may not have arrived yet.
    if own is None and not store.agency_is_active(current_foundation().database, chosen):
        raise Problem(422, "invalid", {"agency_id": [texts.AGENCY_UNKNOWN]})
    return chosen


@contextmanager
def refusals() -> Iterator[None]:
    """Turns what an action refuses into the answer to the request."""
    try:
        yield
    except guard.Refused as refused:
        raise Problem(422, "invalid", {"url": [texts.REFUSALS[refused.code]]}) from None
    except actions.Missing:
        raise Problem(404, "not_found") from None
    except actions.Held:
        raise Problem(409, "subscription_disabled", {"enabled": [texts.HELD]}) from None
    except actions.AgencyClosed:
        raise Problem(409, "agency_closed", {"agency_id": [texts.AGENCY_CLOSED]}) from None
