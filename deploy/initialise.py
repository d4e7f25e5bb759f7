"""Prepares MongoDB and Kafka for the product: users, rights, indexes, topics. Harmless to repeat.

`make up` and the containers' init job run it before any other process. It starts no server and loads no data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy import broker_users, database_users, processes
from deploy.local.secrets import (
    KAFKA_ROOT_PASSWORD,
    KAFKA_ROOT_USER,
    ROOT_PASSWORD,
    kafka_password_variable,
    kafka_passwords,
    password_variable,
    passwords,
)
from shared import mongo, settings
from shared.access import audit
from shared.events import topics
from shared.settings import SERVICES, Settings, SettingsError

ALREADY_INITIALIZED, NOT_YET_INITIALIZED = 23, 94
"""MongoDB's error codes."""


def run(environ: Mapping[str, str], say: Callable[[str], None] = lambda _: None) -> None:
    """Users, indexes and topics, from the same variables as the services plus the administrator's password.

    Without that password the users are taken to be there, with what docs/operators.md says they need. Kafka's users are
    made if their passwords are given. Raises SettingsError, TopicMismatch, BrokerUnavailable, NotGiven, and pymongo's
    errors.
    """
    root_password = environ.get(ROOT_PASSWORD)
    if root_password:
        say("database users")
        with administrator(environ, root_password) as client:
            prefix = environ.get("RUJUKAN_PREFIX", "")
            database_users.ensure(client, passwords(environ), prefix)
            audit.ensure_indexes(mongo.database(client, prefix + database_users.AUDIT))
    say("indexes")
    for service in SERVICES:
        ensure_indexes(service, environ)
    prepare_kafka(environ, say)


def prepare_kafka(environ: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Topics, and if passwords for them are given the users with their rights. Raises as `run`."""
    administrators = kafka_administrator(environ)
    say("topics")
    topics.ensure(administrators)
    if kafka_passwords(environ):
        say("users of Kafka and their rights")
        with topics.admin(administrators) as client:
            broker_users.ensure(client, kafka_passwords(environ), administrators.prefix)


def ensure_indexes(service: str, environ: Mapping[str, str]) -> None:
    """The indexes of the service's journal, of its worker and of its own collections."""
    from shared.vault import finder
    from shared.worker import generations, parking

    base = processes.foundation(service, environ)
    base.journal.ensure_indexes()
    live = generations.live(base.database)
    parking.ensure_indexes(live)
    processes.module(service, "store").ensure_indexes(live)
    if base.vault is not None:
        finder.ensure_indexes(base.vault.database)
    base.database.client.close()


def kafka_administrator(environ: Mapping[str, str]) -> Settings:
    """Settings with which a client of Kafka may make topics, users and rights.

    Where Kafka asks who comes, that is another user than a service's. Where it does not, whoever reaches it may: in
    containers that is its loopback address, in local mode the whole of it.
    """
    if environ.get("KAFKA_SECURITY", "PLAINTEXT") == "PLAINTEXT":
        return settings.load("intake", environ)
    if not environ.get(KAFKA_ROOT_PASSWORD):
        raise SettingsError(f"{KAFKA_ROOT_PASSWORD} is not set: no service's user may make Kafka's topics and rights")
    asked = settings.load("intake", {**environ, kafka_password_variable("intake"): environ[KAFKA_ROOT_PASSWORD]})
    return replace(asked, kafka_user=environ.get(KAFKA_ROOT_USER, broker_users.ADMINISTRATOR))


def administrator(environ: Mapping[str, str], password: str) -> MongoClient[dict[str, Any]]:
    """A client with all rights, at the address that the services use. The caller closes it."""
    uri = environ.get("MONGODB_URI")
    if not uri:
        raise SettingsError("MONGODB_URI is not set")
    user = environ.get("RUJUKAN_ROOT_MONGODB_USER", database_users.ADMINISTRATOR)
    return MongoClient(uri, username=user, password=password, authSource="admin", serverSelectionTimeoutMS=20_000)


def initiate_replica_set(environ: Mapping[str, str], member: str) -> bool:
    """Makes a replica set of the one node `member` (host:port), unless it is one; True if it was made. Containers need
    it: their mongod starts with an administrator, but without a configuration of its replica set.
    """
    password = environ.get(ROOT_PASSWORD)
    if not password:
        raise SettingsError(f"{ROOT_PASSWORD} is not set")
    host, port = member.rsplit(":", 1)
    user = environ.get("RUJUKAN_ROOT_MONGODB_USER", database_users.ADMINISTRATOR)
    client: MongoClient[dict[str, Any]]
    with MongoClient(host, int(port), username=user, password=password, directConnection=True) as client:
        try:
            client.admin.command("replSetGetStatus")
            return False
        except OperationFailure as error:
            if error.code != NOT_YET_INITIALIZED:
                raise
        try:
            client.admin.command("replSetInitiate", {"_id": "rujukan", "members": [{"_id": 0, "host": member}]})
        except OperationFailure as error:
            if error.code != ALREADY_INITIALIZED:
                raise
            return False
        return True


def environment_with_files(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`environ` with every NAME_FILE variable of a password also read into NAME, as containers hand secrets over."""
    found = dict(environ)
    of_services = [name(service) for service in SERVICES for name in (password_variable, kafka_password_variable)]
    for name in [ROOT_PASSWORD, KAFKA_ROOT_PASSWORD, *of_services]:
        file = environ.get(f"{name}_FILE")
        if file and name not in found:
            with open(file) as lines:  # noqa: PTH123
                found[name] = lines.read().strip()
    return found
