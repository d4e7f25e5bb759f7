"""Kafka to handlers: effects, versions and positions in one transaction; what fails is parked by key."""

from shared.worker.parking import ensure_indexes
from shared.worker.processor import Handler, Permanent, Prepared
from shared.worker.worker import run

__all__ = ["Handler", "Permanent", "Prepared", "ensure_indexes", "run"]
