"""One address for all services on one machine, and the place where a session becomes a five-minute token.

It knows which service owns which path (shared/web/routes.yaml) and nothing of what the services do. In containers a
reverse proxy does the same with directory's `/directory/internal/exchange`.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask
from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import NotFound
from werkzeug.http import parse_accept_header
from werkzeug.test import Client
from werkzeug.wrappers import Response

from services.directory import sessions
from shared.foundation import Foundation
from shared.mongo import Unavailable
from shared.settings import SERVICES, load
from shared.web.routes import LANGUAGES, owner

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

#: Headers that only we may set; whatever a caller sends under these names is thrown away.
OURS = "HTTP_X_RUJUKAN_"


class FrontDoor:
    """A WSGI application over the services' applications (service name -> Flask).

    `exchange` makes a session's secret into a token, None for a session that is over; it may raise Unavailable.
    """

    def __init__(self, applications: Mapping[str, Flask], exchange: Callable[[str], str | None]) -> None:
        self._applications = applications
        self._exchange = exchange

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        for name in [name for name in environ if name.startswith(OURS)]:
            del environ[name]
        path = environ.get("PATH_INFO", "")
        if path == "/":
            return _to_home(environ)(environ, start_response)
        if path == "/healthz":
            return _json({"status": "alive"})(environ, start_response)
        if path == "/readyz":
            return self._readiness()(environ, start_response)
        service = owner(path)
        if service is None or _is_internal(path):
            return _refused(self._applications["directory"], environ, NotFound())(environ, start_response)
        application = self._applications[service]
        if not path.startswith(f"/{service}/static/"):
            try:
                self._identify(environ)
            except Unavailable as error:
                return _refused(application, environ, error)(environ, start_response)
        return application(environ, start_response)

    def _identify(self, environ: Environ) -> None:
        """Puts the caller's token, and how they proved their session, into the headers for the services."""
        found = sessions.session_token(environ)
        if found is None:
            return
        way, secret = found
        token = self._exchange(secret)
        if token is not None:
            environ["HTTP_X_RUJUKAN_TOKEN"] = token
            environ["HTTP_X_RUJUKAN_AUTH"] = way

    def _readiness(self) -> Response:
        """Every service's own answer, asked at the same time: one that waits must not make the others wait."""
        with ThreadPoolExecutor(len(self._applications)) as pool:
            answers = dict(
                zip(
                    self._applications,
                    pool.map(_ask_readiness, *zip(*self._applications.items(), strict=True)),
                    strict=True,
                )
            )
        failing = [
            f"{service}: {part}"
            for service, parts in answers.items()
            for part, result in parts.items()
            if not result["ok"]
        ]
        body = {"status": "not ready" if failing else "ready", "failing": failing, "services": answers}
        return _json(body, 503 if failing else 200)


def create(environ: Mapping[str, str] = os.environ) -> FrontDoor:
    """All services in one process, from the environment. Raises SettingsError for what is missing in it."""
    foundations = {service: Foundation.start(load(service, environ)) for service in SERVICES}
    applications = {
        service: importlib.import_module(f"services.{service}.app").create_app(foundation)
        for service, foundation in foundations.items()
    }
    return FrontDoor(applications, applications["directory"].extensions[sessions.EXCHANGE])


def _is_internal(path: str) -> bool:
    return path.split("/")[2:3] == ["internal"]


def _to_home(environ: Environ) -> Response:
    accepted = parse_accept_header(environ.get("HTTP_ACCEPT_LANGUAGE"), LanguageAccept)
    language = accepted.best_match(LANGUAGES, default=LANGUAGES[0])
    return Response(
        status=302, headers={"Location": f"/{language}/", "Vary": "Accept-Language", "Cache-Control": "no-store"}
    )


def _ask_readiness(service: str, application: Flask) -> dict[str, Any]:
    answer = Client(application).get(f"/{service}/readyz")
    try:
        return dict(json.loads(answer.get_data())["checks"])
    except (ValueError, KeyError, TypeError):
        return {"application": {"ok": False, "error": f"status {answer.status_code}"}}


def _refused(application: Flask, environ: Environ, error: Exception) -> Response:
    """An application's own page or problem+json for an error that arose before it saw the request."""
    with application.request_context(environ):
        return application.finalize_request(application.handle_user_exception(error), from_error_handler=True)


def _json(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(body), status, {"Cache-Control": "no-store"}, mimetype="application/json")
