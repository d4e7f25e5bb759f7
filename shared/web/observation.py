"""What is known of every request afterwards: its id, a span, one log line, its time. Never its address or its body.

The id goes into the answer (X-Request-Id) and into every log line and problem of the request, so that a person's
"it said this number" leads to what happened.
"""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from functools import cache

import structlog
from flask import Flask, Response, g, request
from opentelemetry.trace import SpanKind
from prometheus_client import Histogram

from shared.ids import random_bits
from shared.telemetry.metrics import REQUESTS
from shared.telemetry.tracing import note, span

HEADER = "X-Request-Id"

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Asked every few seconds by machines; a line each would bury the others.
_QUIET = ("health.healthz", "health.readyz", "static", "web.static")

log = structlog.get_logger(__name__)


def install(app: Flask, service: str) -> None:
    """Observes every request of `app`. Must be installed before anything that can refuse one."""

    @cache
    def times(endpoint: str, method: str, status: int) -> Histogram:
        return REQUESTS.labels(service, endpoint, method, str(status))

    @app.before_request
    def begin() -> None:
        headers, seen = request.headers, g._get_current_object()
        seen.began = time.perf_counter()
        given = headers.get(HEADER, "")
        seen.request_id = given if _REQUEST_ID.fullmatch(given) else f"{random_bits(128):032x}"
        structlog.contextvars.bind_contextvars(service=service, role="web", request_id=seen.request_id)
        parent = headers.get("traceparent", "")
        seen.observed = ExitStack()
        seen.observed.enter_context(
            span(
                f"{request.method} {_endpoint()}",
                parent if _TRACEPARENT.fullmatch(parent) else None,
                SpanKind.SERVER,
                {"service": service, "request_id": seen.request_id},
            )
        )

    @app.after_request
    def end(response: Response) -> Response:
        seen, asked = g._get_current_object(), request._get_current_object()  # type: ignore[attr-defined]
        began = seen.get("began")
        response.headers.add(HEADER, seen.get("request_id", ""))
        if began is None or asked.endpoint in _QUIET:
            return response
        seconds = time.perf_counter() - began
        method = asked.method if asked.method in _METHODS else "OTHER"  # anybody can send any word
        endpoint, status = _endpoint(), response.status_code
        times(endpoint, method, status).observe(seconds)
        note("http.response.status_code", status)
        log.info("request", endpoint=endpoint, method=method, status=status, ms=round(seconds * 1000, 1))
        return response

    @app.teardown_request
    def close(_error: BaseException | None) -> None:
        observed = g.pop("observed", None)
        if observed is not None:
            observed.close()
        # Threads are used again: what this request has left must go.
        structlog.contextvars.clear_contextvars()


def _endpoint() -> str:
    return request.endpoint or "unmatched"
