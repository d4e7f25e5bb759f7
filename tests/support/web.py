"""Web applications under test: a foundation without databases, and a client that behaves as a browser behind the
front door does (a token, the Origin of our own page, the CSRF token of the page it read)."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flask import Flask, session
from flask_wtf.csrf import generate_csrf
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from shared.access import Actor
from shared.access.tokens import HEADER, create_key_files, issue, load_private_key
from shared.settings import Settings

ORIGIN = "https://localhost"


Wsgi = Callable[..., Any]


def signed_in(app: Flask, actor: Actor) -> Wsgi:
    """The application as a person signed in finds it: the front door's headers are added to each request."""
    key = load_private_key(app.extensions["rujukan"].settings.token_private_key_file or "")

    def application(environ: dict[str, Any], start: Any) -> Any:
        environ[f"HTTP_{HEADER.upper().replace('-', '_')}"] = issue(key, actor)
        environ["HTTP_X_RUJUKAN_AUTH"] = "cookie"
        return app.wsgi_app(environ, start)

    return application


@contextmanager
def served(application: Wsgi, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """The application at a real address, for a browser; at any free port if none is given."""
    server = make_server(host, port, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


class AnsweringDatabase:
    """A database that is there and answers a ping; nothing else."""

    def command(self, name: str) -> dict[str, int]:
        return {"ok": 1}


def settings(directory: Path, service: str = "intake", **changes: Any) -> Settings:
    """Settings for a service whose token keys lie in `directory` (made when they are missing)."""
    private, public = directory / "token-private.pem", directory / "token-public.pem"
    if not public.exists():
        create_key_files(private, public)
    values: dict[str, Any] = {
        "service": service,
        "environment": "local",
        "base_url": "http://localhost:8000",
        "mongodb_uri": "mongodb://nowhere.invalid",
        "mongodb_user": service,
        "mongodb_password": None,
        "kafka_bootstrap": (),
        "prefix": "",
        "secret_key": "unit tests only, " + service * 8,
        "token_private_key_file": private,
        "token_public_key_file": public,
        "vault_key_file": None,
        "audit_key_file": None,
        "audit_heads": None,
        "demonstration": True,
        "failpoints": (),
    }
    return Settings(**{**values, **changes})


def foundation(directory: Path, service: str = "intake", database: Any = None, **changes: Any) -> Any:
    """A stand-in for shared.foundation.Foundation: settings, a database that only answers, the real clock."""
    return SimpleNamespace(
        settings=settings(directory, service, **changes),
        database=database or AnsweringDatabase(),
        journal=None,
        vault=None,
        audit=None,
        clock=lambda: datetime.now(UTC),
    )


class Browser:
    """A person at a browser, signed in as `actor` (None: nobody), without JavaScript."""

    def __init__(self, app: Flask, actor: Actor | None = None) -> None:
        self.client = app.test_client()
        self._key = load_private_key(app.extensions["rujukan"].settings.token_private_key_file)
        self.actor = actor

    def headers(self, way: str = "cookie", **more: str) -> dict[str, str]:
        """What the front door adds: the actor's token and how the session came ("cookie" or "bearer")."""
        found = {"Origin": ORIGIN, **more}
        if self.actor is not None:
            found |= {HEADER: issue(self._key, self.actor), "X-Rujukan-Auth": way}
        return found

    def get(self, path: str, **more: Any) -> TestResponse:
        """Reads a page."""
        return self.client.get(path, headers=self.headers() | more.pop("headers", {}), base_url=ORIGIN, **more)

    def post(self, path: str, data: dict[str, Any], page: str | None = None, **more: Any) -> TestResponse:
        """Reads `page` (`path` itself if None), then sends the form there with that page's CSRF token."""
        token = csrf_token(self.get(page or path).text)
        return self.client.post(
            path,
            data={**data, "csrf_token": token},
            headers=self.headers() | more.pop("headers", {}),
            base_url=ORIGIN,
            **more,
        )

    def api(self, method: str, path: str, json: Any = None, **more: Any) -> TestResponse:
        """Calls a JSON endpoint as a program with a Bearer token does."""
        headers = self.headers("bearer") | more.pop("headers", {})
        return self.client.open(path, method=method, json=json, headers=headers, base_url=ORIGIN, **more)


def csrf_token(html: str) -> str:
    """The CSRF token of the last form on a page (the first may be the sign-out form of the layout)."""
    found = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', html)
    assert found, "the page has no form with a CSRF token"
    return found[-1]


def page_token(browser: Browser, app: Flask) -> str:
    """The CSRF token of a page of ours that this browser has read."""
    with app.test_request_context(base_url=ORIGIN):
        token: str = generate_csrf()
        kept = dict(session)
    with browser.client.session_transaction(base_url=ORIGIN) as own:
        own.update(kept)
    return token
