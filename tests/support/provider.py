"""An OpenID provider at a real address, which behaves as one, or misbehaves in one way that a test names.

It signs in whoever is its `person`, at once or by a page on which to say yes. PKCE, the client's secret and the one use
of a code are checked as a provider must, unless a test says otherwise.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from markupsafe import escape
from werkzeug.serving import make_server

CLIENT_ID = "rujukan"
CLIENT_SECRET = "kunci klien hanya untuk uji coba"  # pragma: allowlist secret
SUBJECT, EMAIL = "subject-1", "petugas@kantor.test"


@dataclass
class Provider:
    """The provider. `person` is what it says of whom it signs in; the others say how it misbehaves."""

    person: dict[str, Any] = field(default_factory=lambda: {"sub": SUBJECT, "email": EMAIL, "email_verified": True})
    claims: dict[str, Any] = field(default_factory=dict)
    """Put into every id_token over what belongs there; None leaves a claim out."""
    algorithm: str = "RS256"
    metadata: dict[str, Any] = field(default_factory=dict)
    takes_codes_again: bool = False
    says_yes_at: str = ""
    """The text of a link to our side on a page of its own; without it the browser is led on at once."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The parameters of every request for a code."""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, auto_kid=True))
    signs_with: RSAKey | None = None
    """Another key than the published one."""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __enter__(self) -> Provider:
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No longer answers. Stopping twice is no error."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(10)
        self._server.server_close()

    def environ(self) -> dict[str, str]:
        """The variables by which directory knows it."""
        return {
            "RUJUKAN_OIDC_ISSUER": self.issuer,
            "RUJUKAN_OIDC_CLIENT_ID": CLIENT_ID,
            "RUJUKAN_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "RUJUKAN_OIDC_NAME": "Masuk Kota",
            "RUJUKAN_OIDC_STRONG": "amr=mfa acr=gold",
        }

    def answer(self, address: str) -> str:
        """Where the provider sends a browser that comes to `address`."""
        said = dict(parse_qsl(urlsplit(address).query))
        self.asked.append(said)
        code = secrets.token_urlsafe(16)
        self._codes[code] = said
        return f"{said['redirect_uri']}?{urlencode({'code': code, 'state': said['state']})}"

    def _app(self) -> Flask:
        app = Flask("provider")

        @app.get("/.well-known/openid-configuration")
        def metadata() -> ResponseReturnValue:
            paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            return {
                "issuer": self.issuer,
                **{name: f"{self.issuer}/{at}" for name, at in paths.items()},
                **self.metadata,
            }

        @app.get("/keys")
        def keys() -> ResponseReturnValue:
            return {"keys": [self.key.as_dict(private=False)]}

        @app.get("/authorize")
        def authorize() -> ResponseReturnValue:
            back = self.answer(request.full_path)
            if not self.says_yes_at:
                return redirect(back)
            return f'<title>-</title><link rel="icon" href="data:,"><a href="{escape(back)}">{self.says_yes_at}</a>'

        @app.post("/token")
        def token() -> ResponseReturnValue:
            code = request.form.get("code", "")
            asked = self._codes.get(code)
            if not self.takes_codes_again:
                self._codes.pop(code, None)
            if asked is None or not _matches(asked, request.form) or not _is_client():
                return jsonify(error="invalid_grant"), 400
            return {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "id_token": self._signed(asked)}

        return app

    def _signed(self, asked: Mapping[str, str]) -> str:
        now = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked.get("nonce")}
        said |= self.person | self.claims
        claims = {name: value for name, value in said.items() if value is not None}
        if self.algorithm == "none":
            return f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(claims)}."
        key: Any = self.signs_with or self.key
        if self.algorithm == "HS256":  # with what the client could check it by: its secret
            key = OctKey.import_key(CLIENT_SECRET)
        return jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, claims, key, algorithms=[self.algorithm])


def _matches(asked: Mapping[str, str], form: Mapping[str, str]) -> bool:
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return (
        asked.get("code_challenge_method") == "S256"
        and asked.get("code_challenge") == challenge
        and asked["redirect_uri"] == form.get("redirect_uri")
    )


def _is_client() -> bool:
    given = request.authorization
    return given is not None and (given.username, given.password) == (CLIENT_ID, CLIENT_SECRET)


def _encoded(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
