"""How a process of ours runs and ends, and what the command line says of itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import typer
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.local.ports import free_port, wait_until
from deploy.local.state import ROOT
from tests.support.servers import Mongo

PRINTING = {"status", "tail", "list", "show", "replay", "drop", "republish", "restored", "sweep"}


def run(parts: str, within: float = 5) -> subprocess.Popen[str]:
    """A process with these parts (Python source of a dict of functions) that says when it is up."""
    script = f"""
import threading, time
from deploy.processes import run_until_stopped
from shared.telemetry.logs import configure_logging
configure_logging("cases", "worker")
def until_stopped(stop):
    print("up", flush=True)
    stop.wait()
    print("finished", flush=True)
def hangs(stop):
    time.sleep(600)
def ends(stop):
    raise RuntimeError("a value that a person typed")
run_until_stopped({parts}, within={within})
"""
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_a_process_finishes_what_it_does_and_ends_well(number: int):
    process = run("{'relay': until_stopped}")
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert out == "finished\n"
    assert process.returncode == 0


def test_a_part_that_ends_takes_its_process_along_and_leaves_no_value_in_the_log():
    process = run("{'worker': until_stopped, 'other': ends}")
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "finished" in out, "the other part was told to stop"
    assert "part_ended" in out
    assert "a value that a person typed" not in out + err


def test_a_part_that_hangs_does_not_keep_its_process():
    process = run("{'sender': until_stopped, 'frozen': hangs}", within=0.5)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    process.communicate(timeout=20)
    assert process.returncode == 1
    assert time.monotonic() - start < 10


def test_a_process_without_its_settings_names_the_variable():
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("RUJUKAN_", "MONGODB_"))}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "run", "relay"], capture_output=True, text=True, cwd=ROOT, env=environ
    )
    assert done.returncode == 78
    assert "MONGODB_URI is not set" in done.stderr
    assert "Traceback" not in done.stderr


def commands() -> Iterator[tuple[str, typer.core.TyperCommand]]:
    def walk(name: str, command) -> Iterator:
        if hasattr(command, "commands"):
            for child, found in command.commands.items():
                yield from walk(f"{name} {child}".strip(), found)
        else:
            yield name, command

    return walk("", typer.main.get_command(app))


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_explains_itself_with_an_example(name: str):
    shown = CliRunner().invoke(app, [*name.split(), "--help"])
    assert shown.exit_code == 0
    assert f"Example: rujukan {name}" in " ".join(shown.output.split())


def test_every_command_that_prints_data_can_print_json():
    without = [
        name
        for name, command in commands()
        if name.split()[-1] in PRINTING and not any("--json" in parameter.opts for parameter in command.params)
    ]
    assert not without


@pytest.mark.mongo
def test_status_names_the_part_that_is_away(mongo: Mongo, prefix: str):
    """Kafka is not there: the environment names a port on which nothing listens."""
    environ = {**os.environ}
    for service in ("directory", "intake", "cases", "notifications", "reporting"):
        environ |= mongo.settings_environ(service, prefix)
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "status", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environ,
        timeout=120,
    )
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert {server["server"]: server["reachable"] for server in found["servers"]} == {"MongoDB": True, "Kafka": False}
    assert any("Kafka does not answer" in problem for problem in found["problems"])


@pytest.fixture
def late(mongo: Mongo, prefix: str) -> dict[str, str]:
    """The settings of an instance in which a case has been due for ten minutes, and nobody looks."""
    environ = {**os.environ}
    for service in ("directory", "intake", "cases", "notifications", "reporting"):
        environ |= mongo.settings_environ(service, prefix)
    due = datetime.now(UTC) - timedelta(minutes=10)
    mongo.client()[f"{prefix}cases"]["cases"].insert_one({"_id": "case-late", "next_at": due})
    return environ


@pytest.mark.mongo
def test_status_names_a_clock_that_stands_still(late: dict[str, str]):
    """Seen to fail without the question in status."""
    asked = [sys.executable, "-m", "deploy.cli", "status", "--json"]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, env=late, timeout=120)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert any(problem.startswith("cases: the clock stands still") for problem in found["problems"])
    [cases] = [each for each in found["services"] if each["service"] == "cases"]
    assert 600 <= cases["clock_late_seconds"] < 700


@pytest.mark.mongo
def test_a_worker_tells_how_late_the_clock_is_while_no_flow_runs(late: dict[str, str]):
    """Seen to fail with a worker that does not measure it: flows are processes of a moment, and nobody scrapes them."""
    port = free_port()
    command = [sys.executable, "-m", "deploy.cli", "run", "worker", "--service", "cases"]
    worker = subprocess.Popen(
        command, cwd=ROOT, env={**late, "RUJUKAN_METRICS_PORT": str(port)}, stdout=subprocess.DEVNULL
    )

    def told() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                found = re.search(r"^rujukan_clock_oldest_due_seconds (\S+)", answer.read().decode(), re.MULTILINE)
        except OSError:
            return False
        return found is not None and 600 <= float(found[1]) < 700

    try:
        wait_until(told, 60, "the figure")
    finally:
        worker.kill()
        worker.wait(10)
