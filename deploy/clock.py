"""deploy/prefect.yaml: what the clock starts, as deployments for a cluster's own Prefect server and workers.

It is written from the deployments that one process serves (deploy/flows.py), so both have the same flows, schedules and
limits:   python -m deploy.clock            (rewrites it; --check only looks)
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("prefect.yaml")
POOL = "rujukan"
HEAD = """\
# The clock on a cluster: `prefect deploy --all --prefect-file deploy/prefect.yaml` (docs/operators.md).
# Written by `python -m deploy.clock` from what one process serves (deploy/flows.py); not by hand.
"""


def render() -> str:
    """The whole file. A flow is named by its module: whatever runs it has the code already, and pulls none."""
    said = {
        "name": "rujukan",
        "build": [],
        "push": [],
        "pull": [],
        "deployments": deployments(),
    }
    return HEAD + yaml.safe_dump(said, sort_keys=False, width=120, default_flow_style=False)


def deployments() -> list[dict[str, Any]]:
    """Every deployment in the words of the file."""
    from deploy import flows

    return [_deployment(each) for each in flows.deployments()]


def _deployment(served: Any) -> dict[str, Any]:
    """One deployment in the words of the file. `served` is Prefect's RunnerDeployment."""
    found: dict[str, Any] = {
        "name": served.name,
        "description": served.description,
        "entrypoint": _module(served),
        "schedules": [_schedule(each.schedule) for each in served.schedules],
        "work_pool": {"name": POOL},
    }
    if served.concurrency_limit is not None:
        strategy = served.concurrency_options.collision_strategy.value
        found["concurrency_limit"] = {"limit": served.concurrency_limit, "collision_strategy": strategy}
    return found


def _module(served: Any) -> str:
    """Where a flow is: `services.cases.flows.deadlines` for the entrypoint `.../services/cases/flows.py:deadlines`."""
    file, _, function = served.entrypoint.partition(":")
    place = (Path.cwd() / file).resolve().relative_to(FILE.parents[1]).with_suffix("")
    return ".".join([*place.parts, function])


def _schedule(schedule: Any) -> dict[str, Any]:
    """An interval in seconds, or a line of cron in UTC."""
    if hasattr(schedule, "cron"):
        return {"cron": schedule.cron, "timezone": schedule.timezone or "UTC"}
    return {"interval": int(schedule.interval.total_seconds())}


def main(arguments: list[str]) -> None:
    """Rewrites the file, or with --check exits with 1 when it is not current."""
    if arguments == ["--check"]:
        if not FILE.exists() or FILE.read_text(encoding="utf-8") != render():
            sys.exit(f"{FILE} is not current: run python -m deploy.clock")
        return
    FILE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
