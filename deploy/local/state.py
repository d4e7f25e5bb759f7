"""The directory in which one instance keeps everything: data, secrets, logs, and a note on what runs.

One `rujukan up` at a time holds it (a lock file); other commands read the note to find the running instance. It starts
nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from deploy.local import secrets
from deploy.local.ports import LOOPBACK, can_bind, free_port
from shared.settings import SERVICES

ROOT = Path(__file__).parents[2]
"""The repository."""
DEFAULT = ROOT / ".local"
PASSED_ON = (
    "RUJUKAN_CLOCK_FILE",
    "RUJUKAN_SECOND_FACTOR",
    "RUJUKAN_CLAMAV",
    "RUJUKAN_OIDC_ISSUER",
    "RUJUKAN_OIDC_CLIENT_ID",
    "RUJUKAN_OIDC_CLIENT_SECRET",
    "RUJUKAN_OIDC_CLIENT_SECRET_FILE",
    "RUJUKAN_OIDC_NAME",
    "RUJUKAN_OIDC_STRONG",
    "RUJUKAN_SMTP",
    "RUJUKAN_SMTP_SECURITY",
    "RUJUKAN_SMTP_SENDER",
    "RUJUKAN_SMTP_USER",
    "RUJUKAN_SMTP_PASSWORD",
    "RUJUKAN_SMTP_PASSWORD_FILE",
    "RUJUKAN_SMTP_CA_FILE",
    # How an existing Kafka is spoken to.
    "KAFKA_SECURITY",
    "KAFKA_CA_FILE",
    *(secrets.kafka_password_variable(service) + end for service in SERVICES for end in ("", "_FILE")),
)
LONGEST_SOCKET_PATH = 100
"""Characters that Linux takes as the path of a Unix socket, with a little to spare."""


class Held(Exception):
    """Another `rujukan up` holds this directory."""


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one instance. They stay the same from start to start while nobody else takes them."""

    mongod: int
    kafka: int
    kafka_controller: int
    prefect: int


@dataclass(frozen=True)
class Running:
    """What a running instance tells other commands. It holds no secret."""

    pid: int
    url: str
    socket: str
    mongodb_uri: str
    kafka_bootstrap: str
    prefect_url: str | None
    demonstration: bool

    @property
    def clock_pages(self) -> str | None:
        """Where the clock's runs are shown, by Prefect; None without the clock."""
        return None if self.prefect_url is None else self.prefect_url.removesuffix("/api")


class State:
    """One instance's directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.data = self.directory / "data"
        self.logs = self.directory / "logs"
        self.supervisor = self.directory / "supervisor"
        self.serving = self.supervisor / "serving"
        """Each web's note, named by its process id, that it can answer."""
        self._note = self.directory / "running.json"

    def prepare(self) -> None:
        """Makes the directories, readable by their owner only."""
        for directory in (self.directory, self.data, self.logs, self.supervisor, self.serving):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)

    def hold(self, name: str = "up") -> IO[str]:
        """Takes the directory, or what else is `name`d, for this process until the returned file is closed.

        Raises Held.
        """
        lock = (self.directory / f"{name}.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise Held from None
        return lock

    def held(self) -> bool:
        """Whether a `rujukan up` holds the directory now."""
        if not self.directory.exists():
            return False
        try:
            self.hold().close()
        except Held:
            return True
        return False

    def ports(self) -> Ports:
        """The ports of the last start, each replaced by a free one where another program has taken it meanwhile."""
        file = self.directory / "ports.json"
        known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        names = ("mongod", "kafka", "kafka_controller", "prefect")
        chosen = {name: known[name] if name in known and can_bind(known[name]) else free_port() for name in names}
        file.write_text(json.dumps(chosen))
        return Ports(**chosen)

    def socket(self) -> Path:
        """Where the supervisor listens; in the system's temporary directory if this one's path is too long."""
        socket = self.supervisor / "supervisor.sock"
        if len(str(socket)) <= LONGEST_SOCKET_PATH:
            return socket
        return Path(tempfile.mkdtemp(prefix="rujukan-")) / "supervisor.sock"

    def note(self, running: Running) -> None:
        """Tells other commands what runs."""
        new = self._note.with_suffix(".new")
        new.write_text(json.dumps(asdict(running), indent=2) + "\n")
        new.rename(self._note)

    def running(self) -> Running | None:
        """The instance that runs here now, or None. The note of one that was killed counts for nothing."""
        if not self.held() or not self._note.exists():
            return None
        return Running(**json.loads(self._note.read_text()))

    def forget(self) -> None:
        """Removes the note."""
        self._note.unlink(missing_ok=True)

    def environment(self, mongodb_uri: str, kafka_bootstrap: str, url: str, demonstration: bool) -> dict[str, str]:
        """The variables of shared.settings for every process of this instance, without the administrator's password.

        An external MongoDB's passwords come from this process's own environment; where it names none, none is used.
        """
        variables = secrets.ensure(self.directory)
        if "MONGODB_URI" in os.environ:
            own = [name for name in variables if name.endswith("_MONGODB_PASSWORD")]
            variables = {name: value for name, value in variables.items() if name not in own}
            variables |= {name: os.environ[name] for name in own if name in os.environ}
        variables.pop(secrets.ROOT_PASSWORD, None)
        return {
            "RUJUKAN_ENVIRONMENT": "local",
            "RUJUKAN_BASE_URL": url,
            "RUJUKAN_DEMONSTRATION": "true" if demonstration else "false",
            "MONGODB_URI": mongodb_uri,
            "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
            **variables,
            **secrets.ensure_keys(self.directory),
            # A clock that tests can step, and what a city decides.
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        }

    def root_password(self) -> str | None:
        """The database administrator's password: our own mongod's, or the one given for an external MongoDB."""
        if "MONGODB_URI" in os.environ:
            return os.environ.get(secrets.ROOT_PASSWORD)
        return secrets.ensure(self.directory)[secrets.ROOT_PASSWORD]


def addresses(ports: Ports) -> tuple[str, str]:
    """MongoDB's URI and Kafka's bootstrap servers: existing ones that the environment names, or our own."""
    from deploy.local import mongod

    return (
        os.environ.get("MONGODB_URI") or mongod.uri(ports.mongod),
        os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or f"{LOOPBACK}:{ports.kafka}",
    )
