"""The pure core of notifications: subscriptions, which event concerns whom, when to try again, what a message says.

Time, chance and ids come in as arguments. Nothing here knows Flask, Kafka, MongoDB or HTTP; a subscription's address
and secrets are not here either, for no decision needs them.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from shared.domain import codes
from shared.events import NewEvent
from shared.events.catalogue import REFERRAL_NEWS, SUBSCRIBABLE

# The type of a message that is sent only when a person asks for it, whatever the filter says.
TEST_MESSAGE = "subscription.test"

# The list of severities goes from grave to mild.
SEVERITIES = tuple(codes("severity"))
GRAVITY = {severity: -place for place, severity in enumerate(SEVERITIES)}
MILDEST = SEVERITIES[-1]

# Seconds to wait before each attempt (Standard Webhooks 1.0.0, "Deliverability and reliability"): ten attempts
# over three days and a few hours.
SCHEDULE = (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
# Up to a tenth is added, so that receivers that failed together are not tried together again.
JITTER = 0.1
LONGEST_WAIT = 24 * 3600

# After a rotation the old secret signs too, so that a receiver can change over without losing a message.
ROTATION = timedelta(hours=24)

# What a message may say about a case: ids and codes a receiver needs to act on. Everything else stays behind the link.
PAYLOAD_FIELDS = (
    "subscription_id",
    "case_id",
    "case_number",
    "kecamatan",
    "severity",
    "referral_id",
    "kind",
    "step",
    "deadline",
    "screening_due_at",
    "due_at",
    "on_time",
    "late",
    "demonstration",
)

# Why a subscription changed its state; the codes of the catalogue.
REQUESTED = "requested"
SCHEDULE_EXHAUSTED = "schedule_exhausted"
ENDPOINT_GONE = "endpoint_gone"
AGENCY_CLOSED = "agency_closed"
ACCOUNT_CLOSED = "account_closed"


# --- Subscriptions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filter:
    """What a subscriber wants to hear of: an empty tuple means everything, `minimum_severity` is the mildest wanted."""

    event_types: tuple[str, ...] = ()
    kecamatans: tuple[str, ...] = ()
    minimum_severity: str = MILDEST


@dataclass(frozen=True)
class Subscription:
    """One agency's wish to be told. `version` is the version of its stream."""

    id: str
    agency_id: str
    filter: Filter
    enabled: bool
    disabled_reason: str | None
    version: int


@dataclass(frozen=True)
class Create:
    """Begin a subscription; it starts enabled."""

    id: str
    agency_id: str
    filter: Filter


@dataclass(frozen=True)
class Change:
    """Replace the filter. `address_changed` says that the address, which is kept elsewhere, changes with it."""

    filter: Filter
    address_changed: bool


@dataclass(frozen=True)
class RotateSecret:
    """Put a new secret in force; the former one signs too for the time of ROTATION."""


@dataclass(frozen=True)
class Disable:
    """Stop sending, for one of the reasons above. What is due waits."""

    reason: str


@dataclass(frozen=True)
class Enable:
    """Start sending again, first of all what has waited."""


@dataclass(frozen=True)
class Delete:
    """End the subscription."""


Command = Create | Change | RotateSecret | Disable | Enable | Delete


def decide(subscription: Subscription | None, command: Command) -> list[NewEvent]:
    """The events a command leads to; none when it changes nothing. Raises ValueError for what cannot be meant."""
    if isinstance(command, Create):
        if subscription is not None:
            raise ValueError("the subscription exists already")
        return [NewEvent("subscription.created", {**_who(command), **_wishes(command.filter)})]
    if subscription is None:
        raise ValueError("there is no such subscription")
    who = _who(subscription)
    match command:
        case Change(filter=wanted, address_changed=changed):
            if wanted == subscription.filter and not changed:
                return []
            return [NewEvent("subscription.changed", {**who, **_wishes(wanted)})]
        case RotateSecret():
            return [NewEvent("subscription.secret_rotated", {**who, "reason": REQUESTED})]
        case Disable(reason=reason):
            if not subscription.enabled:
                return []
            return [NewEvent("subscription.disabled", {**who, "reason": reason})]
        case Enable():
            if subscription.enabled:
                return []
            return [NewEvent("subscription.enabled", {**who, "reason": REQUESTED})]
        case Delete():
            return [NewEvent("subscription.deleted", {**who, "reason": REQUESTED})]


