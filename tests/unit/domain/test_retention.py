"""How long identities are kept: which rule fits an ended case, when it is over, and what the file may not say."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.cases import definitions
from shared.domain import DomainDataError
from shared.domain.data import FOLDER, read
from shared.domain.retention import Ended, months_after, parse, retention


@pytest.mark.parametrize(
    ("ended", "rule"),
    [
        (Ended("closed", frozenset({"goals_reached"})), "closed"),
        (Ended("closed", frozenset({"goals_reached"}), frozenset({"police:helped"})), "enforced"),
        (Ended("closed", frozenset({"goals_reached"}), frozenset({"police:not_reached"})), "closed"),
        (Ended("closed", frozenset({"no_child_labour"})), "not_taken_up"),
        (Ended("closed", frozenset({"duplicate"}), frozenset({"labour_inspection:partly"})), "enforced"),
        (Ended("transferred", frozenset({"lives_elsewhere"})), "transferred"),
        (Ended("a stage of a later workflow"), "closed"),
    ],
)
def test_the_first_rule_that_fits_counts(ended: Ended, rule: str) -> None:
    assert retention().rule_for(ended).rule == rule


def test_a_period_is_over_at_the_end_of_a_day_in_wib() -> None:
    rule = retention().rules["not_taken_up"]
    assert rule.over_on(datetime(2026, 3, 1, 16, 59, tzinfo=UTC)) == date(2027, 3, 1)
    assert rule.over_on(datetime(2026, 3, 1, 17, 0, tzinfo=UTC)) == date(2027, 3, 2)
    assert months_after(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert months_after(date(2027, 8, 31), 6) == date(2028, 2, 29)
    assert months_after(date(2026, 12, 31), 12) == date(2027, 12, 31)


def test_the_rules_use_the_words_of_the_workflow() -> None:
    """A stage, reason or service that the workflow does not know would never fit, and nobody would notice."""
    workflow = definitions.current()
    ends = {name for name, stage in workflow.stages.items() if stage.final}
    reasons = {*workflow.facts["closure_reason"].values, *workflow.facts["transfer_reason"].values}
    for rule in retention().rules.values():
        assert set(rule.stages or ()) <= ends
        assert set(rule.reasons or ()) <= reasons
    for service in retention().enforced_by:
        kind, outcome = service.split(":")
        assert outcome in workflow.referrals[kind].outcomes


def _changed(*path: str, value: Any) -> dict[str, Any]:
    file: dict[str, Any] = copy.deepcopy(read(FOLDER / "retention.yaml"))
    part = file
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    return file


@pytest.mark.parametrize(
    "file",
    [
        _changed("rules", "closed", "months", value=0),
        _changed("rules", "closed", "months", value="60"),
        _changed("rules", "closed", "months", value=True),
        _changed("rules", "closed", "when", value={"enforcement": False}),
        _changed("rules", "transferred", "when", value={}),
        _changed("rules", "transferred", "when", value={"stage": ["transferred"]}),
        _changed("rules", "transferred", "when", value={"stages": "transferred"}),
        _changed("rules", "transferred", "when", value={"stages": []}),
        _changed("rules", "enforced", "when", value={"enforcement": "yes"}),
        _changed("rules", "closed", "basis", value="none"),
        _changed("rules", "closed", "unconfirmd", value=True),
        _changed("rules", "closed", "en", value=""),
        _changed("rules", value={}),
        _changed("wait_hours", value=0),
        _changed("grace", value=1),
    ],
    ids=str,
)
def test_a_file_that_says_what_cannot_be_is_refused(file: dict[str, Any]) -> None:
    """Seen to fail for each check that was taken out of `parse`; a misspelt condition would fit every case."""
    with pytest.raises(DomainDataError, match=r"retention\.yaml"):
        parse(file)
