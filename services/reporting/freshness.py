"""How current the figures are: up to when they are whole, how many events are still to be counted.

The worker's positions are in our database; where the topics end is asked of Kafka, briefly and not at every request. If
Kafka does not answer, that is said, and pages are shown all the same. What a service has recorded and not yet published
is not known here. While a backlog is caught up with, live events are counted before it: no moment can be named then.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime

from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from pymongo.database import Database

from services.reporting import store
from services.reporting.handlers import TOPICS
from shared.broker import connection, why
from shared.events.topics import ends
from shared.foundation import Foundation
from shared.mongo import reachable
from shared.settings import Settings
from shared.telemetry.logs import get_logger
from shared.worker import generations, live, parking, positions

#: Seconds for which an answer of Kafka is used again, and that each step of asking may take.
GOOD_FOR, PATIENCE = 2.0, 1.0
#: Seconds for which a silent Kafka is not asked again.
SILENCE = 15.0

log = get_logger(__name__)


@dataclass(frozen=True)
class Freshness:
    """`as_of`: up to when every published event is counted (None: nothing was ever counted, or a backlog is caught up
    with). `last_event_at`: when the latest counted event was recorded. `events_behind`: how many are not yet counted in
    their turn, None if Kafka does not tell.
    `events_parked`: how many could not be counted and wait for an operator. `span`: first and last month with a count.
    """

    as_of: datetime | None
    last_event_at: datetime | None
    events_behind: int | None
    events_parked: int
    span: tuple[str, str] | None


def freshness(foundation: Foundation) -> Freshness:
    """How current counts are that are read after this call. Raises Unavailable."""
    asked_at, ends = _ends(foundation)

    def ask(database: Database[store.Document]) -> tuple[dict[str, int], int, tuple[str, str, datetime] | None]:
        reached = {entry["_id"]: entry["offset"] for entry in database[positions.POSITIONS].find()}
        span = store.span(database, foundation.settings.demonstration)
        return reached, database[parking.PARKED].count_documents({}), span

    with reachable():
        reached, parked, span = generations.read(foundation.database, ask)
    behind = None if ends is None else sum(max(0, end - reached.get(name, 0)) for name, end in ends.items())
    first, last, last_event_at = span or (None, None, None)
    return Freshness(
        as_of=_as_of(asked_at, last_event_at, behind),
        last_event_at=last_event_at,
        events_behind=behind,
        events_parked=parked,
        span=(first, last) if first and last else None,
    )


def _as_of(asked_at: datetime, last_event_at: datetime | None, behind: int | None) -> datetime | None:
    if behind == 0:
        return asked_at
    return None if behind is not None and behind > live.BEHIND else last_event_at


Ends = dict[str, int]
_lock = threading.Lock()
_known: dict[tuple[str, ...], tuple[float, datetime, Ends | None]] = {}


def _ends(foundation: Foundation) -> tuple[datetime, Ends | None]:
    """When Kafka was asked, and `topic:partition` -> the offset of the next event; None if it did not answer."""
    settings = foundation.settings
    key = (settings.prefix, *settings.kafka_bootstrap)
    # One request asks; the others wait for its answer rather than ask as well.
    with _lock:
        until, asked_at, ends = _known.get(key, (0.0, foundation.clock(), None))
        if time.monotonic() >= until:
            asked_at, ends = foundation.clock(), _ask(settings)
            _known[key] = (time.monotonic() + (GOOD_FOR if ends is not None else SILENCE), asked_at, ends)
        return asked_at, ends


def _ask(settings: Settings) -> Ends | None:
    milliseconds = int(PATIENCE * 1000)
    client = None
    try:
        client = KafkaAdminClient(
            **connection(settings),
            bootstrap_timeout_ms=milliseconds,
            request_timeout_ms=milliseconds,
            client_id=f"rujukan-{settings.service}-lag",
        )
        return ends(client, [settings.prefix + topic for topic in TOPICS], milliseconds)
    except (KafkaError, OSError, ValueError, KeyError) as error:
        log.warning("lag_unknown", **why(error))
        return None
    finally:
        if client is not None:
            client.close()
