"""Signing in: the password first (or the office's provider, provider_sign_in.py), then the code of an account that has
a second factor.

Between the two lies a challenge: its secret is no session's and is good for nothing but the code, for ten minutes. What
a session is, and its end, is in sessions.py.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from services.directory import second_factor, sessions, store
from services.directory.devices import device
from services.directory.sessions import SignedIn
from services.directory.store import CHALLENGES, Entry, account_by_email
from services.directory.throttle import Throttle
from shared.access import Actor
from shared.access.passwords import verify
from shared.foundation import Foundation
from shared.mongo import reachable
from shared.telemetry.logs import get_logger

#: How long the second step may take.
CHALLENGE_LASTS = timedelta(minutes=10)

log = get_logger(__name__)


class WrongCredentials(Exception):
    """No active account has this e-mail address and password. Which of the three it was is not told."""


class ChallengeOver(Exception):
    """There is no such challenge, or not any more: sign in from the beginning."""


class SecondFactorNeeded(Exception):
    """The password was right and a code is still to come, or, with `set_up`, a second factor is to be set up first.

    `challenge` is given to whoever signs in, once.
    """

    def __init__(self, challenge: str, expires_at: datetime, set_up: bool) -> None:
        super().__init__("second factor needed")
        self.challenge = challenge
        self.expires_at = expires_at
        self.set_up = set_up


def sign_in(
    foundation: Foundation,
    email: str,
    password: str,
    address: str,
    previous: str | None = None,
    user_agent: str = "",
) -> SignedIn:
    """Begin a session. `previous` is the token of an earlier session of this browser, which ends; of `user_agent` only
    the words for the device are kept.

    Raises WrongCredentials or TooManyAttempts; both come after the same work whether or not the account exists.
    Raises SecondFactorNeeded when the password is right and not enough.
    """
    throttle = Throttle(foundation)
    with reachable():
        throttle.begin(email, address)
        account = account_by_email(foundation.database, email)
    matches = verify(account["password_hash"] if account else None, password)
    if account is None or not matches or not account["active"]:
        log.warning("sign_in_refused", account=account["_id"] if account else None)
        raise WrongCredentials
    with reachable():
        throttle.succeeded(email, address)
    return proceed(foundation, account, device(user_agent), strong=False, previous=previous)


def proceed(
    foundation: Foundation, account: Entry, device_name: str | None, *, strong: bool, previous: str | None
) -> SignedIn:
    """Begin the session of an account whose owner has passed the first step.

    Raises SecondFactorNeeded when that step was not `strong` and the account has, or must have, a second factor.
    """
    if not strong:
        has_factor = second_factor.is_on(foundation, account["_id"])
        if has_factor or second_factor.needed(foundation, account["role"]):
            raise _ask(foundation, account, device_name, set_up=not has_factor)
    return sessions.begin(foundation, account, device_name, strong=strong, previous=previous)


def answer(foundation: Foundation, token: str, code: str, address: str, previous: str | None = None) -> SignedIn:
    """Begin the session that a challenge stands before, with a code.

    Raises ChallengeOver, WrongCode or TooManyAttempts.
    """
    challenge, account = challenged(foundation, token, set_up=False)
    second_factor.check(foundation, account["_id"], code, address)
    return _finish(foundation, challenge, account, previous)


def set_up(foundation: Foundation, token: str, code: str, previous: str | None = None) -> tuple[SignedIn, list[str]]:
    """Turn the second factor on by its first code and begin the session; also returns the recovery codes.

    Raises ChallengeOver or WrongCode.
    """
    challenge, account = challenged(foundation, token, set_up=True)
    codes = second_factor.confirm(foundation, actor_of(account), code)
    return _finish(foundation, challenge, account, previous), codes


def challenged(foundation: Foundation, token: str, *, set_up: bool) -> tuple[Entry, Entry]:
    """A challenge that is open, and its account. Raises ChallengeOver, whatever the reason."""
    with reachable():
        challenge = foundation.database[CHALLENGES].find_one({"_id": sessions.digest(token), "set_up": set_up})
        account = store.get(foundation.database, "account", challenge["account_id"]) if challenge else None
    if (
        challenge is None
        or account is None
        or not account["active"]
        or challenge["created_at"] < account["sessions_from"]
        or foundation.clock() >= challenge["expires_at"]
    ):
        raise ChallengeOver
    return challenge, account


def actor_of(account: Entry) -> Actor:
    """Whoever has passed the first step, for what the second one writes down."""
    return Actor(id=account["_id"], role=account["role"], agency_id=account["agency_id"], name=account["name"])


def _ask(foundation: Foundation, account: Entry, device_name: str | None, *, set_up: bool) -> SecondFactorNeeded:
    token, now = secrets.token_urlsafe(32), foundation.clock()
    challenge = {
        "_id": sessions.digest(token),
        "account_id": account["_id"],
        "device": device_name,
        "set_up": set_up,
        "created_at": now,
        "expires_at": now + CHALLENGE_LASTS,
    }
    with reachable():
        foundation.database[CHALLENGES].insert_one(challenge)
    log.info("second_factor_asked", account=account["_id"], set_up=set_up)
    return SecondFactorNeeded(token, challenge["expires_at"], set_up)


def _finish(foundation: Foundation, challenge: Entry, account: Entry, previous: str | None) -> SignedIn:
    with reachable():
        # Of two that answer at the same moment one begins a session.
        if foundation.database[CHALLENGES].delete_one({"_id": challenge["_id"]}).deleted_count == 0:
            raise ChallengeOver
    return sessions.begin(foundation, account, challenge["device"], strong=True, previous=previous)
