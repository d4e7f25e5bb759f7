"""The examples of docs/workflow.md are put into the shipped definition and proved, as a reader would."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from deploy.cli.main import app
from services.cases import simulation
from services.cases.engine import Event, evolve, read
from services.cases.engine.checks import check
from services.cases.engine.migration import migrate
from tests.unit.cases.engine.cases import WORKFLOWS, Played, shipped

PAGE = Path(__file__).parents[4] / "docs/workflow.md"
EXAMPLES = dict(re.findall(r"<!-- example: ([a-z-]+) -->\n```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL))


def merged(into: Any, new: Any) -> Any:
    """A definition with an example put in its place."""
    if isinstance(into, dict) and isinstance(new, dict):
        whole = {**into, **{name: merged(into.get(name), value) for name, value in new.items()}}
        return {name: value for name, value in whole.items() if value is not None}
    return new


@pytest.mark.parametrize("name", ["change-a-deadline", "add-a-step", "add-a-referral-kind", "take-over"])
def test_an_example_can_be_put_into_the_shipped_definition(name: str) -> None:
    shipped = yaml.safe_load((WORKFLOWS / "child_labour_referral.yaml").read_text())
    changed = merged(shipped, yaml.safe_load(EXAMPLES[name]))
    assert changed != shipped
    result = check(read(yaml.safe_dump(changed, sort_keys=False)), parallel=2)
    assert [str(fault) for fault in result.faults] == []


def test_the_example_of_a_new_version_takes_over_a_case_and_its_deadline() -> None:
    shipped = yaml.safe_load((WORKFLOWS / "child_labour_referral.yaml").read_text())
    new = read(yaml.safe_dump(merged(shipped, yaml.safe_load(EXAMPLES["take-over"])), sort_keys=False))
    played = Played().in_implementation().step("end_services", working="stopped", schooling="school")
    event = migrate(played.definition, new, played.case, played.history, "system:test", played.now)
    assert isinstance(event, Event)
    [deadline] = evolve(new, played.case, event).deadlines
    assert (deadline.name, deadline.due_at) == (
        "monitoring_visit",
        new.deadlines["monitoring_visit"].within["otherwise"].after(played.now),
    )


def test_the_example_of_figures_can_be_put_into_the_shipped_ones() -> None:
    """Fails for an example that names what there is not, or that changes nothing."""
    [example] = re.findall(r"<!-- figures: [a-z-]+ -->\n```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    before = (WORKFLOWS / "simulation.yaml").read_text()
    changed = merged(yaml.safe_load(before), yaml.safe_load(example))
    figures = simulation.read(yaml.safe_dump(changed, sort_keys=False), shipped())
    assert figures != simulation.read(before, shipped())
    assert simulation.play(shipped(), figures, cases=3, seed=1).arrived == 3


def test_the_commands_that_play_cases_can_be_given(tmp_path: Path) -> None:
    """Each line of the page with `simulate`, with few cases, the definition under the name that the page gives it."""
    own = tmp_path / "my-city.yaml"
    own.write_text((WORKFLOWS / "child_labour_referral.yaml").read_text())
    (tmp_path / "simulation.yaml").write_text((WORKFLOWS / "simulation.yaml").read_text())
    lines = re.findall(r"^\./rujukan (workflow simulate.*?)(?: +#.*)?$", PAGE.read_text(), re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        words = [str(tmp_path / word) if word in ("my-city.yaml", "run.svg") else word for word in line.split()]
        done = CliRunner().invoke(app, [*words, "--cases", "4"])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "run.svg").read_text().startswith("<svg")
