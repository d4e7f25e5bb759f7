"""What is known of every request afterwards: its id, a span, one log line, its time. Never its address or its body.

The id goes into the answer (X-Request-Id) and into every log line and problem of the request, so that a person's
"it said this number" leads to what happened.
"""

from __future__ import annotations

import re
import time
import uuid
from contextlib import ExitStack

import structlog
from flask import Flask, Response, g, request
from opentelemetry.trace import SpanKind

from shared.telemetry.metrics import REQUESTS
from shared.telemetry.tracing import span

HEADER = "X-Request-Id"

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
# Asked every few seconds by machines; a line each would bury the others.
_QUIET = ("health.healthz", "health.readyz", "static", "web.static")

log = structlog.get_logger(__name__)


def install(app: Flask, service: str) -> None:
    """Observes every request of `app`. Must be installed before anything that can refuse one."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        given = request.headers.get(HEADER, "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        # Threads are used again: what the request before left must go.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(service=service, role="web", request_id=g.request_id)
        parent = request.headers.get("traceparent", "")
        g.observed = ExitStack()
        g.observed.enter_context(
            span(
                f"{request.method} {_endpoint()}",
                parent if _TRACEPARENT.fullmatch(parent) else None,
                SpanKind.SERVER,
                {"request_id": g.request_id},
            )
        )

    @app.after_request
    def end(response: Response) -> Response:
        began = g.get("began")
        response.headers[HEADER] = g.get("request_id", "")
        if began is None or request.endpoint in _QUIET:
            return response
        seconds = time.perf_counter() - began
        status = response.status_code
        REQUESTS.labels(service, _endpoint(), request.method, str(status)).observe(seconds)
        log.info("request", endpoint=_endpoint(), method=request.method, status=status, ms=round(seconds * 1000, 1))
        return response

    @app.teardown_request
    def close(_error: BaseException | None) -> None:
        observed = g.pop("observed", None)
        if observed is not None:
            observed.close()
        structlog.contextvars.clear_contextvars()


def _endpoint() -> str:
    return request.endpoint or "unmatched"
