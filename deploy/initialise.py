"""Prepares MongoDB and Kafka for the product: users, indexes, topics. Harmless to repeat.

`make up` and the containers' init job run it before any other process. It starts no server and loads no data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy import database_users, processes
from deploy.local.secrets import ROOT_PASSWORD, passwords
from shared import mongo, settings
from shared.access import audit
from shared.events import topics
from shared.settings import SERVICES, SettingsError

ALREADY_INITIALIZED, NOT_YET_INITIALIZED = 23, 94
"""MongoDB's error codes."""


def run(environ: Mapping[str, str], say: Callable[[str], None] = lambda _: None) -> None:
    """Users, indexes and topics, from the same variables as the services plus the administrator's password.

    Without that password the users are taken to be there, with what docs/operators.md says they need. Raises
    SettingsError, TopicMismatch, BrokerUnavailable, and pymongo's errors.
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
    say("topics")
    topics.ensure(settings.load("intake", environ))


def ensure_indexes(service: str, environ: Mapping[str, str]) -> None:
    """The indexes of the service's journal, of its worker and of its own collections."""
    from shared.worker import generations, parking

    base = processes.foundation(service, environ)
    base.journal.ensure_indexes()
    live = generations.live(base.database)
    parking.ensure_indexes(live)
    processes.module(service, "store").ensure_indexes(live)
    base.database.client.close()


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
    for name in [ROOT_PASSWORD, *(f"RUJUKAN_{service.upper()}_MONGODB_PASSWORD" for service in SERVICES)]:
        file = environ.get(f"{name}_FILE")
        if file and name not in found:
            with open(file) as lines:  # noqa: PTH123
                found[name] = lines.read().strip()
    return found
