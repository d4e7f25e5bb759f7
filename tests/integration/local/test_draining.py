"""What clients meet while the web ends: with gunicorn's settings as they are, and an application that can be held."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from deploy import processes
from deploy.local import leash
from deploy.local.ports import LOOPBACK, free_port, is_open, wait_until
from deploy.local.state import ROOT

FULL = 3
"""Connections that one worker with two threads takes at a time."""


class Web:
    """gunicorn with one worker. `let_go` lets it answer what it holds."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._held, serving = directory / "let-go", directory / "serving"
        serving.mkdir()
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RUJUKAN_")},
            "RUJUKAN_BIND": f"{LOOPBACK}:{self.port}", "RUJUKAN_WEB_WORKERS": "1", "RUJUKAN_WEB_THREADS": "2",
            "RUJUKAN_SERVING": str(serving), "HELD": str(self._held),
        }  # fmt: skip
        config = ["--config", str(processes.GUNICORN_CONFIGURATION), "tests.support.held_app:app"]
        command = leash.command([sys.executable, "-m", "gunicorn", *config])
        self.process = subprocess.Popen(command, env=leash.environment(environ), cwd=ROOT)
        wait_until(lambda: bool(list(serving.iterdir())), 30, "the web")

    def post(self, path: str, connection: HTTPConnection | None = None) -> HTTPConnection:
        """Sends a request, on a new connection if none is given."""
        connection = connection or HTTPConnection(LOOPBACK, self.port, timeout=30)
        connection.request("POST", path, b"a report")
        return connection

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def refuses(self) -> bool:
        return not is_open(self.port)

    def let_go(self) -> None:
        self._held.touch()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    found = Web(tmp_path)
    yield found
    found.process.kill()
    found.process.wait(10)


def answered(connection: HTTPConnection) -> HTTPResponse:
    answer = connection.getresponse()
    assert answer.status == 201 and answer.read() == b"a report"
    return answer


def test_who_waits_is_answered_and_who_comes_later_is_refused_at_once(web: Web) -> None:
    """Seen to fail with gunicorn's own worker: those behind the full one are reset, and later ones wait with them."""
    taken = [web.post("/held") for _ in range(FULL)]
    waiting = [web.post("/") for _ in range(4)]
    web.end()
    wait_until(web.refuses, 10, "a refusal, with requests still under way")
    web.let_go()
    for connection in taken:
        answered(connection)
    for connection in waiting:
        assert answered(connection).headers["Connection"] == "close"
    assert web.process.wait(15) == 0


def test_a_request_on_a_kept_alive_connection_is_answered_and_told_to_connect_anew(web: Web) -> None:
    """gunicorn does that by itself, from version 27 on: seen to fail with STOP_KEEPALIVE_LINGER at 0."""
    kept = web.post("/")
    assert answered(kept).headers["Connection"] == "keep-alive"
    under_way = web.post("/held")
    web.end()
    # One after the other, as under load: each of them is answered, up to the one that is told to go elsewhere.
    wait_until(lambda: answered(web.post("/", kept)).headers["Connection"] == "close", 10, "the last answer")
    web.let_go()
    answered(under_way)
    assert web.process.wait(15) == 0


def test_an_idle_connection_is_closed_without_a_reset(web: Web) -> None:
    kept = web.post("/")
    answered(kept)
    web.end()
    idle = kept.sock
    assert isinstance(idle, socket.socket)
    assert idle.recv(1) == b""
    assert web.process.wait(15) == 0
