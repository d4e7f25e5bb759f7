"""The second factor of an account: six digits from an app (RFC 6238), or one of ten recovery codes.

The app's secret lies sealed, the recovery codes lie as keyed hashes. Who must have a second factor is decided here; how
it belongs to signing in, in signing_in.py.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyotp
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.directory.store import SECOND_FACTORS
from services.directory.throttle import Throttle
from shared.access import Actor
from shared.access.rights import rights
from shared.foundation import Foundation
from shared.mongo import reachable
from shared.telemetry.logs import get_logger

ISSUER = "Rujukan"
#: Steps of 30 seconds by which the clock of a telephone may be off, either way.
DRIFT = 1
RECOVERY_CODES = 10
#: How long a secret that was shown waits for its first code.
PROPOSAL_LASTS = timedelta(minutes=15)

_STEP_SECONDS = 30
_SEPARATORS = re.compile(r"[\s-]")
_SIX_DIGITS = re.compile(r"[0-9]{6}")

log = get_logger(__name__)


class WrongCode(Exception):
    """The code is not right now, or was used before. Which of the two is not told."""


@dataclass(frozen=True)
class Proposal:
    """A secret that waits to be confirmed: in base 32 for typing, and as the address that a QR code holds."""

    secret: str
    address: str


def needed(foundation: Foundation, role: str) -> bool:
    """Whether accounts of this role must have a second factor here: those that read identities, if it is required."""
    return foundation.settings.second_factor_required and any(
        role in right.roles for action, right in rights().items() if action.endswith(".read_identity")
    )


def is_on(foundation: Foundation, account_id: str) -> bool:
    """Whether this account signs in with a second factor."""
    return "sealed" in _kept(foundation, account_id)


def recovery_codes_left(foundation: Foundation, account_id: str) -> int:
    """How many recovery codes were not used yet."""
    return len(_kept(foundation, account_id).get("recovery", ()))


def propose(foundation: Foundation, account_id: str) -> None:
    """Make a secret for an account; it counts once it is confirmed. An earlier proposal is forgotten."""
    sealed = _vessel(foundation, account_id).encrypt(pyotp.random_base32().encode())
    proposal = {"sealed": sealed, "expires_at": foundation.clock() + PROPOSAL_LASTS}
    with reachable():
        foundation.database[SECOND_FACTORS].update_one(
            {"_id": account_id}, {"$set": {"proposal": proposal}}, upsert=True
        )


def proposed(foundation: Foundation, account_id: str, name: str) -> Proposal | None:
    """The secret that waits to be confirmed, for the app's list under the account's `name`; None when none waits."""
    secret = _proposed_secret(foundation, _kept(foundation, account_id))
    if secret is None:
        return None
    return Proposal(secret, pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER))


def confirm(foundation: Foundation, actor: Actor, code: str) -> list[str]:
    """Turn the second factor of the actor's account on with the first code of its app. Returns the recovery codes.

    Raises WrongCode, also when no proposal waits or the factor is on already.
    """
    kept = _kept(foundation, actor.id)
    secret = _proposed_secret(foundation, kept)
    step = _step(foundation, secret, code) if secret is not None else None
    if step is None:
        raise WrongCode
    codes = _new_codes()
    foundation.audit.record(actor, "second_factor.turn_on", actor.id)
    with reachable():
        turned_on = foundation.database[SECOND_FACTORS].update_one(
            {"_id": actor.id, "sealed": {"$exists": False}, "proposal.sealed": kept["proposal"]["sealed"]},
            {
                "$set": {
                    "sealed": kept["proposal"]["sealed"],
                    "last_step": step,
                    "recovery": [_hashed(foundation, actor.id, each) for each in codes],
                },
                "$unset": {"proposal": ""},
            },
        )
    if turned_on.matched_count == 0:
        raise WrongCode
    return codes


def check(foundation: Foundation, account_id: str, code: str, address: str) -> None:
    """Take a code of the account's app, or a recovery code; each is good once.

    Raises WrongCode or TooManyAttempts. Wrong codes are counted beside wrong passwords, not with them: whoever knows
    the password could otherwise begin anew with every right one.
    """
    throttle, counted_as = Throttle(foundation), f"second factor {account_id}"
    with reachable():
        throttle.begin(counted_as, address)
    if not _accepts(foundation, account_id, code):
        log.warning("second_factor_refused", account=account_id)
        raise WrongCode
    with reachable():
        throttle.succeeded(counted_as, address)


def renew_recovery_codes(foundation: Foundation, actor: Actor, code: str, address: str) -> list[str]:
    """Replace the actor's recovery codes; the earlier ones are good for nothing then. Raises as `check`."""
    check(foundation, actor.id, code, address)
    codes = _new_codes()
    foundation.audit.record(actor, "second_factor.renew_recovery_codes", actor.id)
    with reachable():
        foundation.database[SECOND_FACTORS].update_one(
            {"_id": actor.id, "sealed": {"$exists": True}},
            {"$set": {"recovery": [_hashed(foundation, actor.id, each) for each in codes]}},
        )
    return codes