def evolve(subscription: Subscription | None, event: NewEvent) -> Subscription | None:
    """The subscription after an event; None after its deletion."""
    data = event.data
    if event.type == "subscription.created":
        return Subscription(data["subscription_id"], data["agency_id"], _filter(data), True, None, 1)
    if subscription is None or event.type == "subscription.deleted":
        return None
    after = replace(subscription, version=subscription.version + 1)
    if event.type == "subscription.changed":
        return replace(after, filter=_filter(data))
    if event.type == "subscription.disabled":
        return replace(after, enabled=False, disabled_reason=data["reason"])
    if event.type == "subscription.enabled":
        return replace(after, enabled=True, disabled_reason=None)
    return after


def _who(about: Create | Subscription) -> dict[str, Any]:
    return {"subscription_id": about.id, "agency_id": about.agency_id}


def _wishes(wanted: Filter) -> dict[str, Any]:
    return {
        "event_types": list(wanted.event_types),
        "kecamatans": list(wanted.kecamatans),
        "minimum_severity": wanted.minimum_severity,
    }


def _filter(data: Mapping[str, Any]) -> Filter:
    return Filter(tuple(data["event_types"]), tuple(data["kecamatans"]), data["minimum_severity"])


# --- Which event concerns whom ---------------------------------------------------------------------------------------


def matches(wanted: Filter, event_type: str, facts: Mapping[str, Any], agency_id: str) -> bool:
    """Whether an event of `event_type` about a case with these facts is wanted by this agency.

    What is asked of an agency is told to that agency alone, from whatever place and however urgent.

    A fact that is not known (`kecamatan` or `severity` missing) never silences a message: better one message too many
    than a child nobody was told of.
    """
    if event_type not in (wanted.event_types or SUBSCRIBABLE):
        return False
    if event_type in REFERRAL_NEWS:
        return facts.get("agency_id") == agency_id
    kecamatan = facts.get("kecamatan")
    if wanted.kecamatans and kecamatan is not None and kecamatan not in wanted.kecamatans:
        return False
    severity = facts.get("severity")
    return severity not in GRAVITY or GRAVITY[severity] >= GRAVITY[wanted.minimum_severity]


def payload(
    event_type: str, occurred_at: datetime, sequence: int, facts: Mapping[str, Any], link: str
) -> dict[str, Any]:
    """The message: `type`, `timestamp` (UTC), `sequence` (the version of the case's stream, so that a receiver can put
    messages in order), `link`, and `data` with ids and codes only."""
    return {
        "type": event_type,
        "timestamp": _written(occurred_at),
        "sequence": sequence,
        "link": link,
        "data": {name: _written(facts[name]) for name in PAYLOAD_FIELDS if facts.get(name) is not None},
    }


def _written(value: Any) -> Any:
    """Moments in UTC with a Z, dates as they are, the rest unchanged."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


# --- What an answer means, and when to try again -------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What came of an attempt: a status, or the class of the error that prevented one. Latency in milliseconds,
    `retry_after` in seconds."""

    status: int | None
    error: str | None = None
    latency_ms: int = 0
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the receiver took the message: a 2xx and nothing else."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver asks never to be called again."""
        return self.status == 410


def wait_before(attempt: int, chance: random.Random, schedule: tuple[int, ...] = SCHEDULE) -> float | None:
    """Seconds to wait before attempt number `attempt` (from 1), with jitter; None when there is no such attempt."""
    if attempt > len(schedule):
        return None
    return schedule[attempt - 1] * (1 + JITTER * chance.random())


def wait_after(
    answer: Answer, attempts: int, chance: random.Random, schedule: tuple[int, ...] = SCHEDULE
) -> float | None:
    """Seconds until the next try after `attempts` failed ones; None when no further try is due.

    A receiver that says when to come back (429 or 503 with Retry-After) is taken at its word, up to a day.
    """
    if answer.ok or answer.gone:
        return None
    wait = wait_before(attempts + 1, chance, schedule)
    if wait is None:
        return None
    return max(wait, quiet_for(answer))


def quiet_for(answer: Answer) -> float:
    """Seconds for which a receiver asked not to be called at all; 0 when it did not ask."""
    if answer.status not in (429, 503) or answer.retry_after is None:
        return 0.0
    return min(max(answer.retry_after, 0.0), float(LONGEST_WAIT))


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """A Retry-After header (RFC 9110 section 10.2.3: seconds or a date) as seconds from `now`; None if unusable."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)
