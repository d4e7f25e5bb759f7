"""What an operator asks of a service: how it stands, what travels, and to publish its journal once more.

Parked events are in shared.worker.operations. Nothing here opens an identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from shared import relay
from shared.broker import why
from shared.events import DecodeError, Event, Message, decode
from shared.events.topics import BrokerUnavailable, admin, described, ends, topic_of, topics
from shared.foundation import Foundation
from shared.journal.unit import JOURNAL
from shared.relay import lease
from shared.settings import Settings
from shared.worker import generations, parking, positions
from shared.worker.consumer import onlooker

POLL_MS = 500


def service_status(foundation: Foundation, consumed: Iterable[str] = ()) -> dict[str, Any]:
    """How a service stands. `consumed` are the topics that it reads (without the settings' prefix).

    Keys: `unpublished` (entries), `oldest_unpublished_seconds` (None: nothing waits), `relay` (who leads, None:
    nobody, or it writes no topic), `parked` (events), `lag` (events not read yet; None: Kafka does not answer, or it
    reads no topic), `refused` (what Kafka does not let it read, else None). Raises pymongo's errors if the database
    is out of reach.
    """
    database = foundation.database
    publishes = topic_of(foundation.settings.service) is not None
    oldest = (
        database[JOURNAL].find_one({"pending": True}, {"recorded_at": 1}, sort=[("sequence", 1)]) if publishes else None
    )
    leader = lease.leader(database, relay.LEASE) if publishes else None
    waiting = database[JOURNAL].count_documents({"pending": True}, hint="pending") if oldest else 0
    names = [foundation.settings.prefix + name for name in consumed]
    behind, refused = lag(foundation, names) if names else (None, None)
    return {
        "unpublished": waiting if publishes else None,
        "oldest_unpublished_seconds": _age(oldest["recorded_at"]) if oldest else None,
        "relay": leader["holder"] if leader else None,
        "parked": generations.live(database)[parking.PARKED].estimated_document_count(),
        "lag": behind,
        "refused": refused,
    }


def lag(foundation: Foundation, names: Iterable[str]) -> tuple[int | None, str | None]:
    """How many events of the topics the service has not read yet, None if Kafka does not answer; what it refuses."""
    live = generations.live(foundation.database)
    stored = {entry["_id"]: int(entry["offset"]) for entry in live[positions.POSITIONS].find()}
    try:
        with admin(foundation.settings) as client:
            found = ends(client, list(names))
    except (KafkaError, BrokerUnavailable) as error:
        return None, why(error).get("refused")
    return sum(max(0, end - stored.get(name, 0)) for name, end in found.items()), None


def tail(
    settings: Settings, names: Iterable[str], from_start: bool = False, until_end: bool = False
) -> Iterator[Event | DecodeError]:
    """The events of the topics as they come; from the first with `from_start`, and with `until_end` up to the last
    that is there now, else without end. A message that is no event of ours comes as its error.

    Joins no group and moves no position. Raises BrokerUnavailable, also where the settings' user may not read them.
    """
    topics_ = [settings.prefix + name for name in names]
    try:
        with admin(settings) as asking:
            described(asking, topics_)
        yield from _tail(settings, topics_, from_start, until_end)
    except KafkaError as error:
        raise BrokerUnavailable.because(error, settings) from error


def _tail(settings: Settings, names: list[str], from_start: bool, until_end: bool) -> Iterator[Event | DecodeError]:
    client = onlooker(settings, "operator", request_timeout_ms=10_000)
    try:
        partitions = _partitions(client, names)
        client.assign(partitions)
        (client.seek_to_beginning if from_start else client.seek_to_end)(*partitions)
        last = client.end_offsets(partitions) if until_end else None
        while last is None or any(client.position(partition) < end for partition, end in last.items()):
            for batch in client.poll(timeout_ms=POLL_MS).values():
                yield from (_event(record) for record in batch)
    finally:
        client.close()


def _event(record: Any) -> Event | DecodeError:
    try:
        return decode(Message(record.key, record.value, list(record.headers)))
    except DecodeError as error:
        return error


def _partitions(client: KafkaConsumer, names: Iterable[str]) -> list[TopicPartition]:
    return [
        TopicPartition(name, number) for name in names for number in sorted(client.partitions_for_topic(name) or ())
    ]


def all_topics() -> list[str]:
    """The names of all topics, without a prefix."""
    return [topic.name for topic in topics()]


def republish(foundation: Foundation) -> int:
    """Has the relay publish the whole journal once more, in order, as after a topic was lost. Returns how many entries.

    Readers have seen them: their versions say so, and nothing happens twice.
    """
    result = foundation.database[JOURNAL].update_many({"pending": {"$exists": False}}, {"$set": {"pending": True}})
    return int(result.modified_count)


def reachable_kafka(settings: Settings) -> bool:
    """Whether a broker answers."""
    try:
        admin(settings).close()
    except BrokerUnavailable:
        return False
    return True


def _age(moment: datetime) -> float:
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())
