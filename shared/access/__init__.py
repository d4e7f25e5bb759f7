"""Access: who somebody is, what they may do, and the trace that reading an identity leaves.

`may(actor, action, record)` is the only place that decides. Signing in itself lives in services/directory.
"""

from shared.access.actor import ALL_ROLES, ANONYMOUS, Actor, system_actor
from shared.access.audit import Audit
from shared.access.rights import Decision, Right, UnknownAction, may, rights
from shared.access.tokens import TokenError
from shared.access.web import current_actor, permit, public, requires
from shared.domain.roles import ROLES

__all__ = [
    "ALL_ROLES",
    "ANONYMOUS",
    "ROLES",
    "Actor",
    "Audit",
    "Decision",
    "Right",
    "TokenError",
    "UnknownAction",
    "current_actor",
    "may",
    "permit",
    "public",
    "requires",
    "rights",
    "system_actor",
]
