"""The clock as a cluster runs it: deployments of deploy/prefect.yaml in a Prefect server, and a worker for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import clock
from deploy.local.ports import LOOPBACK, free_port, wait_until
from shared.foundation import Foundation
from shared.settings import load
from tests.support.servers import Mongo, Server

pytestmark = [pytest.mark.mongo, pytest.mark.long]
ROOT = Path(__file__).parents[3]


class Prefect(Server):
    """A Prefect server on SQLite, or a worker of one, with its command line. `api` is the server's address."""

    def __init__(self, directory: Path, api: str, **environ: str) -> None:
        super().__init__(directory)
        self.api = api
        self._environ = {
            **environ,
            "PYTHONPATH": str(ROOT),
            "PREFECT_HOME": str(directory),
            "PREFECT_API_URL": api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_CLI_COLORS": "false",
        }

    def start(self, *words: str) -> None:
        self._run([sys.executable, "-m", "prefect", *words], self._environ)

    def say(self, *words: str) -> str:
        """What a command says. Raises AssertionError when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *words],
            env={**os.environ, **self._environ},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, path: str, body: Any) -> list[dict[str, Any]]:
        """What the server answers to a question."""
        sent = urllib.request.Request(
            f"{self.api}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(sent, timeout=30) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
            return found

    def healthy(self) -> bool:
        assert self.alive, (self.directory / "log").read_text()[-2000:]
        try:
            with urllib.request.urlopen(f"{self.api}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Prefect]:
    port, directory = free_port(), tmp_path / "server"
    directory.mkdir()
    found = Prefect(directory, f"http://{LOOPBACK}:{port}/api")
    found.start("server", "start", "--host", LOOPBACK, "--port", str(port))
    try:
        wait_until(found.healthy, 120, "Prefect's server", pause=0.5)
        yield found
    finally:
        found.stop_signal()


def test_a_worker_of_the_cluster_completes_the_sweep_that_the_file_deploys(
    server: Prefect, mongo: Mongo, prefix: str, tmp_path: Path
) -> None:
    """Seen to fail with a flow named by its file: a worker starts each run in a place of its own."""
    environ = mongo.settings_environ("cases", prefix, RUJUKAN_DEMONSTRATION="true")
    Foundation.start(load("cases", environ)).journal.ensure_indexes()
    server.say("work-pool", "create", clock.POOL, "--type", "process")
    server.say("--no-prompt", "deploy", "--all", "--prefect-file", str(clock.FILE))
    deployed = {each["entrypoint"]: each for each in server.ask("deployments/filter", {})}
    assert set(deployed) == {each["entrypoint"] for each in clock.deployments()}
    sweep = deployed["services.cases.flows.deadlines"]
    assert sweep["global_concurrency_limit"]["limit"] == 1
    assert sweep["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert [(each["active"], each["schedule"]["interval"]) for each in sweep["schedules"]] == [(True, 60)]
    place = tmp_path / "worker"
    place.mkdir()
    worker = Prefect(place, server.api, **environ)
    worker.start("worker", "start", "--pool", clock.POOL)
    wanted = {"deployments": {"id": {"any_": [sweep["id"]]}}, "flow_runs": {"start_time": {"is_null_": False}}}

    def ended() -> list[str]:
        assert worker.alive, (place / "log").read_text()[-2000:]
        return [each["state_type"] for each in server.ask("flow_runs/filter", wanted)]

    try:
        wait_until(lambda: {"COMPLETED", "FAILED", "CRASHED"} & set(ended()), 150, "a run", pause=1)
        assert "COMPLETED" in ended(), (place / "log").read_text()[-3000:]
    finally:
        worker.stop_signal()
