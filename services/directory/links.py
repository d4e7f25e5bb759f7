"""Links by which somebody sets their own password: an invitation to a new account, or a reset of a forgotten one.

No link is sent by e-mail: an administrator hands it over. Its secret follows "#", which no browser sends, so that
no log of any server on the way has it; stored is its SHA-256.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.directory import commands, sessions, store
from services.directory.signing_in import actor_of
from services.directory.store import LINKS
from shared.access import Actor
from shared.foundation import Foundation
from shared.mongo import reachable
from shared.telemetry.logs import get_logger

INVITATION, RESET = "invitation", "reset"
LASTS = {INVITATION: timedelta(hours=72), RESET: timedelta(hours=1)}

log = get_logger(__name__)


class LinkOver(Exception):
    """The link is unknown, used, replaced by a newer one, or too old. Which of them it was is not told."""


@dataclass(frozen=True)
class Link:
    """A new link: its secret `token`, shown once, its `kind` and its end."""

    token: str
    kind: str
    expires_at: datetime
    base_url: str

    def address(self, language: str) -> str:
        """What is handed over."""
        return f"{self.base_url}/{language}/new-password#{self.token}"


def make(foundation: Foundation, actor: Actor, account_id: str) -> Link:
    """Make a link for an open account; an earlier one of it is over. Raises NotFound for a closed account.

    For an account that never had a password it is an invitation, otherwise a reset.
    """
    with reachable():
        account = store.get(foundation.database, "account", account_id)
    if account is None or not account["active"]:
        raise commands.NotFound(account_id)
    kind = INVITATION if account["password_hash"] is None else RESET
    token, now = secrets.token_urlsafe(32), foundation.clock()
    link = Link(token, kind, now + LASTS[kind], foundation.settings.base_url)
    foundation.audit.record(actor, f"account.{kind}", account_id)
    stored = {"token": sessions.digest(token), "kind": kind, "created_at": now, "expires_at": link.expires_at}
    with reachable():
        # One document for each account: a newer link takes the place of the earlier one.
        foundation.database[LINKS].replace_one({"_id": account_id}, stored, upsert=True)
    log.info("password_link_made", account=account_id, kind=kind, by=actor.id)
    return link


def use(foundation: Foundation, token: str, password: str) -> None:
    """Set a password by a link, which is then used up, and end all sessions of the account.

    Raises Refused for a password that will not do (the link is still good then), and LinkOver.
    """
    with reachable():
        link = foundation.database[LINKS].find_one({"token": sessions.digest(token)})
        account = store.get(foundation.database, "account", link["_id"]) if link else None
    if (
        link is None
        or account is None
        or not account["active"]
        # The account was closed meanwhile, or was given a password.
        or link["created_at"] < account["sessions_from"]
        or foundation.clock() >= link["expires_at"]
    ):
        raise LinkOver
    if not commands.set_password(foundation, actor_of(account), link, password):
        raise LinkOver
    log.info("password_set", account=account["_id"], kind=link["kind"])
