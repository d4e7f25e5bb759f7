"""Three mongods as one replica set for the long run: killed, stopped, stepped down and cut off one at a time.

They are configured by the code of `deploy/local/mongod.py`; the product is told of them as of an existing MongoDB.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local import mongod, secrets
from deploy.local.ports import LOOPBACK, free_port, wait_until
from tests.support.servers import Server

RESTART_SECONDS = 1.0
STEPPED_DOWN_SECONDS = 10
BUSY = (103, 109, 308)
"""MongoDB's codes for a replica set that is not done with the change of its configuration before."""


class Member(Server):
    """One mongod of the set; started again when it dies, as a supervisor would."""

    def __init__(self, directory: Path, key: str) -> None:
        directory.mkdir(parents=True)
        super().__init__(directory)
        (directory / "replica-set.key").touch(mode=0o600)
        (directory / "replica-set.key").write_text(key)
        self.port = free_port()

    def start(self) -> None:
        self._run(mongod.prepare(self.directory, self.port))

    @property
    def pid(self) -> int:
        """Its process id; 0 while it is down."""
        return self.process.pid if self.alive and self.process is not None else 0


class Replicas:
    """A replica set of three under `directory`; `state` holds the secrets that the product will use."""

    def __init__(self, directory: Path, state: Path) -> None:
        self._secrets = secrets.ensure(state)
        key = "".join(f"{number:02x}" for number in range(16, 48))
        self.members = {f"mongo-{number}": Member(directory / f"mongo-{number}", key) for number in (1, 2, 3)}
        self._ended = threading.Event()

    def start(self) -> None:
        """Returns when the set has a primary and two secondaries. Raises NotReady."""
        for member in self.members.values():
            member.start()
        first, *others = self.members.values()
        mongod.wait_until_primary(first.port, self._password, lambda: first.alive)
        with mongod.administrator(first.port, self._password) as client:
            for number, member in enumerate(others, 1):
                wait_until(lambda n=number, m=member: _added(client, n, m), 60, "the replica set's configuration")
                wait_until(lambda n=number: self._healthy(client) > n, 60, "a member of the replica set")
        threading.Thread(target=self._supervise, daemon=True).start()

    def environ(self) -> dict[str, str]:
        """The variables by which the product is told of the set."""
        names = [name for name in self._secrets if name.endswith("_MONGODB_PASSWORD")]
        return {"MONGODB_URI": self.uri, **{name: self._secrets[name] for name in names}}

    @property
    def uri(self) -> str:
        hosts = ",".join(f"{LOOPBACK}:{member.port}" for member in self.members.values())
        return f"mongodb://{hosts}/?replicaSet={mongod.REPLICA_SET}"

    def primary(self) -> str | None:
        """The name of the primary; None while there is none."""
        for name, member in self.members.items():
            if self._hello(member).get("isWritablePrimary"):
                return name
        return None

    def step_down(self, name: str) -> bool:
        """Has a primary step down; False if it would not."""
        try:
            with mongod.administrator(self.members[name].port, self._password, socketTimeoutMS=15_000) as client:
                client.admin.command("replSetStepDown", STEPPED_DOWN_SECONDS, secondaryCatchUpPeriodSecs=3)
        except PyMongoError:
            return False
        return True

    def stop(self) -> None:
        """Ends all three."""
        self._ended.set()
        time.sleep(RESTART_SECONDS)
        for member in self.members.values():
            member.resume()
            member.stop_signal()

    def kill(self) -> None:
        """Ends all three at once. An orderly stop takes each of them a quarter of a minute."""
        self._ended.set()
        time.sleep(RESTART_SECONDS)
        for member in self.members.values():
            member.kill()

    def _supervise(self) -> None:
        while not self._ended.wait(RESTART_SECONDS):
            for member in self.members.values():
                if not member.alive and not self._ended.is_set():
                    member.start()

    def _healthy(self, client: pymongo.MongoClient[dict[str, Any]]) -> int:
        members = client.admin.command("replSetGetStatus")["members"]
        return sum(member["stateStr"] in ("PRIMARY", "SECONDARY") for member in members)

    def _hello(self, member: Member) -> Mapping[str, Any]:
        options: dict[str, Any] = {"directConnection": True, "serverSelectionTimeoutMS": 800, "socketTimeoutMS": 800}
        try:
            with pymongo.MongoClient(LOOPBACK, member.port, connectTimeoutMS=800, **options) as client:
                return dict(client.admin.command("hello"))
        except PyMongoError:
            return {}

    @property
    def _password(self) -> str:
        return self._secrets[secrets.ROOT_PASSWORD]


def _added(client: pymongo.MongoClient[dict[str, Any]], number: int, member: Member) -> bool:
    """Adds a member; False while the set is still busy with the one before."""
    configuration = client.admin.command("replSetGetConfig")["config"]
    configuration["members"].append({"_id": number, "host": f"{LOOPBACK}:{member.port}"})
    configuration["settings"]["electionTimeoutMillis"] = 4000
    configuration["version"] += 1
    try:
        client.admin.command("replSetReconfig", configuration)
    except OperationFailure as error:
        if error.code not in BUSY:
            raise
        return False
    return True
