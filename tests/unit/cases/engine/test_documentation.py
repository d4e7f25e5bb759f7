"""The examples of docs/workflow.md are put into the shipped definition and proved, as a reader would."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cases.engine import read
from services.cases.engine.checks import check
from tests.unit.cases.engine.cases import WORKFLOWS

PAGE = Path(__file__).parents[4] / "docs/workflow.md"
EXAMPLES = dict(re.findall(r"<!-- example: ([a-z-]+) -->\n```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL))


def merged(into: Any, new: Any) -> Any:
    """A definition with an example put in its place."""
    if isinstance(into, dict) and isinstance(new, dict):
        return {**into, **{name: merged(into.get(name), value) for name, value in new.items()}}
    return new


@pytest.mark.parametrize("name", ["change-a-deadline", "add-a-step", "add-a-referral-kind"])
def test_an_example_can_be_put_into_the_shipped_definition(name: str) -> None:
    shipped = yaml.safe_load((WORKFLOWS / "child_labour_referral.yaml").read_text())
    changed = merged(shipped, yaml.safe_load(EXAMPLES[name]))
    assert changed != shipped
    result = check(read(yaml.safe_dump(changed, sort_keys=False)), parallel=2)
    assert [str(fault) for fault in result.faults] == []
