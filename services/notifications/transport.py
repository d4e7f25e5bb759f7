"""Carries one message to one checked address over HTTP, and says what came of it.

It follows no redirect, reads no response body, retries nothing and keeps no connection: each attempt is checked and
made afresh. It decides nothing about what the answer means; `model.py` does.
"""

import socket
import ssl
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from http.client import HTTPException

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from services.notifications.guard import Target
from services.notifications.model import Answer, retry_after_seconds

TIMEOUT = 15.0


def post(target: Target, headers: Mapping[str, str], body: bytes, timeout: float = TIMEOUT) -> Answer:
    """Post `body` to `target` and wait at most `timeout` seconds in all for the status.

    Never raises for what a receiver or the network does: the answer's `error` is then `timeout`, `tls`, `connection`
    or `protocol`. The error's text is dropped, for it may quote what the receiver sent.
    """
    started = time.monotonic()
    connection = _connect(target, timeout)
    # A time-out of a socket starts anew with every byte; the alarm ends also what only drips.
    alarm = threading.Timer(timeout, connection.cut)
    alarm.daemon = True
    alarm.start()
    try:
        connection.request(
            "POST",
            target.endpoint.path,
            body=body,
            headers={
                **headers,
                "Host": _host_header(target),
                "Content-Type": "application/json",
                "User-Agent": "Rujukan-Webhooks/1.0",
                "Accept": "*/*",
                "Connection": "close",
            },
            preload_content=False,
        )
        response = connection.getresponse()
        status, retry_after = response.status, response.headers.get("Retry-After")
        # What the alarm ended may look like a finished answer; it is not one.
        error = None if not connection.was_cut else "timeout"
    except (HTTPError, HTTPException, OSError, ValueError) as failure:
        status, retry_after = None, None
        error = _class_of(failure, late=connection.was_cut)
    finally:
        alarm.cancel()
        connection.close()
    return Answer(
        status=None if error else status,
        error=error,
        latency_ms=round((time.monotonic() - started) * 1000),
        retry_after=retry_after_seconds(retry_after, datetime.now(UTC)),
    )


class _Cuttable(HTTPConnection):
    """A connection that another thread can cut at any stage."""

    wire: socket.socket | None = None
    was_cut = False

    def _new_conn(self) -> socket.socket:
        fresh = super()._new_conn()
        # TLS takes the socket over during its handshake; a duplicate of it can still be shut down.
        self.wire = fresh.dup()
        if self.was_cut:
            fresh.close()
            raise TimeoutError("cut while connecting")
        return fresh

    def cut(self) -> None:
        self.was_cut = True
        if self.wire is not None:
            try:
                self.wire.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself

    def close(self) -> None:
        super().close()
        if self.wire is not None:
            self.wire.close()


class _CuttableTls(_Cuttable, HTTPSConnection):
    """The same over TLS."""


def _connect(target: Target, timeout: float) -> _Cuttable:
    """A connection, not yet opened, to the checked address under the endpoint's name."""
    if target.endpoint.scheme == "http":
        return _Cuttable(target.address, target.endpoint.port, timeout=timeout)
    return _CuttableTls(
        target.address,
        target.endpoint.port,
        timeout=timeout,
        ssl_context=_trust(),
        # The certificate must be for the name, although the connection is to the number.
        server_hostname=target.endpoint.host,
    )


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Certificates are checked against the system's authorities (or those that SSL_CERT_FILE names)."""
    return ssl.create_default_context()


def _host_header(target: Target) -> str:
    host = f"[{target.endpoint.host}]" if ":" in target.endpoint.host else target.endpoint.host
    usual = 443 if target.endpoint.scheme == "https" else 80
    return host if target.endpoint.port == usual else f"{host}:{target.endpoint.port}"


def _class_of(failure: Exception, *, late: bool) -> str:
    """The kind of a failure, safe to store and show."""
    if late:
        return "timeout"
    # urllib3 counts a refused connection among its time-outs.
    if isinstance(failure, TimeoutError | HTTPTimeoutError) and not isinstance(failure, NewConnectionError):
        return "timeout"
    if isinstance(failure, SSLError | ssl.SSLError):
        return "tls"
    if isinstance(failure, OSError | HTTPError):
        return "connection"
    return "protocol"
