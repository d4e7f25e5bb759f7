"""Sessions: their beginning and end, and what one is exchanged for. How somebody signs in is in signing_in.py.

The secret of a session is 256 random bits that only its owner has; stored is their SHA-256. A session is no event: it
is written without the journal. Who somebody is and what they may do is read anew at every exchange that is not
remembered.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from pymongo import DESCENDING
from werkzeug.http import parse_cookie

from services.directory import model, second_factor
from services.directory.remembered import Remembered, forget, forgets
from services.directory.store import SESSIONS, Entry
from shared.access import Actor
from shared.access.tokens import Issuer, load_private_key
from shared.foundation import Foundation
from shared.ids import new_id
from shared.mongo import reachable
from shared.telemetry.logs import get_logger

#: The prefix `__Host-` makes browsers accept the cookie only over TLS (or loopback), for this host and all paths.
COOKIE = "__Host-rujukan"
#: The name of `exchanger` among the extensions of directory's application.
EXCHANGE = "rujukan.exchange"
#: Characters; ours have 43. Longer ones are not worth a look.
LONGEST_TOKEN = 200
#: How many sessions of one account are listed, the latest first.
MOST_LISTED = 100

#: Both in one question: it is asked at every request.
_WITH_ACCOUNT = {
    "$lookup": {"from": "accounts", "localField": "account_id", "foreignField": "_id", "as": "account"},
}

log = get_logger(__name__)


@dataclass(frozen=True)
class SignedIn:
    """A new session: its secret `token`, to be given to its owner once, and when it ends if it is not used."""

    token: str
    expires_at: datetime
    actor: Actor


def begin(
    foundation: Foundation, account: Entry, device: str | None, *, strong: bool, previous: str | None = None
) -> SignedIn:
    """Begin a session of an account whose owner has proved who they are, on the `device` of these words.

    `strong` says that they did so by more than a password. `previous` is the token of an earlier session of this
    browser, which ends.
    """
    token = secrets.token_urlsafe(32)
    now = foundation.clock()
    session = {
        "_id": digest(token),
        "public_id": new_id("session"),
        "account_id": account["_id"],
        "device": device,
        "strong": strong,
        "created_at": now,
        "touched_at": now,
        "expires_at": model.session_expiry(now, now),
    }
    with reachable():
        if previous:
            foundation.database[SESSIONS].delete_one({"_id": digest(previous)})
            forget()
        foundation.database[SESSIONS].insert_one(session)
    log.info("signed_in", account=account["_id"], session=session["public_id"], strong=strong)
    return SignedIn(token, session["expires_at"], _actor(account, session["public_id"]))


@forgets
def sign_out(foundation: Foundation, actor: Actor) -> None:
    """End the session that the actor's token came from. Ending it twice is no error."""
    with reachable():
        foundation.database[SESSIONS].delete_one({"account_id": actor.id, "public_id": actor.session})
    log.info("signed_out", account=actor.id, session=actor.session)


def live_sessions(foundation: Foundation, actor: Actor) -> list[dict[str, Any]]:
    """Where the actor is signed in, the latest use first, at most MOST_LISTED.

    Each has `id`, `device` (or None), `created_at`, `used_at` (as fine as SESSION_TOUCH), `expires_at` and `current`.
    """
    now = foundation.clock()
    with reachable():
        account = foundation.database.accounts.find_one({"_id": actor.id})
        stored = list(
            foundation.database[SESSIONS]
            .find({"account_id": actor.id, "expires_at": {"$gt": now}})
            .sort("touched_at", DESCENDING)
            .limit(MOST_LISTED)
        )
    return [
        {
            "id": session["public_id"],
            # Sessions that were begun by an earlier release say nothing of their device.
            "device": session.get("device"),
            "created_at": session["created_at"],
            "used_at": session["touched_at"],
            "expires_at": session["expires_at"],
            "current": session["public_id"] == actor.session,
        }
        for session in stored
        if _is_live(foundation, session, account, now)
    ]


