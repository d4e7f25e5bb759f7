"""What crosses the wire of notifications' JSON API. Unknown fields are refused, so nobody sets what is not theirs.

A schema checks form. Whether an address may be called is decided in guard.py, whether a change is allowed in model.py.
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from services.notifications.guard import MAX_URL_LENGTH
from services.notifications.model import MILDEST, SEVERITIES
from services.notifications.store import DELIVERY_STATES
from shared.domain import kecamatans
from shared.events.catalogue import SUBSCRIBABLE
from shared.web.fields import StrictBoolean
from shared.web.language import N_
from shared.web.paging import Paged


def _id_of(kind: str) -> list[validate.Validator]:
    """The form of an id, anchored as OpenAPI's patterns are; the length keeps out a line break at the end."""
    message = N_("Not a valid id.")
    length = len(kind) + 33
    return [
        validate.Regexp(rf"^{kind}-[0-9a-f]{{32}}$", error=message),
        validate.Length(equal=length, error=message),
    ]


def _each_once(values: list[str]) -> None:
    if len(set(values)) != len(values):
        raise ValidationError(N_("Name each one once."))


def _event_types(**options: Any) -> fields.List[Any]:
    one = fields.String(validate=validate.OneOf(SUBSCRIBABLE))
    return fields.List(one, validate=_each_once, metadata={"description": "Empty: all."}, **options)


def _kecamatans(**options: Any) -> fields.List[Any]:
    one = fields.String(validate=validate.OneOf(list(kecamatans())))
    return fields.List(one, validate=_each_once, metadata={"description": "Codes; empty: all."}, **options)


def _severity(**options: Any) -> fields.String:
    return fields.String(validate=validate.OneOf(SEVERITIES), **options)


def _url(**options: Any) -> fields.String:
    return fields.String(
        validate=validate.Length(min=1, max=MAX_URL_LENGTH),
        metadata={"description": "HTTPS, on the public internet."},
        **options,
    )


class NewSubscription(Schema):
    """Where to send what. `agency_id` is only for those who look after other agencies; else it is one's own."""

    agency_id = fields.String(validate=_id_of("agency"))
    url = _url(required=True)
    event_types = _event_types(load_default=list)
    kecamatans = _kecamatans(load_default=list)
    minimum_severity = _severity(load_default=MILDEST)


class SubscriptionChange(Schema):
    """What may change of a subscription; what is left out stays."""

    url = _url()
    event_types = _event_types()
    kecamatans = _kecamatans()
    minimum_severity = _severity()
    enabled = StrictBoolean()


class Subscription(Schema):
    """A subscription as it is shown. The signing secret is not here: it is shown once, when it is made."""

    id = fields.String(attribute="_id", required=True)
    version = fields.Integer(required=True)
    agency_id = fields.String(required=True)
    url = fields.String(required=True)
    event_types = fields.List(fields.String(), required=True)
    kecamatans = fields.List(fields.String(), required=True)
    minimum_severity = fields.String(required=True)
    enabled = fields.Boolean(required=True)
    disabled_reason = fields.String(required=True, allow_none=True)
    created_at = fields.AwareDateTime(required=True, format="iso")
    changed_at = fields.AwareDateTime(required=True, format="iso")


class CreatedSubscription(Subscription):
    """A new subscription with its signing secret, which is shown only now. Null if this repeats an earlier request."""

    secret = fields.String(required=True, allow_none=True)


class NewSecret(Schema):
    """A new signing secret, shown only now. The former one signs too until the given moment."""

    secret = fields.String(required=True)
    former_valid_until = fields.AwareDateTime(required=True, format="iso")


class Queued(Schema):
    """A message was put into the queue."""

    delivery_id = fields.String(required=True)


class Attempt(Schema):
    """One attempt to deliver. `outcome` is ok, failed, or unknown while it is under way or when its sender died."""

    number = fields.Integer(required=True)
    started_at = fields.AwareDateTime(required=True, format="iso")
    ended_at = fields.AwareDateTime(format="iso")
    outcome = fields.String(required=True)
    status = fields.Integer(allow_none=True)
    error = fields.String(allow_none=True)
    latency_ms = fields.Integer()


class Delivery(Schema):
    """One message to one subscription. Its id is the `webhook-id` of every attempt.

    `case_id` is null for a test message, and for who may not see cases.
    """

    id = fields.String(attribute="_id", required=True)
    subscription_id = fields.String(required=True)
    agency_id = fields.String(required=True)
    type = fields.String(required=True)
    event_id = fields.String(required=True, allow_none=True)
    case_id = fields.String(required=True, allow_none=True)
    state = fields.String(required=True)
    attempt_count = fields.Integer(required=True)
    next_attempt_at = fields.AwareDateTime(required=True, format="iso")
    created_at = fields.AwareDateTime(required=True, format="iso")
    concluded_at = fields.AwareDateTime(required=True, allow_none=True, format="iso")


class DeliveryWithAttempts(Delivery):
    """A delivery with what was sent (null for who may not see cases) and every attempt, oldest first."""

    payload = fields.Dict(required=True, allow_none=True)
    attempts = fields.List(fields.Nested(Attempt), required=True)


class SubscriptionPaging(Paged):
    """Paging through subscriptions, of one agency if given."""

    agency_id = fields.String(validate=_id_of("agency"))


class DeliveryPaging(Paged):
    """Paging through deliveries, of one subscription and in one state if given."""

    subscription_id = fields.String(validate=_id_of("subscription"))
    state = fields.String(validate=validate.OneOf(DELIVERY_STATES))
