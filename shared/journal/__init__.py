"""One write, one truth: units of work, committed with their events in one transaction."""

from shared.journal.journal import Command, Journal, KeyReused
from shared.journal.unit import Context, Duplicate, Mismatch, Unit, VersionConflict
from shared.mongo import Unavailable

__all__ = [
    "Command",
    "Context",
    "Duplicate",
    "Journal",
    "KeyReused",
    "Mismatch",
    "Unavailable",
    "Unit",
    "VersionConflict",
]
