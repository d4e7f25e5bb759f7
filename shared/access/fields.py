"""Field by field: which of what identifies somebody is open to a role, by shared/domain/identifying.yaml.

Whether the actor may open this record at all is another question (rights.py); the vault asks this one at every opening.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from shared import domain
from shared.access.actor import Actor


def readable(actor: Actor, owner: str, granted: Collection[str] = ()) -> list[str]:
    """The identifying fields of a `person` or a `report` that are open to the actor's role, in the file's order.

    `granted` are those that a referral to the actor's agency opens, beside what is open to the role anyway.
    """
    return [
        name
        for name, field in domain.identifying_fields(owner).items()
        if actor.role in field.readers or (name in granted and actor.role in field.referred)
    ]


def closed(actor: Actor, owner: str, fields: Iterable[str], granted: Collection[str] = ()) -> list[str]:
    """Those of the fields that are not open to the actor's role, nor `granted` to it."""
    known = set(readable(actor, owner, granted))
    return [name for name in fields if name not in known]
