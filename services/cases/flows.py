"""The clock of cases, run by Prefect: every minute, what is due is escalated.

A flow only issues idempotent commands; deadlines lie in the database. A clock that stands still makes work late, and
loses nothing. The same work runs from a command line: `rujukan sweep`.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

from services.cases import commands
from shared.foundation import Foundation
from shared.settings import load
from shared.telemetry.runs import told_as

INTERVAL = timedelta(minutes=1)


@flow(name="cases: deadlines", log_prints=False)
async def deadlines() -> int:
    """Escalates every deadline that has passed. Returns how many."""
    with told_as("cases"):
        foundation = Foundation.start(load("cases"))
        escalated = await asyncio.to_thread(commands.sweep, foundation)
        get_run_logger().info("%d deadlines escalated", escalated)
        return escalated


def deployments() -> list[Any]:
    """The Prefect deployments of this service. One sweep at a time: a new one that meets another is cancelled."""
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    return [deadlines.to_deployment("every-minute", interval=INTERVAL, concurrency_limit=one)]