def remove(foundation: Foundation, actor: Actor, account_id: str) -> None:
    """Take the second factor from an account, by its owner or by an administrator. The caller ends the sessions."""
    foundation.audit.record(actor, "second_factor.remove", account_id)
    with reachable():
        foundation.database[SECOND_FACTORS].delete_one({"_id": account_id})


def _accepts(foundation: Foundation, account_id: str, code: str) -> bool:
    """Whether the code is good; it is not good again afterwards, also for one who asks at the same moment."""
    kept = _kept(foundation, account_id)
    if "sealed" not in kept:
        return False
    factors = foundation.database[SECOND_FACTORS]
    step = _step(foundation, _opened(foundation, account_id, kept["sealed"]), code)
    with reachable():
        if step is not None:
            fresh = {"_id": account_id, "sealed": kept["sealed"], "last_step": {"$lt": step}}
            return factors.update_one(fresh, {"$set": {"last_step": step}}).matched_count == 1
        hashed = _hashed(foundation, account_id, code)
        unused = {"_id": account_id, "recovery": hashed}
        return factors.update_one(unused, {"$pull": {"recovery": hashed}}).matched_count == 1


def _step(foundation: Foundation, secret: str | None, code: str) -> int | None:
    """The time step whose code this is, by no more than DRIFT away from now; None when it is of none."""
    digits = _SEPARATORS.sub("", code)
    if secret is None or not _SIX_DIGITS.fullmatch(digits):
        return None
    now = int(foundation.clock().timestamp()) // _STEP_SECONDS
    app = pyotp.TOTP(secret, interval=_STEP_SECONDS)
    steps = range(now - DRIFT, now + DRIFT + 1)
    return max((step for step in steps if hmac.compare_digest(app.generate_otp(step), digits)), default=None)


def _new_codes() -> list[str]:
    """Recovery codes of 80 random bits each, in groups of four to be copied by hand."""
    words = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    return ["-".join(word[start : start + 4] for start in range(0, len(word), 4)) for word in words]


def _hashed(foundation: Foundation, account_id: str, code: str) -> str:
    plain = _SEPARATORS.sub("", code).lower()
    return hmac.new(_key(foundation, f"recovery codes {account_id}"), plain.encode(), hashlib.sha256).hexdigest()


def _kept(foundation: Foundation, account_id: str) -> Mapping[str, Any]:
    with reachable():
        return foundation.database[SECOND_FACTORS].find_one({"_id": account_id}) or {}


def _proposed_secret(foundation: Foundation, kept: Mapping[str, Any]) -> str | None:
    proposal = kept.get("proposal")
    if proposal is None or "sealed" in kept or proposal["expires_at"] <= foundation.clock():
        return None
    return _opened(foundation, kept["_id"], proposal["sealed"])


def _opened(foundation: Foundation, account_id: str, sealed: bytes) -> str | None:
    """The secret, or None when it was sealed under another key: the code is wrong then, and an administrator helps."""
    try:
        return _vessel(foundation, account_id).decrypt(sealed).decode()
    except InvalidToken:
        return None


def _vessel(foundation: Foundation, account_id: str) -> Fernet:
    # A key for each account: what was sealed for one opens for no other.
    return Fernet(base64.urlsafe_b64encode(_key(foundation, f"app secret {account_id}")))


def _key(foundation: Foundation, purpose: str) -> bytes:
    """A key for one purpose, made from directory's secret key (HKDF, RFC 5869)."""
    info = f"rujukan directory second factor: {purpose}".encode()
    return HKDF(SHA256(), 32, salt=None, info=info).derive(foundation.settings.secret_key.encode())
