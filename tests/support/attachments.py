"""Sending files to a report and reading them back, as a program does it."""

from __future__ import annotations

import io
from typing import Any

from tests.support.files import a_photograph
from tests.support.reports import a_report
from tests.support.web import Browser

REPORTS = "/api/v1/reports"


def registered(clerk: Browser, key: str = "report-1") -> str:
    """The number of a new report."""
    answer = clerk.api("POST", REPORTS, a_report(), headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    return str(answer.json["number"])


def send(
    who: Browser,
    number: str,
    content: bytes | None = None,
    name: str = "Budi di pabrik.jpg",
    declared: str = "image/jpeg",
    key: str | None = "file-1",
    **form: Any,
) -> Any:
    """Sends a file to a report; a photograph if none is given."""
    sent = a_photograph() if content is None else content
    return who.api(
        "POST",
        f"{REPORTS}/{number}/attachments",
        data={"file": (io.BytesIO(sent), name, declared), **form},
        headers={"Idempotency-Key": key} if key else {},
    )


def added(who: Browser, number: str, content: bytes | None = None, *names: str, **options: Any) -> str:
    """The address of a file that was added. As `send` otherwise."""
    answer = send(who, number, content, *names, **options)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])
