"""Paper is entered later: a command has the day on which it happened, and no day before what it follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.cases import commands, store
from services.cases.engine import Case
from services.cases.model import from_document
from shared.access import Actor
from shared.domain.working_time import start_of_day, wib_date
from shared.foundation import Foundation
from shared.ids import new_id
from tests.integration.cases.conftest import Arrive
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
As = Callable[..., Browser]
TWO_DAYS_AGO = wib_date(datetime.now(UTC)) - timedelta(days=2)
ASSESSED = {"needs": "services", "working": "working", "schooling": "none"}


def step(worker: Browser, case: dict[str, Any], version: int, name: str, facts: dict[str, str], day: date) -> Any:
    body = {"command": "take_step", "subject": name, "facts": facts, "occurred_on": day.isoformat()}
    path = f"/api/v1/cases/{case['case_number']}/commands"
    return worker.api("POST", path, body, headers={"If-Match": f'"{version}"'})


def stored(foundation: Foundation, case: dict[str, Any]) -> Case:
    found = store.get(foundation.database, case["_id"])
    assert found is not None
    return from_document(found)[1]


def test_a_step_of_another_day_is_entered_and_none_lies_before_what_it_follows(
    arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Two papers of one day are two steps of that day, in their order; one of the day before is refused in words that
    say what it follows. Seen to fail without `earliest` in `details`."""
    case, worker = arrive(received=datetime.now(UTC) - timedelta(days=5)), as_role()
    day = TWO_DAYS_AGO
    assert step(worker, case, 1, "screen", {"risk": "medium"}, day).status_code == 200
    refused = step(worker, case, 2, "assess", ASSESSED, day - timedelta(days=1))
    assert refused.status_code == 422
    [error] = refused.json["errors"]
    assert error["field"] == "occurred_on"
    assert str(day.year) in error["message"] and f"{day.day} " in error["message"]
    assert step(worker, case, 2, "assess", ASSESSED, day).status_code == 200
    assert stored(foundation, case).since["stage"] == start_of_day(day)


def test_a_paper_of_the_day_of_what_it_follows_is_of_the_moment_of_that(
    arrive: Arrive, as_role: As, foundation: Foundation
) -> None:
    """Screened at ten, and assessed in the afternoon on paper. Seen to fail when its day began at midnight: refused."""
    case, ten = arrive(received=datetime.now(UTC) - timedelta(days=5)), start_of_day(TWO_DAYS_AGO) + timedelta(hours=10)
    then = Foundation.start(foundation.settings, lambda: ten)
    screening = commands.Order("take_step", "screen", facts={"risk": "medium"})
    commands.act(then, Actor(new_id("account"), "case_worker"), case["_id"], 1, screening, None)
    assert step(as_role(), case, 2, "assess", ASSESSED, TWO_DAYS_AGO).status_code == 200
    assert stored(foundation, case).since["stage"] == ten


def test_what_a_command_follows_is_kept_with_the_case(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    """Seen to fail when it was not written: after the next read anything could be dated back."""
    case, worker = arrive(received=datetime.now(UTC) - timedelta(days=5)), as_role()
    step(worker, case, 1, "screen", {"risk": "medium"}, TWO_DAYS_AGO)
    path = f"/api/v1/cases/{case['case_number']}/commands"
    body = {"command": "give_consent", "subject": "services"}
    assert worker.api("POST", path, body, headers={"If-Match": '"2"'}).status_code == 200
    assert set(stored(foundation, case).since) == {"stage", "consent:services"}
