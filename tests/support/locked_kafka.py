"""The broker of docker-compose.yml on this machine: its own configuration, read by the image's own program.

Only addresses differ, for several of it run here at once; and beside it there is a listener with TLS, to see that ours
can speak it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from deploy.local import kafka
from deploy.local.ports import LOOPBACK, NotReady, free_port
from tests.support.key_server import certificate
from tests.support.servers import Server

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
SERVICES, INSIDE, CONTROLLER, TLS = "SERVICES", "INSIDE", "CONTROLLER", "TLS"


def described() -> dict[str, str]:
    """The environment that compose gives to its broker."""
    found = yaml.safe_load(COMPOSE.read_text())["services"]["kafka"]["environment"]
    return {name: str(value).strip() for name, value in found.items()}


class LockedKafka(Server):
    """One broker that asks who comes. `inside` is where whoever comes is its administrator, as in the container."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._ports = {name: free_port() for name in (SERVICES, INSIDE, CONTROLLER, TLS)}
        self.bootstrap, self.inside, self.tls = (f"{LOOPBACK}:{self._ports[name]}" for name in (SERVICES, INSIDE, TLS))
        self.ca_file = directory / "certificate.pem"
        key = directory / "certificate.key"
        certificate(self.ca_file, key)
        self._store = directory / "store.pem"
        self._store.write_text(key.read_text() + self.ca_file.read_text())

    def start(self) -> LockedKafka:
        """Starts it and returns when it answers inside."""
        kafka.fetch()
        java = kafka.java_command(self.directory)
        self._run([*java, *kafka.HEAP, "kafka.Kafka", str(self._prepared(java))])
        kafka.wait_until_ready(self._ports[INSIDE], lambda: self.alive)
        return self

    def _prepared(self, java: list[str]) -> Path:
        places = {name: self.directory / name for name in ("default", "mounted", "final")}
        for place in places.values():
            place.mkdir(exist_ok=True)
            for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
                (place / name).touch()
        done = subprocess.run(
            [*java, *kafka.SHORT_RUN, "kafka.docker.KafkaDockerWrapper", "setup",
             "-D", str(places["default"]), "-M", str(places["mounted"]), "-F", str(places["final"])],
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )  # fmt: skip
        if done.returncode != 0 and "already formatted" not in done.stdout + done.stderr:
            raise NotReady(f"the image's program refuses the configuration: {done.stderr[-2000:]}")
        return places["final"] / "server.properties"

    def _environ(self) -> dict[str, str]:
        found = described()
        listeners = dict(entry.split("://") for entry in found["KAFKA_LISTENERS"].split(","))
        assert set(listeners) == {SERVICES, INSIDE, CONTROLLER}, "compose names its listeners otherwise"
        here = {name: f"{name}://{LOOPBACK}:{port}" for name, port in self._ports.items()}
        protocols = found["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"]
        jaas = "KAFKA_LISTENER_NAME_{}_SCRAM___SHA___512_SASL_JAAS_CONFIG"
        return {
            **found,
            "CLUSTER_ID": kafka.new_cluster_id(),
            "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@{LOOPBACK}:{self._ports[CONTROLLER]}",
            "KAFKA_LISTENERS": ",".join(here.values()),
            "KAFKA_ADVERTISED_LISTENERS": ",".join(here[name] for name in (SERVICES, INSIDE, TLS)),
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": f"{protocols},{TLS}:SASL_SSL",
            jaas.format(TLS): found[jaas.format(SERVICES)],
            "KAFKA_LISTENER_NAME_TLS_SSL_KEYSTORE_TYPE": "PEM",
            "KAFKA_LISTENER_NAME_TLS_SSL_KEYSTORE_LOCATION": str(self._store),
            "KAFKA_LOG_DIRS": str(self.directory / "data"),
        }
