"""intake consumes no events: a report begins here."""

from __future__ import annotations

from collections.abc import Mapping

from shared.foundation import Foundation
from shared.worker import Handler

TOPICS: tuple[str, ...] = ()


def handlers(foundation: Foundation) -> Mapping[str, Handler]:
    """No handler."""
    return {}
