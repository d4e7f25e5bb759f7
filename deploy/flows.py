"""Everything that the clock starts, served by one Prefect process. Only this module imports Prefect, and only here.

A service may have `flows.py` with `deployments() -> list` of Prefect deployments. Flows are thin: they call functions
that a command can call too, and whatever they do is idempotent, so an outage of Prefect makes work late, never lost.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import prefect
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

from deploy import processes
from deploy.local import leash
from shared.settings import SERVICES

if leash.PARENT in os.environ:
    # A run is a process of its own, started by the serving one: under supervision it must not outlive it.
    leash.hold()


DAYTIME = "*/10 0-16 * * *"
"""From 7 in the morning to midnight in WIB. The working day and the opening of the offices are asked for by the run."""


@prefect.flow(name="watch", retries=0)
async def watch() -> dict[str, Any]:
    """Looks at every service and logs what an operator should know: parked events, and entries that wait too long."""
    from shared.operations import service_status
    from shared.telemetry.logs import get_logger
    from shared.telemetry.runs import told_as

    with told_as("all"):
        log = get_logger("deploy.flows")
        found: dict[str, Any] = {}
        for service in SERVICES:
            base = processes.foundation(service)
            found[service] = service_status(base, processes.consumed(service))
            base.database.client.close()
            log.info("service_watched", watched=service, **found[service])
        return found


@prefect.flow(name="morning e-mails", retries=0)
async def morning_emails() -> dict[str, int] | str:
    """Sends each person the e-mail of the morning, once a working day. The next run sends what this one cannot."""
    from deploy import morning
    from shared.telemetry.runs import told_as

    with told_as("all"):
        return await asyncio.to_thread(morning.send, processes.foundation("cases"), processes.foundation("directory"))


def deployments() -> list[Any]:
    """The deployments of all services, the watch, and what takes more than one service."""
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    found: list[Any] = [
        watch.to_deployment("every-15-minutes", cron="*/15 * * * *"),
        morning_emails.to_deployment("every-10-minutes", cron=DAYTIME, concurrency_limit=one),
    ]
    for service in SERVICES:
        if processes.has_module(service, "flows"):
            found += processes.module(service, "flows").deployments()
    return found


def serve() -> None:
    """Serves them until SIGTERM. Schedules stay active over a restart: a pause would make deadlines silently late."""
    prefect.serve(*deployments(), pause_on_shutdown=False, print_starting_message=False, limit=2)
