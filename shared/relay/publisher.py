"""Sends journal entries to Kafka and tells which were acknowledged.

kafka-python's producer is set so that it cannot lose order or get stuck unseen: idempotent, all replicas, a delivery
time-out of hours (an expired batch wedges it for good), and a bound of our own on every wait. A send that failed or
was not answered means *unknown*, never *not sent*: only its own stream is held back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from shared.broker import connection, why
from shared.events import encode
from shared.settings import Settings
from shared.telemetry.logs import get_logger

# Less than a lease lasts, so that a leader knows the outcome, or gives up, while it still leads.
SEND_SECONDS = 4.0
DELIVERY_TIMEOUT_MS = 6 * 3_600_000
BOOTSTRAP_TIMEOUT_MS = 3_000

log = get_logger(__name__)


class Publisher:
    """One producer for one topic. Made in the process that uses it: a producer does not survive a fork."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._source = settings.service
        self._topic = settings.prefix + topic
        self._producer = KafkaProducer(
            **connection(settings),
            client_id=f"rujukan-relay-{settings.service}",
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            batch_size=65_536,
            delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
            request_timeout_ms=3_000,
            max_block_ms=int(SEND_SECONDS * 1_000),
            bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
            reconnect_backoff_max_ms=1_000,
        )

    def publish(self, entries: Sequence[Mapping[str, Any]]) -> list[str]:
        """Sends the entries in order and waits for the acknowledgements, SEND_SECONDS in all and one send more at most.

        Returns the ids acknowledged. An entry behind an unknown one of its stream does not count as acknowledged.
        """
        deadline = time.monotonic() + SEND_SECONDS
        sent: list[tuple[Mapping[str, Any], Any]] = []
        unknown = _Unknown()
        for entry in entries:
            if time.monotonic() >= deadline:
                break
            if entry["stream"] in unknown.streams:
                continue
            try:
                message = encode(self._source, entry)
                future = self._producer.send(self._topic, value=message.value, key=message.key, headers=message.headers)
            except KafkaError as error:
                unknown.add(entry, error)
                continue
            sent.append((entry, future))
        acknowledged = list(_acknowledged(sent, unknown, deadline))
        if unknown.first:
            log.warning("outcomes_unknown", entries=len(entries) - len(acknowledged), **unknown.first)
        return acknowledged

    def close(self, seconds: float = 2.0) -> None:
        """Lets go of the connections within `seconds`; what is still under way stays of unknown outcome."""
        try:
            self._producer.close(timeout=seconds)
        except KafkaError as error:
            # Raised here it would stand in the log in place of what ended the relay.
            log.warning("closed_with_sends_under_way", error=type(error).__name__)


class _Unknown:
    """The streams held back in a batch, and what held back the first: a batch says it in one line of the log."""

    def __init__(self) -> None:
        self.streams: set[str] = set()
        self.first: dict[str, str] = {}

    def add(self, entry: Mapping[str, Any], error: KafkaError) -> None:
        self.streams.add(entry["stream"])
        self.first = self.first or {
            "entry": entry["_id"],
            "stream": entry["stream"],
            **why(error),
        }


def _acknowledged(sent: Iterable[tuple[Mapping[str, Any], Any]], unknown: _Unknown, deadline: float) -> Iterable[str]:
    for entry, future in sent:
        if entry["stream"] in unknown.streams:
            continue
        try:
            # Past the deadline nothing more is waited for: what has its answer by then is told, the rest is unknown.
            future.get(timeout=max(0.0, deadline - time.monotonic()))
        except KafkaError as error:
            unknown.add(entry, error)
            continue
        yield entry["_id"]
