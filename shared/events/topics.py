"""Creates the topics at the first start and checks them at every other.

A topic that differs from topics.yaml refuses the start and says what differs: keys would move, or events be dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError
from kafka.protocol.consumer.offsets import OffsetSpec

from shared.broker import connection, why
from shared.settings import Settings

ADMIN_TIMEOUT_MS = 10_000


class TopicMismatch(Exception):
    """A topic is not as topics.yaml says. The message names the topic, what was expected and what was found."""


class BrokerUnavailable(Exception):
    """No Kafka answers at the address that the settings name, or it refuses us: the message says which of the two."""

    @classmethod
    def because(cls, error: KafkaError, settings: Settings) -> BrokerUnavailable:
        """What `error` means, in words for an operator."""
        if what := why(error).get("refused"):
            return cls(f"Kafka refuses the user {settings.kafka_user}: {what}")
        return cls(f"Kafka did not answer: {type(error).__name__}")


@dataclass(frozen=True)
class Topic:
    """One topic: its name (without the settings' prefix), the service that writes it, its partitions, its key."""

    name: str
    owner: str
    partitions: int
    key: str


@cache
def _file() -> Mapping[str, Any]:
    content: Mapping[str, Any] = yaml.safe_load(resources.files(__package__).joinpath("topics.yaml").read_text())
    return content


def topics() -> list[Topic]:
    """Every topic of topics.yaml."""
    return [Topic(**entry) for entry in _file()["topics"]]


def topic_of(service: str) -> Topic | None:
    """The topic that a service writes; None if it writes none."""
    return next((topic for topic in topics() if topic.owner == service), None)


def admin(settings: Settings) -> KafkaAdminClient:
    """An admin client. Raises BrokerUnavailable if no broker answers within some seconds."""
    try:
        return KafkaAdminClient(
            **connection(settings),
            bootstrap_timeout_ms=ADMIN_TIMEOUT_MS,
            request_timeout_ms=ADMIN_TIMEOUT_MS,
            client_id=f"rujukan-{settings.service}",
        )
    except KafkaError as error:
        raise nowhere(settings) from error


def nowhere(settings: Settings) -> BrokerUnavailable:
    """When no client can be made. (kafka-python tries again where a password is wrong, and says only that it timed
    out; its own line in the log has the kind of the error.)
    """
    addresses = ", ".join(settings.kafka_bootstrap)
    asks = settings.kafka_security != "PLAINTEXT"
    also = f", or it does not take the password of its user {settings.kafka_user}" if asks else ""
    return BrokerUnavailable(f"no Kafka answers at {addresses}{also}")


def ensure(settings: Settings) -> list[str]:
    """Creates what is missing and checks what is there. Returns the names created.

    Raises TopicMismatch, BrokerUnavailable.
    """
    client = admin(settings)
    try:
        present = set(client.list_topics())
        missing = [topic for topic in topics() if settings.prefix + topic.name not in present]
        if missing:
            _create(client, settings, missing)
        _check(client, settings)
    except KafkaError as error:
        raise BrokerUnavailable.because(error, settings) from error
    finally:
        client.close()
    return [topic.name for topic in missing]


def _create(client: KafkaAdminClient, settings: Settings, missing: list[Topic]) -> None:
    configs = dict(_file()["settings"])
    configs["min.insync.replicas"] = str(_file()["min_insync_replicas"][settings.environment])
    replication = _file()["replication_factor"][settings.environment]
    wanted = {
        settings.prefix + topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": replication,
            "configs": configs,
        }
        for topic in missing
    }
    with suppress(TopicAlreadyExistsError):  # another process was first; the check that follows decides
        client.create_topics(wanted, timeout_ms=ADMIN_TIMEOUT_MS)
    client.wait_for_topics(list(wanted), timeout_ms=ADMIN_TIMEOUT_MS)


def _check(client: KafkaAdminClient, settings: Settings) -> None:
    names = {settings.prefix + topic.name: topic for topic in topics()}
    for described in client.describe_topics(list(names)):
        topic = names[described["name"]]
        partitions = len(described["partitions"])
        if partitions != topic.partitions:
            raise TopicMismatch(
                f"topic {described['name']}: expected {topic.partitions} partitions, found {partitions}"
            )
    resources_ = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    for name, found in _configs(client, resources_).items():
        for key in ("retention.ms", "cleanup.policy"):
            wanted = str(_file()["settings"][key])
            if found.get(key) != wanted:
                raise TopicMismatch(f"topic {name}: expected {key}={wanted}, found {found.get(key)}")


def _configs(client: KafkaAdminClient, wanted: list[ConfigResource]) -> dict[str, dict[str, str]]:
    answer = client.describe_configs(wanted, config_filter="all")
    return {
        name: {key: str(entry["value"]) for key, entry in entries.items()}
        for by_name in answer.values()
        for name, entries in by_name.items()
    }


def described(client: KafkaAdminClient, names: list[str]) -> list[Mapping[str, Any]]:
    """What Kafka tells of these topics: `name`, `topic_id`, `partitions`. Raises KafkaError, also for a refusal, which
    kafka-python returns as a topic without partitions.
    """
    found: list[Mapping[str, Any]] = client.describe_topics(names)
    if closed := {topic["name"] for topic in found if topic["error_code"] == TopicAuthorizationFailedError.errno}:
        raise TopicAuthorizationFailedError(closed)
    return found


def topic_ids(client: KafkaAdminClient, names: list[str]) -> dict[str, str]:
    """The id that each topic was given when it was created: a recreated topic has another. Raises KafkaError."""
    return {topic["name"]: str(topic["topic_id"]) for topic in described(client, names)}


def ends(client: KafkaAdminClient, names: list[str], timeout_ms: int = ADMIN_TIMEOUT_MS) -> dict[str, int]:
    """`topic:partition` -> the offset behind its last record. Raises KafkaError."""
    partitions = [
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in described(client, names)
        for partition in topic["partitions"]
    ]
    found = client.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST), timeout_ms=timeout_ms)
    return {f"{each.topic}:{each.partition}": answer.offset for each, answer in found.items()}