@forgets
def end_session(foundation: Foundation, actor: Actor, session_id: str) -> bool:
    """End one of the actor's own sessions by its public id. False when they have none with this id."""
    with reachable():
        ended = foundation.database[SESSIONS].delete_one({"account_id": actor.id, "public_id": session_id})
    if ended.deleted_count == 0:  # what was asked for is then no id of ours, and is not written down
        return False
    log.info("session_ended", account=actor.id, session=session_id)
    return True


@forgets
def only_this_session(foundation: Foundation, actor: Actor) -> None:
    """The actor has just turned their second factor on: this session counts as begun with it, the others end."""
    with reachable():
        mine = {"account_id": actor.id, "public_id": actor.session}
        foundation.database[SESSIONS].update_one(mine, {"$set": {"strong": True}})
        others = {"account_id": actor.id, "public_id": {"$ne": actor.session}}
        foundation.database[SESSIONS].delete_many(others)


@forgets
def sign_out_everywhere(foundation: Foundation, actor: Actor, account_id: str) -> None:
    """End all sessions of an account. Ending none is no error."""
    with reachable():
        ended = foundation.database[SESSIONS].delete_many({"account_id": account_id})
    log.info("signed_out_everywhere", account=account_id, by=actor.id, ended=ended.deleted_count)


def actor_of(foundation: Foundation, token: str) -> tuple[Actor, datetime] | None:
    """Whose live session `token` is, and when it ends if it is not used again; None when it is nobody's."""
    database = foundation.database
    now = foundation.clock()
    with reachable():
        session = next(database[SESSIONS].aggregate([{"$match": {"_id": digest(token)}}, _WITH_ACCOUNT]), None)
        if session is None:
            return None
        account = next(iter(session["account"]), None)
        if account is None or not _is_live(foundation, session, account, now):
            return None
        if now - session["touched_at"] >= model.SESSION_TOUCH:
            session["expires_at"] = model.session_expiry(session["created_at"], now)
            database[SESSIONS].update_one(
                {"_id": session["_id"]}, {"$set": {"touched_at": now, "expires_at": session["expires_at"]}}
            )
    return _actor(account, session["public_id"]), session["expires_at"]


def exchange(foundation: Foundation, token: str) -> str | None:
    """A five-minute token for a live session, or None. Raises Unavailable when the database is out of reach."""
    found = actor_of(foundation, token)
    if found is None:
        return None
    path = foundation.settings.token_private_key_file
    if path is None:
        raise RuntimeError("directory has no RUJUKAN_TOKEN_PRIVATE_KEY_FILE")
    return _issuer(path).issue(found[0])


def exchanger(foundation: Foundation) -> Remembered:
    """`exchange` for one process, which remembers its answers for a moment."""
    return Remembered(lambda token: exchange(foundation, token))


def session_token(environ: Mapping[str, Any]) -> tuple[str, str] | None:
    """How a request proves its session, "bearer" or "cookie", and the session's secret; None when it has none.

    A request with a Bearer token is not also taken by its cookie: it would escape the checks against foreign forms.
    """
    scheme, _, credentials = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == "bearer":
        way, secret = "bearer", credentials.strip()
    else:
        way, secret = "cookie", parse_cookie(dict(environ)).get(COOKIE, "")
    return (way, secret) if 0 < len(secret) <= LONGEST_TOKEN else None


def _is_live(
    foundation: Foundation, session: Mapping[str, Any], account: Mapping[str, Any] | None, now: datetime
) -> bool:
    """Also not live is a session begun by a password alone where that is not enough, since a change of role or of the
    setting."""
    if account is None or not model.session_is_live(session, account, now):
        return False
    return session.get("strong", False) or not second_factor.needed(foundation, account["role"])


def _actor(account: Mapping[str, Any], session_id: str) -> Actor:
    return Actor(
        id=account["_id"],
        role=account["role"],
        agency_id=account["agency_id"],
        session=session_id,
        name=account["name"],
        areas=tuple(account.get("areas", ())),
    )


def digest(token: str) -> str:
    """What is stored of a secret of 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


@cache
def _issuer(path: Path) -> Issuer:
    return Issuer(load_private_key(path))
