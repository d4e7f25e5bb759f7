"""Headers that tell a browser what a page may do, and the check that a form came from our own page.

Who the actor is and what they may do is decided elsewhere (shared/access).
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from flask import Flask, Request, Response, current_app, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect

from shared.web.flask_classes import response_class
from shared.web.problem import Problem

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with it a browser sends `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()",
}
FOREVER = "public, max-age=31536000, immutable"
#: Set by the front door: how the session came ("cookie" or "bearer"); absent when there is none.
AUTH_HEADER = "X-Rujukan-Auth"

_UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# Content types that a browser sends across sites without asking first.
_SIMPLE_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")

csrf = CSRFProtect()


class _Sessions(SecureCookieSessionInterface):
    """Flask's; for a request without a cookie of ours it makes no signer."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if "HTTP_COOKIE" in request.environ and self.get_cookie_name(app) in request.cookies:
            return super().open_session(app, request)
        return self.session_class()


def install(app: Flask, service: str, secret_key: str, base_url: str) -> None:
    """Sets the session cookie, the CSRF protection and the headers of `app`. `check` is called by app.py."""
    app.config.update(
        SECRET_KEY=secret_key,
        SESSION_COOKIE_NAME=f"__Host-{service}",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        WTF_CSRF_TIME_LIMIT=None,
        # We decide when (check, below), and compare origins ourselves instead of the referrer.
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_SSL_STRICT=False,
        RUJUKAN_ORIGIN=_origin(base_url),
    )
    app.session_interface = _Sessions()
    csrf.init_app(app)
    usual = [*HEADERS.items(), ("Cache-Control", "no-store")]
    if urlsplit(base_url).scheme == "https":
        usual.append(("Strict-Transport-Security", "max-age=31536000"))
    app.response_class = response_class(usual)

    @app.after_request
    def say_how_long_files_last(response: Response) -> Response:
        if is_static():
            hashed = "v" in request.args and response.status_code in (200, 304)
            response.headers["Cache-Control"] = FOREVER if hashed else "no-cache"
        return response


def is_static() -> bool:
    """Whether this request is for a file of a static folder."""
    return request.endpoint is not None and request.endpoint.rpartition(".")[2] == "static"


def check() -> None:
    """Refuses an unsafe request that a foreign page could have made a browser send. Raises Problem 403.

    A request whose actor came by Bearer token needs no check: no browser adds that by itself. JSON without any session
    only has its Origin compared, if it has one.
    """
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    if asked.method not in _UNSAFE or asked.endpoint is None:
        return
    headers, for_programs = asked.headers, asked.path.startswith("/api/")
    way = headers.get(AUTH_HEADER) or ("cookie" if headers.get("X-Rujukan-Token") else "")
    if way == "bearer" and for_programs:
        return
    if way != "cookie" and for_programs and asked.mimetype not in _SIMPLE_TYPES:
        if "Origin" in headers and not _from_our_page():
            raise Problem(403, "foreign_origin")
        return
    if not _from_our_page():
        raise Problem(403, "foreign_origin")
    if _is_sign_out() and hmac.compare_digest(request.form.get("csrf_token", "").encode(), sign_out_token().encode()):
        g.csrf_valid = True
        return
    csrf.protect()


def sign_out_token() -> str:
    """The CSRF token of the sign-out form in the layout.

    That form stands on the pages of every service and is received by one, whose session secrets the others do not
    have. So it is bound to the session's id instead; it is good for nothing but signing out.
    """
    actor = g.get("actor")
    session_id = (actor.session if actor is not None else None) or ""
    return hashlib.sha256(f"rujukan sign-out {session_id}".encode()).hexdigest()


def _is_sign_out() -> bool:
    return request.path.rstrip("/").endswith("/sign-out") and request.path.count("/") == 2


def _from_our_page() -> bool:
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site") == "same-origin"
    return _origin(origin) in (current_app.config["RUJUKAN_ORIGIN"], _origin(request.host_url))


def _origin(address: str) -> tuple[str, str | None, int | None] | None:
    """Scheme, host and port of an address; None when it is not one."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname:
        return None
    return parts.scheme, parts.hostname, port
