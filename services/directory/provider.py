"""An office's own sign-in service, spoken to by OpenID Connect: authorization code with PKCE, state and nonce.

Authlib makes the two requests, joserfc checks what is signed. Whose account it is, is in provider_sign_in.py. Sources:
OpenID Connect Core 1.0 (3.1), OpenID Connect Discovery 1.0, RFC 7636 (PKCE), RFC 8725 (algorithms).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from shared.settings import Settings

#: Those with a key pair: a token signed with a secret, or not at all, is nobody's.
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
SCOPE = "openid email"
#: Seconds: somebody waits for the answer, and holds a thread.
TIMEOUT = 5
LEEWAY_SECONDS = 60
#: Seconds after which the provider's addresses and keys are asked for again, and the least between two such questions.
KNOWN_FOR = 3600
ASK_AGAIN_AFTER = 60
LONGEST_SUBJECT = 255


class ProviderAway(Exception):
    """The provider does not answer, or not as a provider does."""


class NotProved(Exception):
    """What came back proves nothing. The reason is a code for the log: told, it would help only a forger."""


@dataclass(frozen=True)
class Question:
    """One request to the provider: the `address` that the browser is sent to, and what the answer is held against."""

    address: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Identity:
    """Whom the provider says it has signed in.

    `subject` is theirs for good; `email` is None unless the provider has verified it; `strong` says that they proved
    who they are by more than a password, in the words that the settings name.
    """

    issuer: str
    subject: str
    email: str | None
    strong: bool


class Provider:
    """The provider that the settings name. It remembers the provider's addresses and keys for KNOWN_FOR."""

    def __init__(self, settings: Settings) -> None:
        if settings.oidc_issuer is None:
            raise ValueError("no provider is named: RUJUKAN_OIDC_ISSUER")
        self.name = settings.oidc_name
        self.issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._client_secret = settings.oidc_client_secret
        self._strong = frozenset(settings.oidc_strong)
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def question(self, redirect_uri: str) -> Question:
        """A new request; the answer comes to `redirect_uri`. Raises ProviderAway."""
        endpoint = self._endpoint("authorization_endpoint")
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._session(redirect_uri) as session:
            address, _ = session.create_authorization_url(endpoint, state=state, nonce=nonce, code_verifier=verifier)
        return Question(address, state, nonce, verifier)

    def identity(self, code: str, nonce: str, verifier: str, redirect_uri: str) -> Identity:
        """Whom a code stands for; the provider takes each code once. Raises NotProved or ProviderAway."""
        endpoint = self._endpoint("token_endpoint")
        with self._session(redirect_uri) as session:
            try:
                token = session.fetch_token(endpoint, code=code, code_verifier=verifier, allow_redirects=False)
            except OAuthError:
                raise NotProved("code_refused") from None
            except (requests.RequestException, ValueError, TypeError):
                raise ProviderAway from None
        id_token = token.get("id_token")
        if not isinstance(id_token, str):
            raise NotProved("no_id_token")
        return self._identity(self._claims(id_token, nonce))

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        subject, email, methods = claims["sub"], claims.get("email"), claims.get("amr", [])
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
            raise NotProved("subject")
        # Only the JSON value true: an address that somebody typed at the provider must open nobody else's account.
        verified = email if isinstance(email, str) and claims.get("email_verified") is True else None
        said = {f"amr={method}" for method in methods} if isinstance(methods, list) else set()
        said.add(f"acr={claims.get('acr')}")
        return Identity(self.issuer, subject, verified, not said.isdisjoint(self._strong))

    def _claims(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        """What an id_token says, once it is known to be for us, for this request, from the provider, and not over."""
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            try:
                token = jwt.decode(id_token, self._key_set(), algorithms=ALGORITHMS)
            except InvalidKeyIdError:  # signed with a key that is newer than our copy
                token = jwt.decode(id_token, self._key_set(renewed=True), algorithms=ALGORITHMS)
            registry.validate(token.claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
            raise NotProved(type(error).__name__) from None
        # Of several audiences the one that it was made for is named apart (Core 2, azp).
        audience, party = token.claims["aud"], token.claims.get("azp")
        several = isinstance(audience, list) and len(audience) > 1
        if party != self._client_id and (several or party is not None):
            raise NotProved("azp")
        return token.claims

    def _session(self, redirect_uri: str) -> OAuth2Session:
        supported = self._known().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in supported else "client_secret_post"
        return OAuth2Session(
            self._client_id,
            self._client_secret,
            token_endpoint_auth_method=method,
            scope=SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            default_timeout=TIMEOUT,
        )

    def _endpoint(self, name: str) -> str:
        address = self._known().get(name)
        if not isinstance(address, str) or not address.startswith(self._schemes()):
            raise ProviderAway
        return address

    def _schemes(self) -> tuple[str, ...]:
        return ("https://",) if self.issuer.startswith("https://") else ("https://", "http://")

    def _known(self) -> Mapping[str, Any]:
        """The provider's metadata. They must name the issuer that was set (Discovery 4.3)."""
        if self._metadata is None or time.monotonic() >= self._metadata[0] + KNOWN_FOR:
            found = _fetched(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self.issuer:
                raise ProviderAway
            self._metadata = time.monotonic(), found
        return self._metadata[1]

    def _key_set(self, *, renewed: bool = False) -> KeySet:
        wait = ASK_AGAIN_AFTER if renewed else KNOWN_FOR
        if self._keys is None or time.monotonic() >= self._keys[0] + wait:
            found = _fetched(self._endpoint("jwks_uri"))
            try:
                self._keys = time.monotonic(), KeySet.import_key_set(found)  # type: ignore[arg-type]
            except (JoseError, ValueError, TypeError, KeyError):
                raise ProviderAway from None
        return self._keys[1]


def _fetched(address: str) -> dict[str, Any]:
    """A JSON object. Raises ProviderAway; redirects are not followed."""
    try:
        answer = requests.get(address, timeout=TIMEOUT, allow_redirects=False)
        found = answer.json() if answer.status_code == 200 else None
    except (requests.RequestException, ValueError):
        raise ProviderAway from None
    if not isinstance(found, dict):
        raise ProviderAway
    return found
