"""The real mongod and the real Kafka for tests, started by the same code as `make up` uses.

Each lives in a directory of its own on free ports, and ends with the test run, also when that is killed with SIGKILL.
Tests may kill, pause and start them again; whoever does so puts things back.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pymongo

from deploy import database_users
from deploy.local import kafka, leash, mongod, secrets
from deploy.local.ports import LOOPBACK, free_port, wait_until


class Server:
    """One process that can be killed, paused and started again on the same data."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None

    def _run(self, command: list[str], environ: dict[str, str] | None = None) -> None:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                leash.command(command),
                env=leash.environment({**os.environ, **(environ or {})}),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL: no goodbye. Returns when the process is gone."""
        self._signal(signal.SIGKILL)
        self._wait(10)

    def stop_signal(self) -> None:
        """SIGTERM, as an orderly stop; returns when the process is gone (SIGKILL after 20 s)."""
        self._signal(signal.SIGTERM)
        try:
            self._wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nobody answers. Returns when every thread stands still: on a busy machine
        one may still carry out a command after the signal was sent."""
        self._signal(signal.SIGSTOP)
        if self.process is not None and self.process.poll() is None:
            threads = Path(f"/proc/{self.process.pid}/task")
            wait_until(lambda: all(_stands_still(each) for each in threads.iterdir()), 30, "the signal", pause=0.01)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def _wait(self, seconds: float) -> None:
        if self.process is not None:
            self.process.wait(seconds)


def _stands_still(thread: Path) -> bool:
    try:
        return (thread / "stat").read_text().rpartition(")")[2].split()[0] in "TtZX"
    except (FileNotFoundError, ProcessLookupError):
        return True  # it has ended


class Mongo(Server):
    """A one-node replica set with authentication and a user for every service."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port = free_port()
        self.uri = mongod.uri(self.port)
        self._secrets = secrets.ensure(directory / "state")
        self._granted: set[str] = set()
        self._client: pymongo.MongoClient[dict[str, Any]] | None = None

    def start(self) -> Mongo:
        """Starts it, also again after a kill, and returns when it takes writes."""
        self._run(mongod.prepare(self.directory, self.port))
        mongod.wait_until_primary(self.port, self.root_password, lambda: self.alive)
        return self

    def client(self) -> pymongo.MongoClient[dict[str, Any]]:
        """One shared client with all rights. Tests look with it; the product never has it."""
        if self._client is None:
            self._client = mongod.administrator(self.port, self.root_password, tz_aware=True)
        return self._client

    def settings_environ(self, service: str, prefix: str, **more: str) -> dict[str, str]:
        """The environment from which `shared.settings.load(service, ...)` makes this service's settings in local mode.

        `prefix` (for instance from the fixture of that name) keeps databases and topics of tests apart; the service's
        user gets its rights on them here. Kafka's address, if needed, comes by `KAFKA_BOOTSTRAP_SERVERS=...`.
        """
        if prefix not in self._granted:
            database_users.ensure(self.client(), secrets.passwords(self._secrets), prefix)
            self._granted.add(prefix)
        upper = service.upper()
        names = (secrets.password_variable(service), f"RUJUKAN_{upper}_SECRET_KEY")
        return {
            "RUJUKAN_ENVIRONMENT": "local",
            "RUJUKAN_BASE_URL": "http://localhost:8000",
            "RUJUKAN_PREFIX": prefix,
            "MONGODB_URI": self.uri,
            # Nothing listens there: a test that needs Kafka names the real one.
            "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:9",
            **{name: self._secrets[name] for name in names},
            **secrets.ensure_keys(self.directory / "state"),
            **more,
        }

    @property
    def root_password(self) -> str:
        """The administrator's."""
        return self._secrets[secrets.ROOT_PASSWORD]


class Kafka(Server):
    """One broker in KRaft mode. It makes no topic by itself."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port, self._controller_port = free_port(), free_port()
        self.bootstrap = f"{LOOPBACK}:{self.port}"

    def start(self) -> Kafka:
        """Starts it, also again after a kill, and returns when it answers."""
        kafka.fetch()
        self._run(kafka.prepare(self.directory, self.port, self._controller_port))
        kafka.wait_until_ready(self.port, lambda: self.alive)
        return self
