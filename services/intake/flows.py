"""The clock of intake, run by Prefect: removes what uploads have left; once a day proposes to erase
what is over, and carries out what a person has approved.

A flow only repeats what is safe to repeat. The same work runs from a command line: `rujukan sweep`, `rujukan
retention`.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

from services.intake import attachments
from services.intake.retention import review
from shared.foundation import Foundation
from shared.settings import load
from shared.telemetry.runs import told_as

INTERVAL = timedelta(minutes=15)
DAILY = "0 23 * * *"
"""6 in the morning in WIB: the day has begun, and nobody is at work yet. Carrying out follows an hour later."""
LATER = "0 0 * * *"


@flow(name="intake: contents of files", log_prints=False)
async def contents() -> int:
    """Removes the contents of files that are no report's. Returns how many."""
    with told_as("intake"):
        foundation = Foundation.start(load("intake"))
        removed = await asyncio.to_thread(attachments.sweep, foundation)
        get_run_logger().info("%d contents removed", removed)
        return removed


@flow(name="intake: what is over", log_prints=False)
async def propose() -> int:
    """Proposes to erase what is over. Returns how many proposals were made; a person decides on each."""
    with told_as("intake"):
        foundation = Foundation.start(load("intake"))
        made = await asyncio.to_thread(review.review, foundation)
        get_run_logger().info("%d proposals made", made)
        return made


@flow(name="intake: approved erasures", log_prints=False)
async def carry_out() -> int:
    """Erases what a person has approved, and nothing else. Returns how many erasures were carried out."""
    with told_as("intake"):
        foundation = Foundation.start(load("intake"))
        done = await asyncio.to_thread(review.carry_out, foundation)
        get_run_logger().info("%d erased, %d withdrawn, %d waiting", done.erased, done.withdrawn, done.waiting)
        return done.erased


def deployments() -> list[Any]:
    """The Prefect deployments of this service. One sweep at a time: a new one that meets another is cancelled."""
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    return [
        contents.to_deployment("every-15-minutes", interval=INTERVAL, concurrency_limit=one),
        propose.to_deployment("every-day", cron=DAILY, concurrency_limit=one),
        carry_out.to_deployment("every-day", cron=LATER, concurrency_limit=one),
    ]
