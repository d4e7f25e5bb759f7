"""The whole product, started as a person starts it, for end-to-end tests and for measuring.

It runs `rujukan up` with a state directory and free ports of its own, beside whatever else runs here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pymongo
import urllib3
from urllib3.response import BaseHTTPResponse

from deploy.cli import status
from deploy.database_users import ADMINISTRATOR
from deploy.local import leash, mongod, secrets
from deploy.local.ports import wait_until
from deploy.local.state import ROOT, Running, State
from deploy.local.supervision import Supervision, client
from services.directory.seed import DEMONSTRATION_ACCOUNTS

RUJUKAN = str(ROOT / "rujukan")
REPORTS = 12
ACCOUNTS = {account.role: account for account in DEMONSTRATION_ACCOUNTS}


class Client:
    """Somebody who calls the API with a Bearer token, from signing in on."""

    def __init__(self, url: str, role: str) -> None:
        self.url = url
        self.pool = urllib3.PoolManager(timeout=urllib3.Timeout(20), retries=False, maxsize=32)
        account = ACCOUNTS[role]
        answer = self.call("POST", "/api/v1/sessions", {"email": account.email, "password": account.password})
        assert answer.status == 201, answer.data
        self.token = answer.json()["token"]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> BaseHTTPResponse:
        """One request; underscores in header names become hyphens."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token := getattr(self, "token", None):
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()
        return self.pool.request(method, self.url + path, body=content, headers=sent)

    def register(self, report: dict[str, Any], key: str | None = None) -> BaseHTTPResponse:
        """Sends a report."""
        return self.call("POST", "/api/v1/reports", report, Idempotency_Key=key or str(uuid.uuid4()))

    def cases_of(self, report_id: str) -> list[dict[str, Any]]:
        """The cases of a report, as far as they are open or were: none until a worker has heard of it."""
        found: list[dict[str, Any]] = self.call("GET", f"/api/v1/cases?report_id={report_id}").json()["items"]
        return found


class Stack:
    """One `rujukan up`. `start` and `stop` may be called again: the data stay. It ends with whoever started it.

    `environ` is added to its environment: variables of an existing MongoDB, for instance.
    """

    def __init__(self, directory: Path, *options: str, environ: Mapping[str, str] | None = None) -> None:
        self.environ = dict(environ or {})
        self.state = directory / "state"
        self.output = directory / "output"
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def going(self, seconds: float = 180) -> Iterator[Stack]:
        """Runs for the length of a `with` block."""
        try:
            self.start(seconds)
            yield self
        finally:
            self.stop()

    def start(self, seconds: float = 180) -> Running:
        """Starts it and waits until it says that it runs, its demonstration loaded."""
        said = self.text.count("Ctrl-C stops everything") if self.output.exists() else 0
        command = [RUJUKAN, "up", "--state", str(self.state), "--port", "0", "--reports", str(REPORTS), *self.options]
        usual = {name: value for name, value in os.environ.items() if not name.startswith("RUJUKAN_")}
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                leash.command(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=leash.environment({**usual, **self.environ}),
            )

        def ready() -> bool:
            assert self.process is not None and self.process.poll() is None, f"it ended:\n{self.text}\n{self.logs()}"
            return self.text.count("Ctrl-C stops everything") > said

        wait_until(ready, seconds, "rujukan up", pause=0.1)
        return self.running

    @property
    def running(self) -> Running:
        """What it says of itself."""
        found = State(self.state).running()
        assert found is not None, "it does not run"
        return found

    @property
    def url(self) -> str:
        return self.running.url

    @property
    def text(self) -> str:
        """What it printed."""
        return self.output.read_text()

    def logs(self) -> str:
        """The last lines of every log, for a test that fails."""
        found = sorted((self.state / "logs").glob("*.log"))
        return "\n".join(f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-8:]) for log in found)

    def family(self) -> list[psutil.Process]:
        """Everything that it started, directly or not."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: int = signal.SIGINT) -> None:
        """Ends it as Ctrl-C does, and waits."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(90)

    def command(self, *arguments: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        """A `rujukan` command about this instance."""
        return subprocess.run(
            [RUJUKAN, *arguments, "--state", str(self.state)], capture_output=True, text=True, timeout=seconds
        )

    def status(self) -> dict[str, Any]:
        """What `rujukan status --json` prints, without a process of its own: tests ask it again and again."""
        return status.look(self.state)

    def pid(self, process: str) -> int:
        """The process id of a supervised program; 0 while it is down."""
        supervision = Supervision(Path(self.running.socket))
        return next(int(one.pid or 0) for one in supervision.processes() if one.name == process)

    def kill(self, process: str, number: int = signal.SIGKILL) -> None:
        """Sends a signal to a supervised program."""
        os.kill(self.pid(process), number)

    @contextmanager
    def without(self, process: str) -> Iterator[None]:
        """Stops a supervised program for the length of a `with` block, and starts it again."""
        supervision = Supervision(Path(self.running.socket))
        group = next(one.group for one in supervision.processes() if one.name == process)
        client(supervision.socket).supervisor.stopProcess(f"{group}:{process}")
        try:
            yield
        finally:
            supervision.launch(process, group)

    def environment(self) -> dict[str, str]:
        """The variables from which this instance's processes read their settings."""
        found = self.running
        return State(self.state).environment(found.mongodb_uri, found.kafka_bootstrap, found.url, found.demonstration)

    def client(self, role: str) -> Client:
        """Somebody with that role."""
        return Client(self.url, role)

    def database(self) -> pymongo.MongoClient[dict[str, Any]]:
        """A look into the databases with all rights, which nothing of the product has."""
        password = secrets.ensure(self.state)[secrets.ROOT_PASSWORD]
        if "MONGODB_URI" in self.environ:
            uri = self.environ["MONGODB_URI"]
            return pymongo.MongoClient(uri, username=ADMINISTRATOR, password=password, tz_aware=True)
        port = int(self.running.mongodb_uri.split("/")[2].rsplit(":", 1)[1])
        return mongod.administrator(port, password, tz_aware=True)


def serves(url: str) -> bool:
    """Whether an address answers, with 200."""
    try:
        return urllib3.request("GET", url, timeout=5, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Waits until the condition gives something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.1)
