"""Field by field: which of what identifies somebody is open to a role, by shared/domain/identifying.yaml.

Whether the actor may open this record at all is another question (rights.py); the vault asks this one at every opening.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared import domain
from shared.access.actor import Actor


def readable(actor: Actor, owner: str) -> list[str]:
    """The identifying fields of a `person` or a `report` that are open to the actor's role, in the file's order."""
    return [name for name, field in domain.identifying_fields(owner).items() if actor.role in field.readers]


def closed(actor: Actor, owner: str, fields: Iterable[str]) -> list[str]:
    """Those of the fields that are not open to the actor's role."""
    known = set(readable(actor, owner))
    return [name for name in fields if name not in known]
