"""What runs on one machine: every program with its command, its place in the order, and its time to stop.

Pure data made from the instance's state. Data stores come first and stop last; the web stops first, so that nothing is
accepted that is not carried on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy import processes
from deploy.local import door, kafka, mongod
from deploy.local.ports import LOOPBACK
from deploy.local.state import Ports, State

STORES, WORK, WEB, CLOCK = "stores", "work", "web", "clock"
GROUPS = (STORES, WORK, WEB, CLOCK)
"""In starting order; they stop in the opposite one."""
RELIEF = "web-relief"
"""Serves the pages while the web is restarted, and only then."""


@dataclass(frozen=True)
class Program:
    """One supervised process."""

    name: str
    group: str
    command: list[str]
    stop_seconds: int
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    standby: bool = False
    """Runs only when it is called for; nobody starts it again."""


def stores(state: State, ports: Ports, own_mongod: bool, own_kafka: bool) -> list[Program]:
    """Our own mongod and Kafka, unless existing ones are named. Writes their configuration."""
    programs = []
    if own_mongod:
        directory = _directory(state, "mongod")
        programs.append(Program("mongod", STORES, mongod.prepare(directory, ports.mongod), 20))
    if own_kafka:
        command = kafka.prepare(_directory(state, "kafka"), ports.kafka, ports.kafka_controller)
        programs.append(Program("kafka", STORES, command, 20))
    return programs


def roles(state: State, environment: Mapping[str, str], place: Path) -> list[Program]:
    """Our own processes; `place` is where the door of the pages is. One relay and one worker for all services keep the
    memory of a small machine low.
    """
    web, variables = processes.web_command([])
    web_environment = {
        **environment,
        **variables,
        "RUJUKAN_BIND": f"{door.SCHEME}{place}",
        "RUJUKAN_SERVING": str(state.serving),
    }
    return [
        Program("relay", WORK, _role("relay"), 12, {**environment, **_metrics(1)}),
        Program("worker", WORK, _role("worker"), 12, {**environment, **_metrics(2), "RUJUKAN_INSTANCE": "worker"}),
        Program("sender", WORK, _role("sender"), 12, {**environment, **_metrics(3)}),
        Program("web", WEB, web, 12, {**web_environment, **_metrics(0)}),
        # The port of the web's metrics is the web's: for these seconds there are none.
        Program(RELIEF, WEB, web, 12, web_environment, standby=True),
    ]


def _metrics(place: int) -> dict[str, str]:
    """The port of a process's metrics: from RUJUKAN_METRICS_PORT on, one for each; none without it."""
    first = int(os.environ.get("RUJUKAN_METRICS_PORT", "0") or 0)
    return {"RUJUKAN_METRICS_PORT": str(first + place)} if first else {}


def clock(state: State, environment: Mapping[str, str], port: int) -> list[Program]:
    """Prefect's server on SQLite with its pages, and the process that serves our flows (decisions/0039)."""
    home = _directory(state, "prefect")
    prefect = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": prefect_url(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "true",
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(_first_pages_only(home)),
        # A page of another origin, open in a browser on this machine, may not read the runs.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": prefect_url(port).removesuffix("/api"),
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_CLI_COLORS": "false",
    }
    server = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
    return [
        Program("prefect", CLOCK, server, 15, prefect),
        Program("flows", CLOCK, _role("flows"), 15, {**environment, **prefect}),
    ]


def prefect_url(port: int) -> str:
    """The address of our own Prefect server's API."""
    return f"http://{LOOPBACK}:{port}/api"


def _first_pages_only(home: Path) -> Path:
    """Where Prefect unpacks its pages. The second generation of them, which asks a company that counts visitors as soon
    as it is loaded, whatever is set, finds its place taken by a link to nowhere, and is left out."""
    pages = home / "pages"
    pages.mkdir(mode=0o700, exist_ok=True)
    second = pages / "v2"
    if not second.is_symlink():
        second.symlink_to("left-out")
    return pages


def _role(role: str) -> list[str]:
    return [sys.executable, "-m", "deploy.cli", "run", role]


def _directory(state: State, name: str) -> Path:
    directory = state.data / name
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory
