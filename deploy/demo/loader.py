"""Sends the invented reports through the public intake API, as any client would: sign in, then one POST per report.

Each has an Idempotency-Key made of seed and index, so a second run adds nothing. It writes to no database.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import urllib3
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from urllib3.exceptions import HTTPError, MaxRetryError

from deploy.demo.generator import SEED, generate

#: A service that is away is asked again for about a minute; a Retry-After is followed, up to 10 s each.
RETRY = urllib3.Retry(
    total=10,
    allowed_methods=None,
    status_forcelist={502, 503, 504},
    backoff_factor=0.25,
    backoff_max=10,
    retry_after_max=10,
    raise_on_status=False,
)
TIMEOUT = urllib3.Timeout(connect=5, read=30)
KEY_REUSED = "urn:rujukan:problem:key_reused"
PLAIN_EVERY = 60


class LoadFailed(Exception):
    """The reports could not be loaded; the text says why and what to do, in one line."""


@dataclass(frozen=True)
class Summary:
    """What a load did: reports accepted now or before, those that were there with an older date, children in them."""

    accepted: int
    already_there: int
    children: int
    seconds: float

    def __str__(self) -> str:
        older = f", {self.already_there} of them by an earlier load" if self.already_there else ""
        total = self.accepted + self.already_there
        return f"{total} demonstration reports with {self.children} children are there{older} ({self.seconds:.1f} s)."


def load(
    base_url: str,
    email: str,
    password: str,
    count: int = 360,
    seed: int = SEED,
    progress: bool = True,
    today: date | None = None,
) -> Summary:
    """Loads `count` reports at `base_url` (such as http://127.0.0.1:8000) as the account with that e-mail.

    Shows a bar on a terminal and a line now and then elsewhere, and the summary at the end, unless `progress` is false.
    A service that is away is asked again for about a minute. Raises LoadFailed; what was accepted before stays, and the
    next run goes on from there.
    """
    started = time.monotonic()
    client = _Client(base_url)
    client.sign_in(email, password)
    accepted = already_there = children = 0
    with _progress(count, progress) as advance:
        for index, report in enumerate(generate(seed, count, today)):
            if client.register(report, key=idempotency_key(seed, index)):
                accepted += 1
            else:
                already_there += 1
            children += len(report["children"])
            advance()
    summary = Summary(accepted, already_there, children, time.monotonic() - started)
    if progress:
        Console().print(str(summary), highlight=False)
    return summary


def idempotency_key(seed: int, index: int) -> str:
    """The key of one report: the same at every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"rujukan-demonstration/{seed}/{index}"))


class _Client:
    """The two calls of the public API that the load needs."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._pool = urllib3.PoolManager(retries=RETRY, timeout=TIMEOUT)
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}

    def sign_in(self, email: str, password: str) -> None:
        """Opens a session and keeps its token for the calls that follow."""
        answer = self._post("/api/v1/sessions", {"email": email, "password": password})
        if answer.status == 401:
            raise LoadFailed(f"{email} could not sign in: the e-mail or the password is wrong")
        if answer.status not in (200, 201):
            raise LoadFailed(f"{email} could not sign in: {_reason(answer)}")
        self._headers["Authorization"] = f"Bearer {answer.json()['token']}"

    def register(self, report: dict[str, Any], key: str) -> bool:
        """Registers a report. False when the key is taken by the same report with the date of an earlier load."""
        answer = self._post("/api/v1/reports", report, {"Idempotency-Key": key})
        if answer.status == 422 and _problem(answer).get("type") == KEY_REUSED:
            return False
        if answer.status not in (200, 201):
            raise LoadFailed(f"a report was refused: {_reason(answer)}")
        return True

    def _post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(
                "POST",
                self.base_url + path,
                body=json.dumps(body).encode(),
                headers={**self._headers, **(headers or {})},
            )
        except MaxRetryError as error:
            raise LoadFailed(
                f"{self.base_url} does not answer: {type(error.reason).__name__}; is it running?"
            ) from error
        except HTTPError as error:
            raise LoadFailed(f"{self.base_url} does not answer: {type(error).__name__}; is it running?") from error


def _problem(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """The problem+json of an answer, empty if it has none."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _reason(answer: urllib3.BaseHTTPResponse) -> str:
    """Why a call was refused, from its problem+json: the title and the fields, never the values."""
    problem = _problem(answer)
    fields = [f"{error.get('field')}: {error.get('message')}" for error in problem.get("errors", [])]
    return "; ".join([f"{answer.status} {problem.get('title', '')}".strip(), *fields])


@contextmanager
def _progress(total: int, shown: bool) -> Iterator[Callable[[], None]]:
    """Gives a function to call after each report."""
    console = Console()
    if not shown:
        yield lambda: None
    elif console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("Demonstration reports", total=total)
            yield lambda: bar.advance(task)
    else:
        done = 0

        def line() -> None:
            nonlocal done
            done += 1
            if done % PLAIN_EVERY == 0 or done == total:
                console.print(f"Demonstration reports: {done} of {total}", highlight=False)

        yield line
