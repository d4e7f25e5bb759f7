"""The pure core of cases: what a command decides, and that the state is what its history says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cases import model
from shared.events.catalogue import consume, produce

RECEIVED = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
ABOUT = {
    "report_id": "report-" + "a" * 32,
    "child_id": "child-" + "b" * 32,
    "person_id": None,
    "received_on": date(2026, 3, 2),
    "kecamatan": "33.75.01",
    "kelurahan": "33.75.01.1002",
    "work_type": "batik",
    "sex": "male",
    "age_band": "age_13_14",
    "legal_class": "hazardous",
    "statistical_class": "unknown",
    "severity": "high",
    "demonstration": True,
}


def open_command(now: datetime = RECEIVED, **about: Any) -> model.Open:
    return model.Open("case-" + "c" * 32, "K-00000-00000-0", {**ABOUT, **about}, RECEIVED, now)


def after(case: model.Case | None, command: model.Command) -> model.Case:
    """The case after a command, by way of events as they travel: through the catalogue and back."""
    for event in model.decide(case, command):
        data = consume(event.type, produce(event.type, event.data))
        case = model.evolve(case, event.type, data, event.occurred_at or command.now)
    assert case is not None
    return case


def test_a_case_begins_with_its_screening_and_a_deadline_by_its_urgency() -> None:
    case = after(None, open_command())
    assert case.stage == "screening"
    assert case.screening_due_at == RECEIVED + timedelta(hours=24)
    assert not case.late


def test_a_deadline_that_had_passed_before_the_entry_is_late_and_not_escalated() -> None:
    case = after(None, open_command(now=RECEIVED + timedelta(days=60)))
    assert case.late
    assert model.decide(case, model.MarkOverdue(RECEIVED + timedelta(days=61))) == []


def test_a_passed_deadline_is_escalated_once() -> None:
    case = after(None, open_command())
    due = case.screening_due_at
    assert model.decide(case, model.MarkOverdue(due - timedelta(seconds=1))) == []
    case = after(case, model.MarkOverdue(due))
    assert case.overdue
    assert model.decide(case, model.MarkOverdue(due + timedelta(days=1))) == []


@pytest.mark.parametrize(("hours", "on_time"), [(1, True), (24, True), (25, False)])
def test_a_screening_is_on_time_or_not_and_moves_the_case_on(hours: int, on_time: bool) -> None:
    case = after(None, open_command())
    moment = RECEIVED + timedelta(hours=hours)
    [event] = model.decide(case, model.Screen("high", moment, moment))
    assert event.data["on_time"] is on_time
    case = after(case, model.Screen("high", moment, moment))
    assert (case.stage, case.risk, case.screened_at) == ("assessment", "high", moment)
    assert model.decide(case, model.MarkOverdue(moment + timedelta(days=9))) == []


@pytest.mark.parametrize(("days", "reason"), [(-1, "before_receipt"), (3, "in_the_future")])
def test_a_screening_of_an_impossible_day_is_refused(days: int, reason: str) -> None:
    case = after(None, open_command())
    with pytest.raises(model.Refused) as refused:
        model.decide(case, model.Screen("low", RECEIVED + timedelta(days=days), RECEIVED + timedelta(days=2)))
    assert refused.value.reason == reason


def test_a_report_of_the_small_hours_is_screened_at_once() -> None:
    """At 02.00 WIB it is still yesterday in UTC: the days that are compared are those of the office."""
    night = datetime(2026, 3, 1, 19, 0, tzinfo=UTC)
    case = after(None, replace(open_command(night), received_at=night))
    assert after(case, model.Screen("high", night, night)).stage == "assessment"


def test_a_case_is_screened_once() -> None:
    screen = model.Screen("low", RECEIVED, RECEIVED)
    case = after(after(None, open_command()), screen)
    with pytest.raises(model.Refused) as refused:
        model.decide(case, screen)
    assert refused.value.reason == "already_screened"


commands = st.lists(
    st.one_of(
        st.integers(0, 400).map(lambda hours: model.MarkOverdue(RECEIVED + timedelta(hours=hours))),
        st.tuples(st.sampled_from(["high", "medium", "low", "none"]), st.integers(0, 400)).map(
            lambda pair: model.Screen(pair[0], RECEIVED + timedelta(hours=pair[1]), RECEIVED + timedelta(hours=pair[1]))
        ),
    ),
    max_size=6,
)


@given(commands, st.sampled_from(["emergency", "high", "medium", "low"]))
def test_whatever_is_commanded_the_document_gives_the_same_case_back(
    given_commands: list[model.Command], severity: str
) -> None:
    case = after(None, open_command(severity=severity))
    events = 1
    for command in given_commands:
        try:
            events += len(model.decide(case, command))
            case = after(case, command)
        except model.Refused:
            continue
        assert case.version == events
        assert model.from_document(model.as_document(case)) == case
