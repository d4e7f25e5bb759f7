"""The one decision: may this actor do this to this record?

It reads rights.yaml once. It does not know requests (web.py) and looks nothing up: the caller brings the record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from shared.access.actor import SYSTEM_ROLE, Actor
from shared.domain.roles import ROLES

SCOPES = ("any", "own_agency", "own", "needed", "area", "assigned")
RIGHTS_FILE = Path(__file__).with_name("rights.yaml")


class UnknownAction(LookupError):
    """An action that rights.yaml does not name: a mistake in the program, never in the request."""


@dataclass(frozen=True)
class Decision:
    """The answer of `may`. `reason` is a code: `allowed`, `unauthenticated`, `no_right` or `out_of_scope`.

    `basis` says on which grounds a record is open, for the audit log: its scope, or `unassigned` where the scope is
    `assigned` and nobody has the record yet.
    """

    allowed: bool
    reason: str
    scope: str | None = None
    basis: str = ""

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True)
class Right:
    """One action of the table: its names and the scope of every role that has it."""

    action: str
    names: Mapping[str, str]
    roles: Mapping[str, str]


@cache
def rights() -> dict[str, Right]:
    """All actions by name, in the order of the file. Raises ValueError when the file is not well formed."""
    table = yaml.safe_load(RIGHTS_FILE.read_text(encoding="utf-8"))
    found: dict[str, Right] = {}
    for action, entry in table["actions"].items():
        roles = dict(entry["roles"])
        for role, scope in roles.items():
            if role not in (*ROLES, SYSTEM_ROLE) or scope not in SCOPES:
                raise ValueError(f"rights.yaml: {action}: {role}: {scope} is not a known role and scope")
        found[action] = Right(action, {"en": entry["en"], "id": entry["id"]}, roles)
    return found


def may(actor: Actor, action: str, record: Mapping[str, Any] | None = None) -> Decision:
    """Whether `actor` may do `action` to `record`.

    A record is a mapping with `agency_id` (for the scope `own_agency`), `owner`, an account's id (for `own`),
    `needed_by`, the roles and accounts for whom something waits in it (for `needed`), `kecamatan` (for `area`), or
    `assigned_to`, an account's id or None, beside it (for `assigned`). Without a record the question is whether there
    is any record at all to which the actor may do it: a view's first question; a view of single records asks again with
    the record. Raises `UnknownAction`.
    """
    right = rights().get(action)
    if right is None:
        raise UnknownAction(f"{action!r} is not in shared/access/rights.yaml")
    if not actor.is_authenticated:
        return Decision(False, "unauthenticated")
    scope = right.roles.get(actor.role)
    if scope is None:
        return Decision(False, "no_right")
    if record is None:
        return Decision(True, "allowed", scope)
    if not _in_scope(actor, scope, record):
        return Decision(False, "out_of_scope", scope)
    nobodys = scope == "assigned" and record["assigned_to"] is None
    return Decision(True, "allowed", scope, "unassigned" if nobodys else scope)


def _in_scope(actor: Actor, scope: str, record: Mapping[str, Any]) -> bool:
    # An actor or a record without an agency or an owner belongs to nobody: two absences are not a match.
    if scope == "own_agency":
        return actor.agency_id is not None and record.get("agency_id") == actor.agency_id
    if scope == "own":
        return record.get("owner") == actor.id
    if scope == "needed":
        return not {actor.id, actor.role}.isdisjoint(record.get("needed_by", ()))
    if scope == "area":
        return actor.works_in(record.get("kecamatan"))
    if scope == "assigned":  # a record that does not say whose it is, is nobody's to open
        whose = record.get("assigned_to", "not said")
        return actor.works_in(record.get("kecamatan")) and whose in (None, actor.id)
    return scope == "any"
