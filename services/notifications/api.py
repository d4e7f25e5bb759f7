"""Notifications' JSON: subscriptions, and the log of what was delivered to them.

A list has `items`, `page`, `page_size` and `total`. A change names the version it knows in If-Match. A signing secret
is answered once, when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from flask.views import MethodView

from services.notifications import actions, model, records, schemas, store
from shared.access import current_actor, requires
from shared.journal import Command
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import IDEMPOTENCY_KEY, IF_MATCH, command, etag, expected_version
from shared.web.paging import list_of, one_page

subscriptions = Blueprint(
    "subscriptions-api", __name__, url_prefix="/subscriptions", description="Which agency is told of what, and where."
)
deliveries = Blueprint(
    "deliveries-api", __name__, url_prefix="/deliveries", description="What was sent, and what came of it."
)

BLUEPRINTS = [subscriptions, deliveries]

Answer = tuple[Mapping[str, Any], int, dict[str, str]]


def _command() -> Command | None:
    return command(current_foundation().settings.secret_key)


def filter_of(given: Mapping[str, Any], before: model.Filter | None = None) -> model.Filter:
    """The filter that a body asks for; what it leaves out is as before."""
    before = before or model.Filter()
    return model.Filter(
        tuple(given.get("event_types", before.event_types)),
        tuple(given.get("kecamatans", before.kecamatans)),
        given.get("minimum_severity", before.minimum_severity),
    )


@subscriptions.route("")
class Subscriptions(MethodView):
    @subscriptions.arguments(schemas.SubscriptionPaging, location="query")
    @subscriptions.response(200, list_of(schemas.Subscription))
    @requires("subscription.read")
    def get(self, paging: dict[str, Any]) -> dict[str, Any]:
        """List subscriptions, the newest first."""
        number, size = paging["page"], paging["page_size"]
        own = records.only_agency("subscription.read")
        if own is not None and paging.get("agency_id", own) != own:
            return one_page([], paging, 0)
        items, total = store.subscriptions(
            current_foundation().database, own or paging.get("agency_id"), skip=(number - 1) * size, limit=size
        )
        return one_page(items, paging, total)

    @subscriptions.arguments(schemas.NewSubscription)
    @subscriptions.response(201, schemas.CreatedSubscription)
    @subscriptions.doc(parameters=[IDEMPOTENCY_KEY])
    @requires("subscription.create")
    def post(self, given: dict[str, Any]) -> Answer:
        """Subscribe an address. The answer holds the signing secret, which is shown only now."""
        agency_id = records.agency_for_new(given.get("agency_id"))
        with records.refusals():
            subscription_id, secret = actions.create(
                current_foundation(),
                current_actor(),
                agency_id=agency_id,
                url=given["url"],
                wanted=filter_of(given),
                command=_command(),
            )
        made = records.subscription("subscription.read", subscription_id)
        headers = {**etag(made["version"]), "Location": f"{request.path}/{subscription_id}"}
        return {**made, "secret": secret}, 201, headers


@subscriptions.route("/<string:subscription_id>")
class Subscription(MethodView):
    @subscriptions.response(200, schemas.Subscription)
    @requires("subscription.read")
    def get(self, subscription_id: str) -> Answer:
        """Get one subscription."""
        found = records.subscription("subscription.read", subscription_id)
        return found, 200, etag(found["version"])

    @subscriptions.arguments(schemas.SubscriptionChange)
    @subscriptions.response(200, schemas.Subscription)
    @subscriptions.doc(parameters=[IF_MATCH])
    @requires("subscription.change")
    def patch(self, changes: dict[str, Any], subscription_id: str) -> Answer:
        """Change address or filter, disable or enable. While disabled, messages wait."""
        found = records.subscription("subscription.change", subscription_id)
        with records.refusals():
            actions.change(
                current_foundation(),
                current_actor(),
                subscription_id,
                expected=expected_version(),
                url=changes.get("url"),
                wanted=filter_of(changes, store.state_of(found).filter),
                enabled=changes.get("enabled"),
            )
        changed = records.subscription("subscription.read", subscription_id)
        return changed, 200, etag(changed["version"])

    @subscriptions.response(204)
    @subscriptions.doc(parameters=[IF_MATCH])
    @requires("subscription.delete")
    def delete(self, subscription_id: str) -> None:
        """End a subscription and what was still to be sent to it. Its log stays."""
        records.subscription("subscription.delete", subscription_id)
        with records.refusals():
            actions.delete(current_foundation(), current_actor(), subscription_id, expected=expected_version())


@subscriptions.route("/<string:subscription_id>/secret")
class Secret(MethodView):
    @subscriptions.response(201, schemas.NewSecret)
    @requires("subscription.change")
    def post(self, subscription_id: str) -> dict[str, Any]:
        """Make a new signing secret, shown only now. The former one signs too for 24 hours."""
        records.subscription("subscription.change", subscription_id)
        with records.refusals():
            secret, former_until = actions.rotate_secret(current_foundation(), current_actor(), subscription_id)
        return {"secret": secret, "former_valid_until": former_until}


@subscriptions.route("/<string:subscription_id>/test")
class Test(MethodView):
    @subscriptions.response(202, schemas.Queued)
    @subscriptions.doc(parameters=[IDEMPOTENCY_KEY])
    @requires("subscription.test")
    def post(self, subscription_id: str) -> dict[str, Any]:
        """Send a test message, tried once."""
        records.subscription("subscription.test", subscription_id)
        with records.refusals():
            queued = actions.send_test(current_foundation(), current_actor(), subscription_id, _command())
        return {"delivery_id": queued}


@deliveries.route("")
class Deliveries(MethodView):
    @deliveries.arguments(schemas.DeliveryPaging, location="query")
    @deliveries.response(200, list_of(schemas.Delivery))
    @requires("delivery.read")
    def get(self, paging: dict[str, Any]) -> dict[str, Any]:
        """List deliveries, the newest first."""
        number, size = paging["page"], paging["page_size"]
        items, total = store.deliveries(
            current_foundation().database,
            agency_id=records.only_agency("delivery.read"),
            subscription_id=paging.get("subscription_id"),
            state=paging.get("state"),
            skip=(number - 1) * size,
            limit=size,
        )
        return one_page([records.shown(each) for each in items], paging, total)


@deliveries.route("/<string:delivery_id>")
class Delivery(MethodView):
    @deliveries.response(200, schemas.DeliveryWithAttempts)
    @requires("delivery.read")
    def get(self, delivery_id: str) -> Mapping[str, Any]:
        """Get one delivery: what was sent, and every attempt."""
        return records.delivery("delivery.read", delivery_id)


@deliveries.route("/<string:delivery_id>/resend")
class Resend(MethodView):
    @deliveries.response(202, schemas.Queued)
    @deliveries.doc(parameters=[IDEMPOTENCY_KEY])
    @requires("delivery.resend")
    def post(self, delivery_id: str) -> dict[str, Any]:
        """Send a message again, now, with the same message id. Its schedule begins anew."""
        records.delivery("delivery.resend", delivery_id)
        with records.refusals():
            try:
                actions.resend(current_foundation(), current_actor(), delivery_id, _command())
            except actions.Missing:
                raise Problem(409, "subscription_deleted") from None
        return {"delivery_id": delivery_id}
