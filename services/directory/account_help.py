"""What an administrator does for an account whose owner cannot sign in any more. It is written to the audit."""

from __future__ import annotations

from services.directory import second_factor, sessions
from services.directory.model import Refused
from services.directory.store import IDENTITIES
from shared.access import Actor
from shared.foundation import Foundation
from shared.mongo import reachable


def reset_second_factor(foundation: Foundation, actor: Actor, account_id: str) -> None:
    """Take the second factor from an account and end its sessions; the password stays.

    Raises Refused for one's own: with that, somebody at an unlocked desk would be rid of it.
    """
    if account_id == actor.id:
        raise Refused(account="own_second_factor")
    second_factor.remove(foundation, actor, account_id)
    sessions.sign_out_everywhere(foundation, actor, account_id)


def is_bound(foundation: Foundation, account_id: str) -> bool:
    """Whether the account is somebody's at the office's own sign-in service."""
    with reachable():
        return foundation.database[IDENTITIES].find_one({"account_id": account_id}, {"_id": 1}) is not None


def release(foundation: Foundation, actor: Actor, account_id: str) -> None:
    """Let an account be bound anew at the office's own sign-in service, and end its sessions.

    For who got a new name there (`sub`), or whose account is bound to a stranger's. The next sign-in is matched by the
    verified e-mail address, as the first was. Raises Refused for one's own, as the second factor.
    """
    if account_id == actor.id:
        raise Refused(account="own_binding")
    foundation.audit.record(actor, "account.release", account_id)
    with reachable():
        foundation.database[IDENTITIES].delete_many({"account_id": account_id})
    sessions.sign_out_everywhere(foundation, actor, account_id)
