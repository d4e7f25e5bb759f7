"""What the clock is started with on one machine, and what its runs tell when they fail."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from deploy import clock, processes
from deploy.local import programs
from deploy.local.state import State
from shared.settings import SERVICES
from shared.telemetry.runs import RunFailed, told_as


@pytest.fixture
def flows() -> Iterator[ModuleType]:
    """The flows and how they are deployed. Prefect, once imported, writes all logs itself: not those of other tests."""
    before = logging.root.handlers[:], logging.root.level
    yield import_module("deploy.flows")
    logging.root.handlers[:] = before[0]
    logging.root.setLevel(before[1])


def test_prefect_s_pages_are_those_of_this_machine_and_ask_nobody_else(tmp_path: Path):
    """Seen to fail without the link in the place of the second pages: they ask api2.amplitude.com whatever is set."""
    for _ in range(2):  # a second start finds what the first has made
        server, runner = programs.clock(State(tmp_path), {}, 4321)
    assert server.command[server.command.index("--host") + 1] == "127.0.0.1"
    for program in (server, runner):
        given = program.environment
        assert given["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
        assert given["PREFECT_SERVER_UI_ENABLED"] == "true"
        assert given["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:4321"
        assert given.get("PREFECT_LOGGING_TO_API_ENABLED", "true") == "true", "the pages show what a run says"
    pages = Path(server.environment["PREFECT_SERVER_UI_STATIC_DIRECTORY"])
    assert pages.is_relative_to(tmp_path), "nothing is unpacked among the libraries"
    assert (pages / "v2").is_symlink() and not (pages / "v2").exists()


def test_a_run_that_fails_tells_no_value(capsys: pytest.CaptureFixture[str]):
    """Seen to fail without `from None`: Prefect writes the whole chain of errors into its database."""
    with pytest.raises(RunFailed, match="ValueError") as failed, told_as("cases"):
        raise ValueError("Budi Contoh")
    assert "Budi" not in "".join(traceback.format_exception(failed.value))
    [line] = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert (said["event"], said["service"], said["role"]) == ("run_failed", "cases", "flows")
    assert "Budi" not in line


def test_no_flow_tells_a_value_when_it_fails(flows: ModuleType, monkeypatch: pytest.MonkeyPatch):
    """Seen to fail with a flow that does its work outside `told_as`."""
    modules = [flows, *(processes.module(name, "flows") for name in SERVICES if processes.has_module(name, "flows"))]
    found = [each for module in modules for each in vars(module).values() if type(each).__name__ == "Flow"]
    assert len(found) == 6
    monkeypatch.delenv("MONGODB_URI", raising=False)
    for each in found:
        with pytest.raises(RunFailed, match="SettingsError"):
            asyncio.run(each.fn())


@pytest.mark.parametrize(
    ("flow", "name", "every"),
    [
        ("cases: deadlines", "every-minute", 60),
        ("intake: contents of files", "every-15-minutes", 900),
    ],
)
def test_the_clock_runs_each_sweep_in_time_and_one_at_a_time(flows: ModuleType, flow: str, name: str, every: int):
    """Seen to fail without the deployment, with another interval, and without the limit."""
    [found] = [each for each in flows.deployments() if each.flow_name == flow]
    assert found.name == name and found.concurrency_limit == 1 and not found.paused
    assert [(each.schedule.interval.total_seconds(), each.active) for each in found.schedules] == [(every, True)]
    assert found.concurrency_options.collision_strategy.value == "CANCEL_NEW"


def test_a_cluster_deploys_what_one_process_serves(flows: ModuleType):
    """The file as Prefect itself reads it. Seen to fail with a line of it changed by hand, and, the file written
    anew each time, without limits, with intervals in minutes, and with one flow left out."""
    # Here, not above: the fixture puts back what the import does to logs.
    from prefect.cli.deploy._config import _load_deploy_configs_and_actions
    from prefect.cli.deploy._schedules import _schedule_config_to_deployment_schedule
    from prefect.flows import load_flow_from_entrypoint

    assert clock.FILE.read_text(encoding="utf-8") == clock.render(), "run python -m deploy.clock"
    printed = Console(file=io.StringIO())
    read, actions = _load_deploy_configs_and_actions(clock.FILE, console=printed)
    assert printed.file.getvalue() == "" and actions == {"build": [], "push": [], "pull": []}
    assert len(read) == len(flows.deployments()) == 6
    for entry, served in zip(read, flows.deployments(), strict=True):
        assert load_flow_from_entrypoint(entry["entrypoint"]).name == served.flow_name
        assert (entry["name"], entry["work_pool"]) == (served.name, {"name": clock.POOL})
        limit = entry.get("concurrency_limit", {"limit": None})
        assert limit["limit"] == served.concurrency_limit
        if served.concurrency_limit is not None:
            assert limit["collision_strategy"] == "CANCEL_NEW"
        [written] = [_schedule_config_to_deployment_schedule(each)["schedule"] for each in entry["schedules"]]
        [own] = [each.schedule for each in served.schedules]
        assert getattr(written, "cron", None) == getattr(own, "cron", None)
        assert getattr(written, "interval", None) == getattr(own, "interval", None)
        assert written.timezone in ("UTC", None)
