"""How much work waits, counted from cases as they are stored, is what the pages show."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.cases import commands, store, work
from shared.clock import utc_now
from shared.domain.work import Counts
from shared.foundation import Foundation
from tests.integration.cases.test_cases import order, screen
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
Arrive = Callable[..., dict[str, Any]]
As = Callable[..., Browser]


def shown(browser: Browser, path: str) -> int:
    """The number of rows that a list's caption says."""
    found = re.search(r"<caption[^>]*>\s*[^<0-9]*([0-9]+)", browser.get(path).text)
    assert found is not None
    return int(found.group(1))


def test_what_is_counted_is_what_the_queue_shows(arrive: Arrive, as_role: As, foundation: Foundation) -> None:
    """Seen to fail with `with_work` that did not ask for what is due."""
    supervisor, worker = as_role("supervisor"), as_role("case_worker")
    arrive(severity="low")
    for _ in range(2):
        arrive(severity="emergency", received=utc_now() - timedelta(hours=1))
    closing = arrive(severity="low")
    reason = {"closure_reason": "no_child_labour"}
    assert order(worker, closing, 1, "take_step", "close", facts=reason).json["awaited"]["step"] == "close"
    own = arrive(severity="low")
    assert order(supervisor, own, 1, "take_step", "close", facts=reason).status_code == 200

    hours = replace(foundation, clock=lambda: utc_now() + timedelta(hours=1, minutes=30))
    commands.sweep(hours)
    found = work.count(hours)
    assert found.by_role["supervisor"].overdue == 2 == shown(worker, "/id/cases?overdue=true")
    assert found.by_role["supervisor"].awaiting == 2 == shown(worker, "/id/cases?awaiting=true")
    assert found.of(supervisor.actor.id, "supervisor", None).awaiting == 1
    assert found.by_role["case_worker"] == replace(found.by_role["supervisor"], awaiting=0)


def test_a_referral_that_nobody_answers_waits_for_its_agency(
    arrive: Arrive, as_role: As, foundation: Foundation, agency: Callable[..., str]
) -> None:
    """Seen to fail with `with_work` that did not ask for requested referrals: the first count had none."""
    health, worker = agency("police_ppa"), as_role()
    case = arrive()
    assert screen(worker, case).status_code == 200
    asked = order(worker, case, 2, "request_referral", "police", agency_id=health)
    assert asked.status_code == 200, asked.text
    found = work.count(foundation)
    assert found.by_agency[health].unanswered == 1 == shown(as_role("partner_agency", health), "/id/referrals")
    assert set(found.by_agency) == {health}


def test_a_case_for_which_nobody_has_anything_to_do_is_not_read(arrive: Arrive, foundation: Foundation) -> None:
    arrive(severity="low")
    assert list(store.with_work(foundation.database, work.tomorrow(foundation.clock()))) == []
    assert work.count(foundation).by_role.get("supervisor", Counts()) == Counts()
