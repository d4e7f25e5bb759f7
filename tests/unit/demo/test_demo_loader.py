"""The loader sends every report once through the public API, waits for a service that is away, and says what failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import urllib3

from deploy.demo import LoadFailed, generate, load, loader

TODAY = date(2026, 11, 24)


class Intake:
    """A small stand-in for the public API: sign-in, idempotent registration, and bad moments on demand."""

    def __init__(self) -> None:
        self.reports: dict[str, Any] = {}
        self.answers: list[int | str] = []  # statuses (or "cut") to give first
        self.requests = 0

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, Any]] | None:
        self.requests += 1
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        if self.answers:
            bad = self.answers.pop(0)
            if bad == "cut":
                return None
            return int(bad), {
                "title": "Some of what was sent cannot be accepted",
                "errors": [{"field": "children.0.sex", "message": "Not a known code."}],
            }
        if handler.path == "/api/v1/sessions":
            right = body == {"email": "petugas@contoh.rujukan.test", "password": "right"}
            return (201, {"token": "opaque"}) if right else (401, {"title": "Sign in first"})
        assert handler.path == "/api/v1/reports"
        assert handler.headers["Authorization"] == "Bearer opaque"
        key = handler.headers["Idempotency-Key"]
        if self.reports.setdefault(key, body) != body:
            return 422, {"type": "urn:rujukan:problem:key_reused"}
        return 201, {"number": "L-1"}


@pytest.fixture
def intake(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Intake, str]]:
    monkeypatch.setattr(loader, "RETRY", loader.RETRY.new(total=3, backoff_factor=0))
    state = Intake()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            result = state.answer(self)
            if result is None:
                self.connection.close()
                return
            body = json.dumps(result[1]).encode()
            self.send_response(result[0])
            if result[0] == 503:
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield state, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def _load(url: str, **changes: Any) -> Any:
    values = {"email": "petugas@contoh.rujukan.test", "password": "right", "count": 12, "seed": 3, "today": TODAY}
    return load(url, **{**values, "progress": False, **changes})


def test_every_report_arrives_as_it_was_made(intake: tuple[Intake, str]) -> None:
    state, url = intake
    summary = _load(url)
    assert list(state.reports.values()) == list(generate(3, 12, TODAY))
    assert (summary.accepted, summary.already_there) == (12, 0)
    assert summary.children == sum(len(report["children"]) for report in state.reports.values())
    assert str(summary).startswith(f"12 demonstration reports with {summary.children} children are there (")


def test_a_second_run_adds_nothing_also_on_another_day(intake: tuple[Intake, str]) -> None:
    state, url = intake
    _load(url)
    before = dict(state.reports)
    assert _load(url).accepted == 12
    later = _load(url, today=date(2026, 12, 1))
    assert state.reports == before
    assert later.accepted + later.already_there == 12
    assert later.already_there > 0
    assert "by an earlier load" in str(later)


def test_a_larger_count_adds_only_the_rest(intake: tuple[Intake, str]) -> None:
    state, url = intake
    _load(url, count=5)
    _load(url, count=9)
    assert len(state.reports) == 9


def test_a_service_that_is_away_for_a_moment_is_asked_again(intake: tuple[Intake, str]) -> None:
    state, url = intake
    state.answers = [503, "cut", 503]
    assert _load(url).accepted == 12
    assert len(state.reports) == 12


def test_a_service_that_stays_away_ends_the_load(intake: tuple[Intake, str]) -> None:
    state, url = intake
    state.answers = [503] * 50
    with pytest.raises(LoadFailed, match="could not sign in: 503"):
        _load(url)
    assert state.requests == 4, "asked once and three times again"


def test_a_server_that_is_not_there_is_named(intake: tuple[Intake, str]) -> None:
    with pytest.raises(LoadFailed, match=r"http://127\.0\.0\.1:1 does not answer: .*is it running"):
        _load("http://127.0.0.1:1")


def test_a_wrong_password_is_said_plainly(intake: tuple[Intake, str]) -> None:
    with pytest.raises(LoadFailed, match="the e-mail or the password is wrong"):
        _load(intake[1], password="wrong")


def test_a_refused_report_names_the_field(intake: tuple[Intake, str], monkeypatch: pytest.MonkeyPatch) -> None:
    state, url = intake
    sign_in = loader._Client.sign_in

    def then_refuse(client: loader._Client, email: str, password: str) -> None:
        sign_in(client, email, password)
        state.answers = [422]

    monkeypatch.setattr(loader._Client, "sign_in", then_refuse)
    with pytest.raises(LoadFailed, match=r"422 Some of .*; children\.0\.sex: Not a known code\."):
        _load(url)


def test_progress_is_plain_lines_without_a_terminal(
    intake: tuple[Intake, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "PLAIN_EVERY", 5)
    _load(intake[1], progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [f"Demonstration reports: {done} of 12" for done in (5, 10, 12)]
    assert lines[3].startswith("12 demonstration reports")


def test_patience_is_bounded_and_a_long_retry_after_is_not_obeyed_for_ever() -> None:
    assert isinstance(loader.RETRY, urllib3.Retry)
    assert loader.RETRY.retry_after_max == 10
    assert loader.RETRY.total == 10
