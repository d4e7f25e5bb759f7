"""How much work waits: which deadline counts as what, and for whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.cases import definitions, work
from services.cases.engine.state import BREACHED, LATE, PAUSED, REMINDED, RUNNING
from shared.domain.work import Counts, listed

NOW = datetime(2026, 11, 27, 0, 30, tzinfo=UTC)
"""Half past seven in WIB."""
HOUR = timedelta(hours=1)
WORKER, SUPERVISOR = "account-" + "1" * 32, "account-" + "2" * 32
HEALTH = "agency-" + "3" * 32


def a_case(**facts: Any) -> dict[str, Any]:
    stored = {"workflow": definitions.current().id, "awaited": None, "tasks": [], "referrals": [], "deadlines": []}
    return {**stored, **facts}


def deadline(phase: str, due_at: datetime, subject: str = "") -> dict[str, Any]:
    return {"phase": phase, "due_at": due_at, "subject": subject}


def referral(state: str, number: int = 1) -> dict[str, Any]:
    return {"referral_id": f"referral-{number}", "agency_id": HEALTH, "state": state}


def of_the_supervisor(*cases: dict[str, Any], account: str = SUPERVISOR) -> Counts:
    return work.tally(cases, NOW).of(account, "supervisor", None)


def test_a_deadline_is_overdue_or_due_today_until_midnight_in_wib_and_never_both() -> None:
    """Seen to fail with the end of the day in UTC, and with both counted."""
    cases = [
        a_case(deadlines=[deadline(BREACHED, NOW - HOUR), deadline(RUNNING, NOW + HOUR)]),
        a_case(deadlines=[deadline(RUNNING, NOW + 16 * HOUR)]),
        a_case(deadlines=[deadline(REMINDED, NOW + HOUR)]),
        a_case(deadlines=[deadline(RUNNING, NOW + 16.5 * HOUR)]),
    ]
    assert of_the_supervisor(*cases) == Counts(overdue=1, due_today=2)


def test_what_has_passed_is_overdue_also_where_the_clock_stands_still() -> None:
    """Seen to fail with the phase alone: after a night without a clock nothing was overdue."""
    cases = [a_case(deadlines=[deadline(phase, NOW - HOUR)]) for phase in (RUNNING, REMINDED)]
    assert of_the_supervisor(*cases) == Counts(overdue=2)


def test_what_is_paused_or_was_entered_late_is_nobodys_fault() -> None:
    cases = [a_case(deadlines=[deadline(phase, NOW - HOUR)]) for phase in (PAUSED, LATE)]
    assert not of_the_supervisor(*cases)


def test_who_decides_is_told_and_nobody_of_their_own_proposal() -> None:
    """Seen to fail without `proposed`, and with it counted for every role."""
    cases = [a_case(awaited={"step": "close", "by": by}) for by in (WORKER, SUPERVISOR)]
    assert of_the_supervisor(*cases) == Counts(awaiting=1)
    assert of_the_supervisor(*cases, account="account-" + "9" * 32) == Counts(awaiting=2)
    assert not work.tally(cases, NOW).of(WORKER, "case_worker", None)


def test_tasks_are_for_those_who_lead_the_case() -> None:
    found = work.tally([a_case(tasks=[{"task_id": "task-1"}, {"task_id": "task-2"}])], NOW)
    assert found.of(WORKER, "case_worker", None) == Counts(tasks=1)
    assert not found.of(WORKER, "analyst", None)


def test_an_agency_is_told_of_its_own_open_referrals_and_of_nothing_else() -> None:
    """Seen to fail with the case's deadlines in the place of the referral's, and with ended referrals counted."""
    asked, ended = referral("requested"), referral("declined", 2)
    serving, others = referral("in_service", 3), {**referral("accepted", 4), "agency_id": "agency-" + "4" * 32}
    cases = [
        a_case(
            referrals=[asked, ended], deadlines=[deadline(BREACHED, NOW - HOUR), deadline(BREACHED, NOW, "referral-2")]
        ),
        a_case(referrals=[serving, others], deadlines=[deadline(RUNNING, NOW + HOUR, "referral-3")]),
    ]
    found = work.tally(cases, NOW)
    assert found.of("account", "partner_agency", HEALTH) == Counts(unanswered=1, due_today=1)
    assert not found.of("account", "partner_agency", others["agency_id"])
    assert not found.of("account", "partner_agency", None)


def test_a_case_on_a_version_that_is_gone_keeps_no_other_from_being_counted() -> None:
    cases = [a_case(workflow="gone@1", awaited={"step": "no_more", "by": WORKER}), a_case(tasks=[{}])]
    assert of_the_supervisor(*cases) == Counts(tasks=1)


def test_a_list_for_people_has_the_queues_in_which_something_waits() -> None:
    found = work.tally([a_case(tasks=[{}], referrals=[referral("requested")])], NOW)
    assert [(row["role"], row["agency_id"], row["tasks"], row["unanswered"]) for row in listed(found)] == [
        ("case_worker", None, 1, 0),
        ("supervisor", None, 1, 0),
        ("partner_agency", HEALTH, 0, 1),
    ]
