"""What directory does with the events of others: nothing. It is where the chain of who is who begins."""

from __future__ import annotations

from typing import Any

from shared.foundation import Foundation

TOPICS: list[str] = []


def handlers(foundation: Foundation) -> dict[str, Any]:
    """No event type is consumed."""
    return {}
