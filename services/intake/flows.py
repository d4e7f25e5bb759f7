"""The clock of intake, run by Prefect: what interrupted uploads and removed files have left is removed.

A flow only repeats what is safe to repeat. The same work runs from a command line: `rujukan sweep`.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

from services.intake import attachments
from shared.foundation import Foundation
from shared.settings import load

INTERVAL = timedelta(minutes=15)


@flow(name="intake: contents of files", log_prints=False)
async def contents() -> int:
    """Removes the contents of files that are no report's. Returns how many."""
    foundation = Foundation.start(load("intake"))
    removed = await asyncio.to_thread(attachments.sweep, foundation)
    get_run_logger().info("%d contents removed", removed)
    return removed


def deployments() -> list[Any]:
    """The Prefect deployments of this service. One sweep at a time: a new one that meets another is cancelled."""
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    return [contents.to_deployment("every-15-minutes", interval=INTERVAL, concurrency_limit=one)]
