"""Who is a member of a service's consumer group, and which partitions each has."""

from __future__ import annotations

from kafka.errors import CoordinatorNotAvailableError

from shared.events.topics import admin
from shared.settings import Settings
from shared.worker.worker import group_of

Members = dict[str, set[tuple[str, int]]]


def members(settings: Settings, service: str = "reporting") -> Members:
    """Member (its own name, or the one that Kafka gave it) -> the partitions that it has."""
    client = admin(settings)
    try:
        group = group_of(settings.prefix, service)
        described = client.describe_groups([group])[group]
    except CoordinatorNotAvailableError:
        return {}  # the first group of a new Kafka: it is still making the topic for groups
    finally:
        client.close()
    return {
        each["group_instance_id"] or each["member_id"]: {
            (topic["topic"], partition)
            for topic in (each["member_assignment"] or {}).get("assigned_partitions", ())
            for partition in topic["partitions"]
        }
        for each in described["members"]
    }
