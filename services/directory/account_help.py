"""What an administrator does for an account whose owner cannot sign in any more. It is written to the audit."""

from __future__ import annotations

from services.directory import second_factor, sessions
from services.directory.model import Refused
from shared.access import Actor
from shared.foundation import Foundation


def reset_second_factor(foundation: Foundation, actor: Actor, account_id: str) -> None:
    """Take the second factor from an account and end its sessions; the password stays.

    Raises Refused for one's own: with that, somebody at an unlocked desk would be rid of it.
    """
    if account_id == actor.id:
        raise Refused(account="own_second_factor")
    second_factor.remove(foundation, actor, account_id)
    sessions.sign_out_everywhere(foundation, actor, account_id)
