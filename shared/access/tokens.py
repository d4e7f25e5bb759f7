"""Five-minute tokens: what the front door makes of a session, and what a service verifies offline.

Signed with Ed25519 (RFC 8037, named as in RFC 9864). They are no session and are never stored.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.access.actor import Actor
from shared.domain.roles import ROLES

HEADER = "X-Rujukan-Token"
#: How the caller proved the session: `cookie` or `bearer`. A form of another site can send a cookie, never a bearer.
AUTH_HEADER = "X-Rujukan-Auth"

ALGORITHM = "Ed25519"
ISSUER = "rujukan.directory"
AUDIENCE = "rujukan.services"
LIFETIME_SECONDS = 300
LEEWAY_SECONDS = 5

_CLAIMS = jwt.JWTClaimsRegistry(
    leeway=LEEWAY_SECONDS,
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    sub={"essential": True},
    iat={"essential": True},
    exp={"essential": True},
    sid={"essential": True},
    role={"essential": True, "values": list(ROLES)},
)


class TokenError(Exception):
    """A token that proves nothing. The reason is not told to the caller: it would help only a forger."""


def create_key_files(private: str | os.PathLike[str], public: str | os.PathLike[str]) -> None:
    """Write a new key pair as PEM files, the private one readable by its owner only (0600).

    Raises FileExistsError rather than replace a key that is in use.
    """
    key = OKPKey.generate_key("Ed25519")
    _write_new(Path(private), key.as_pem(private=True), 0o600)
    _write_new(Path(public), key.as_pem(private=False), 0o644)


def _write_new(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def load_private_key(path: str | os.PathLike[str]) -> OKPKey:
    """The signing key of a PEM file. Raises ValueError when the file holds no Ed25519 private key."""
    key = _load(path)
    if not key.is_private:
        raise ValueError(f"{path} holds no private key")
    return key


def load_public_key(path: str | os.PathLike[str]) -> OKPKey:
    """The verifying key of a PEM file. Raises ValueError when the file holds no Ed25519 key."""
    return _load(path)


def _load(path: str | os.PathLike[str]) -> OKPKey:
    try:
        key = OKPKey.import_key(Path(path).read_bytes())
    except (JoseError, ValueError, TypeError) as error:
        raise ValueError(f"{path} holds no Ed25519 key") from error
    if key.curve_name != ALGORITHM:
        raise ValueError(f"{path} holds no Ed25519 key")
    return key


def issue(private_key: OKPKey, actor: Actor, now: int | None = None) -> str:
    """A token for `actor`, good for five minutes from `now` (Unix seconds; the clock's time if not given)."""
    issued_at = int(time.time()) if now is None else now
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": actor.id,
        "sid": actor.session,
        "role": actor.role,
        "agency": actor.agency_id,
        "name": actor.name,
        **({"areas": list(actor.areas)} if actor.areas else {}),
        "iat": issued_at,
        "exp": issued_at + LIFETIME_SECONDS,
    }
    return jwt.encode({"alg": ALGORITHM}, claims, private_key, algorithms=[ALGORITHM])


class Issuer:
    """Issues tokens, and for the same actor the same one again while it is young: signing takes longer than asking."""

    #: Seconds for which a token is given again. What is left of its five minutes is more than a request takes.
    YOUNG_SECONDS = 60
    LARGEST = 10_000

    def __init__(self, private_key: OKPKey) -> None:
        self._private_key = private_key
        self._issued: dict[Actor, tuple[int, str]] = {}

    def issue(self, actor: Actor) -> str:
        """A token for `actor`, at most a minute old."""
        now = int(time.time())
        known = self._issued.get(actor)
        if known is not None and 0 <= now - known[0] < self.YOUNG_SECONDS:
            return known[1]
        token = issue(self._private_key, actor, now)
        if len(self._issued) >= self.LARGEST:
            self._issued.clear()
        self._issued[actor] = (now, token)
        return token


class Verifier:
    """Verifies tokens, each once: a token that was good stays good until it expires."""

    LARGEST = 10_000

    def __init__(self, public_key: OKPKey) -> None:
        self._public_key = public_key
        self._verified: dict[str, tuple[float, Actor]] = {}

    def verify(self, token: str) -> Actor:
        """The actor that the token proves. Raises TokenError."""
        known = self._verified.get(token)
        if known is not None and time.time() < known[0]:
            return known[1]
        actor, expires_at = _verify(self._public_key, token)
        if len(self._verified) >= self.LARGEST:
            self._verified.clear()
        self._verified[token] = (expires_at, actor)
        return actor


def verify(public_key: OKPKey, token: str) -> Actor:
    """The actor that the token proves. Raises `TokenError`, and nothing else, whatever the token is.

    The key and the algorithm are ours: what the token's header says of them (`alg`, `jwk`, `kid`) is never followed.
    """
    return _verify(public_key, token)[0]


def _verify(public_key: OKPKey, token: str) -> tuple[Actor, float]:
    try:
        decoded = jwt.decode(token, public_key, algorithms=[ALGORITHM])
        if set(decoded.header) != {"alg", "typ"}:
            raise TokenError("unexpected header")
        claims = decoded.claims
        # `jwt.decode` alone accepts an expired token.
        _CLAIMS.validate(claims)
        if claims["exp"] - claims["iat"] > LIFETIME_SECONDS:
            raise TokenError("lives too long")
        agency, name, session = claims.get("agency"), claims.get("name", ""), claims["sid"]
        areas = claims.get("areas", [])  # a token without them is of the whole city
        right = isinstance(agency, str | None) and isinstance(name, str) and isinstance(session, str)
        if not (right and isinstance(areas, list) and all(isinstance(area, str) for area in areas)):
            raise TokenError("wrong type of claim")
        actor = Actor(claims["sub"], claims["role"], agency, session, name, tuple(areas))
        return actor, float(claims["exp"])
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise TokenError("not a token of ours") from error
