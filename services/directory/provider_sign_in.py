"""Signing in by the office's own provider: from the button to an account, which must be there already.

The first time a person is known by an e-mail address that the provider has verified; from then on by the provider's
name for them (`sub`) alone, whatever their address is. No account is ever made here.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from pymongo.errors import DuplicateKeyError

from services.directory import sessions, signing_in, store
from services.directory.devices import device
from services.directory.provider import Identity, NotProved, Provider
from services.directory.sessions import SignedIn
from services.directory.store import FLOWS, IDENTITIES, Entry
from shared.foundation import Foundation
from shared.mongo import reachable
from shared.telemetry.logs import get_logger

#: Where the provider sends people back to. Without a language, so that one address is to be entered there.
CALLBACK = "/directory/sign-in/callback"
#: How long signing in at the provider may take.
FLOW_LASTS = timedelta(minutes=10)

log = get_logger(__name__)


class FlowOver(Exception):
    """No sign-in of this browser waits for this answer, or not any more: begin again."""


class NobodyHere(Exception):
    """The provider knows this person, and no open account of ours is theirs. Why it is none is not told."""


@dataclass(frozen=True)
class Begun:
    """A sign-in that waits for the provider: the secret that the browser keeps, and where it is to go."""

    token: str
    address: str


@dataclass(frozen=True)
class Flow:
    """What a sign-in that waits was begun with. `target` is a path of ours, `language` that of the page."""

    state: str
    nonce: str
    verifier: str
    target: str
    language: str


def begin(foundation: Foundation, provider: Provider, target: str, language: str) -> Begun:
    """Begin to sign in. Raises ProviderAway."""
    question = provider.question(foundation.settings.base_url + CALLBACK)
    token, now = secrets.token_urlsafe(32), foundation.clock()
    flow = {
        "_id": sessions.digest(token),
        "state": question.state,
        "nonce": question.nonce,
        "verifier": question.verifier,
        "target": target,
        "language": language,
        "expires_at": now + FLOW_LASTS,
    }
    with reachable():
        foundation.database[FLOWS].insert_one(flow)
    return Begun(token, question.address)


def take(foundation: Foundation, token: str) -> Flow:
    """The sign-in that this browser has begun; it is used up. Raises FlowOver."""
    with reachable():
        found = foundation.database[FLOWS].find_one_and_delete({"_id": sessions.digest(token)})
    if found is None or foundation.clock() >= found["expires_at"]:
        raise FlowOver
    return Flow(found["state"], found["nonce"], found["verifier"], found["target"], found["language"])


def finish(
    foundation: Foundation,
    provider: Provider,
    flow: Flow,
    state: str,
    code: str,
    previous: str | None = None,
    user_agent: str = "",
) -> SignedIn:
    """Begin a session by what the provider answered. `previous` is the token of an earlier session, which ends.

    Raises FlowOver, NotProved, ProviderAway, NobodyHere, and SecondFactorNeeded as after a password when the provider
    does not say that it has asked for more than one.
    """
    if not hmac.compare_digest(flow.state.encode(), state.encode()):
        raise FlowOver
    try:
        identity = provider.identity(code, flow.nonce, flow.verifier, foundation.settings.base_url + CALLBACK)
    except NotProved as error:
        log.warning("provider_answer_refused", reason=str(error))
        raise
    account = _account(foundation, identity)
    return signing_in.proceed(foundation, account, device(user_agent), strong=identity.strong, previous=previous)


def _account(foundation: Foundation, identity: Identity) -> Entry:
    # By digest, as e-mail addresses: the database's own log quotes values.
    key = sessions.digest(f"{identity.issuer}\n{identity.subject}")
    with reachable():
        bound = foundation.database[IDENTITIES].find_one({"_id": key})
        if bound is not None:
            account = store.get(foundation.database, "account", bound["account_id"])
        elif identity.email is not None:
            account = store.account_by_email(foundation.database, identity.email)
        else:
            account = None
    if account is None or not account["active"]:
        log.warning("sign_in_refused", account=account["_id"] if account else None, by="provider")
        raise NobodyHere
    if bound is None:
        _bind(foundation, key, identity.issuer, account)
    return account


def _bind(foundation: Foundation, key: str, issuer: str, account: Entry) -> None:
    """From now on the account is this subject's. Raises NobodyHere when it is another's already."""
    identities = foundation.database[IDENTITIES]
    taken = {"account_id": account["_id"], "issuer": issuer}
    with reachable():
        other = identities.find_one(taken, {"_id": 1})
    if other is not None:
        log.warning("sign_in_refused", account=account["_id"], by="provider", reason="another_subject")
        raise NobodyHere
    foundation.audit.record(signing_in.actor_of(account), "account.bind", account["_id"])
    try:
        with reachable():
            identities.insert_one({"_id": key, **taken, "bound_at": foundation.clock()})
    except DuplicateKeyError:  # somebody was first, at the same moment
        raise NobodyHere from None
