"""Taking a right away for a while, so that what needs it is seen to fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.servers import Mongo


@contextmanager
def no_entries(mongo: Mongo, prefix: str) -> Iterator[None]:
    """Services can add nothing to the audit log: their users have lost the right."""
    audit = mongo.client()[f"{prefix}audit"]
    audit.command("updateRole", "audit_writer", privileges=[])
    try:
        yield
    finally:
        privileges = [{"resource": {"db": f"{prefix}audit", "collection": ""}, "actions": ["insert"]}]
        audit.command("updateRole", "audit_writer", privileges=privileges)
