"""Connections to MongoDB with the guarantees that the journal relies on.

Every write is acknowledged by a majority and journaled; reads inside units of work see majority-committed data. Waiting
is bounded: a database out of reach is an `Unavailable` within seconds, never a request that hangs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared.settings import Settings

Document = dict[str, object]

SELECTION_TIMEOUT_MS = 3_000
CONNECT_TIMEOUT_MS = 2_000
SOCKET_TIMEOUT_MS = 20_000
POOL_SIZE = 50
SURE_MS = 5_000
"""For a majority to confirm what the primary has, when something was not found at once."""


class Unavailable(Exception):
    """The database, or what holds the vault's key, is out of reach for now. The caller may try again after
    `retry_after` seconds."""

    def __init__(self, retry_after: int = 5) -> None:
        super().__init__("the database is out of reach")
        self.retry_after = retry_after


def client(settings: Settings) -> MongoClient:
    """A client for the settings' own user. It connects lazily: making one does not need a running database."""
    credentials: dict[str, Any] = {}
    if settings.mongodb_password is not None:
        credentials = {
            "username": settings.mongodb_user,
            "password": settings.mongodb_password,
            "authSource": "admin",
        }
    return MongoClient(
        settings.mongodb_uri,
        appname=f"rujukan-{settings.service}",
        serverSelectionTimeoutMS=SELECTION_TIMEOUT_MS,
        connectTimeoutMS=CONNECT_TIMEOUT_MS,
        socketTimeoutMS=SOCKET_TIMEOUT_MS,
        maxPoolSize=POOL_SIZE,
        waitQueueTimeoutMS=SELECTION_TIMEOUT_MS,
        retryWrites=True,
        tz_aware=True,
        tzinfo=UTC,
        **credentials,
    )


class CachedDatabase(Database):
    """The driver's, which makes a new collection each time one is named: a tenth of the time of a registration."""

    def __getitem__(self, name: str) -> Collection:
        known: dict[str, Collection] = self.__dict__.setdefault("_known", {})
        found = known.get(name)
        if found is None:
            found = known[name] = super().__getitem__(name)
        return found


def database(mongo: MongoClient, name: str) -> Database:
    """The named database with majority, journaled writes and aware UTC datetimes."""
    return CachedDatabase(
        mongo,
        name,
        codec_options=CodecOptions(tz_aware=True, tzinfo=UTC),
        write_concern=WriteConcern("majority", j=True, wtimeout=10_000),
        read_concern=ReadConcern("majority"),
    )


def find_surely(collection: Collection, wanted: Mapping[str, Any], projection: Any = None) -> dict[str, Any] | None:
    """The one document that is wanted; None only if there is none that anybody was told of.

    What a majority has acknowledged can be missing for a moment from what a primary that was just elected knows to be a
    majority's, and longer from one that was cut off and does not know it yet. So what is not found is asked for again
    in a way that only a primary with a majority behind it can answer. Raises Unavailable where there is none.
    """
    with reachable():
        found = collection.find_one(wanted, projection)
        if found is not None:
            return found
        sure = collection.with_options(read_concern=ReadConcern("linearizable"))
        return sure.find_one(wanted, projection, max_time_ms=SURE_MS)


NO_PRIMARY_YET = (
    211,  # KeyNotFound: a node that was just elected or started does not know the key of the cluster's time yet
    11600,  # InterruptedAtShutdown
    11602,  # InterruptedDueToReplStateChange
)
"""Codes of MongoDB's own answers that pass by themselves. The driver turns most such answers into AutoReconnect."""

UNREACHABLE = (ServerSelectionTimeoutError, NetworkTimeout, AutoReconnect, ConnectionFailure, ExecutionTimeout)


def is_unreachable(error: PyMongoError) -> bool:
    """Whether the error says that the database was out of reach, or has no primary for now."""
    return isinstance(error, UNREACHABLE) or (isinstance(error, OperationFailure) and error.code in NO_PRIMARY_YET)


@contextmanager
def reachable() -> Iterator[None]:
    """Turns the driver's errors about a database out of reach into Unavailable; others pass unchanged.

    The driver's text is dropped: it may quote values.
    """
    try:
        yield
    except PyMongoError as error:
        if is_unreachable(error):
            raise Unavailable from None
        raise
