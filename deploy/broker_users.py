"""The users of Kafka: one per service, each with the least that it needs.

A service writes its own topic and reads those whose events it handles, as the one member of its own group. Nobody has
a transactional id, for none is used, and none may make, change or remove a topic. The rights follow from topics.yaml
and from each service's `handlers.TOPICS`; what a user has beside them is taken away. The containers' init job makes
them by this one function. It starts no server and knows no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialUpsertion,
)

from deploy import processes
from shared.broker import MECHANISM
from shared.events.topics import topic_of
from shared.settings import SERVICES
from shared.worker.worker import group_of

ADMINISTRATOR = "root"
ITERATIONS = 4096
"""The least that Kafka takes. The passwords are random numbers, which no table holds."""
ANYWHERE = "*"


class NotGiven(Exception):
    """Kafka made a user or a right not. The message names it."""


def ensure(client: KafkaAdminClient, passwords: Mapping[str, str], prefix: str = "") -> None:
    """Makes or updates the users named in `passwords` (service -> password), with just the rights on what has `prefix`.

    The client must be an administrator's. Raises NotGiven, KafkaError.
    """
    users = {service: passwords[service] for service in SERVICES if service in passwords}
    made = client.alter_user_scram_credentials(
        [UserScramCredentialUpsertion(name, MECHANISM, password, ITERATIONS) for name, password in users.items()]
    )
    if failed := sorted(name for name, error in made.items() if error):
        raise NotGiven(f"Kafka did not make the users {', '.join(failed)}")
    for service in users:
        _set(client, service, rights_of(service, prefix))


def rights_of(service: str, prefix: str = "") -> set[ACL]:
    """What the user of `service` may do. (Who may write or read a topic may also ask how it is.)"""
    own, consumed = topic_of(service), processes.consumed(service)
    rights = {(ResourceType.TOPIC, prefix + topic, ACLOperation.READ) for topic in consumed}
    if own is not None:
        rights.add((ResourceType.TOPIC, prefix + own.name, ACLOperation.WRITE))
    if consumed:
        rights.add((ResourceType.GROUP, group_of(prefix, service), ACLOperation.READ))
    return {
        ACL(principal(service), ANYWHERE, operation, ACLPermissionType.ALLOW, ResourcePattern(kind, name))
        for kind, name, operation in rights
    }


def principal(service: str) -> str:
    """The service's user as Kafka names it in its rights."""
    return f"User:{service}"


def _set(client: KafkaAdminClient, service: str, wanted: set[ACL]) -> None:
    found, _ = client.describe_acls(everything_of(service))
    done = client.create_acls(sorted(wanted - set(found), key=repr)) if wanted - set(found) else {"failed": []}
    if done["failed"]:
        raise NotGiven(f"Kafka did not give {service} its rights: {done['failed'][0].__name__}")
    for _, _, error in client.delete_acls(exactly(set(found) - wanted)) if set(found) - wanted else ():
        if error.errno:
            raise NotGiven(f"Kafka did not take a right from {service}: {error.__name__}")


def everything_of(service: str) -> ACLFilter:
    """Finds every right of the service's user."""
    anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    return ACLFilter(principal(service), None, ACLOperation.ANY, ACLPermissionType.ANY, anything)


def exactly(acls: Iterable[ACL]) -> list[ACLFilter]:
    """Finds just these rights, to take them away."""
    return [
        ACLFilter(
            acl.principal,
            acl.host,
            acl.operation,
            acl.permission_type,
            ResourcePatternFilter(
                acl.resource_pattern.resource_type,
                acl.resource_pattern.resource_name,
                acl.resource_pattern.pattern_type,
            ),
        )
        for acl in acls
    ]
