"""The examples of docs/workflow.md are put into the shipped definition and proved, as a reader would."""

from __future__ import annotations

import re
import shlex
import shutil
from collections import Counter
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


def lines_of_commands() -> list[list[str]]:
    """The commands of the page, in words, as they stand under each other."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]


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


def test_the_commands_can_be_given_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line of the page, in its order, in a directory that has nothing but the definitions; those that play cases
    with few of them. What asks a database is given in tests/integration/cases/test_versions.py. Seen to fail with a
    format that there is not, a stage that there is not, and without the copies that the page makes first."""
    (tmp_path / "services").symlink_to(WORKFLOWS.parents[1])
    monkeypatch.chdir(tmp_path)
    given = [words for words in lines_of_commands() if words[2:3] not in (["whatif"], ["migrate"])]
    assert Counter(words[2] for words in given if words[0] == "./rujukan") == {"check": 4, "draw": 4, "simulate": 3}
    for words in given:
        if words[0] == "cp":
            shutil.copy(*words[1:])
            continue
        if words[-1] == "new.yaml":
            shutil.copy("my-city.yaml", "new.yaml")
        few = ["--cases", "4"] if words[2] == "simulate" else []
        done = CliRunner().invoke(app, [*words[1:], *few])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "run.svg").read_text().startswith("<svg")
    assert (tmp_path / "case.svg").read_text() != (tmp_path / "referral.svg").read_text()
    assert "<bpmn" in (tmp_path / "referral.bpmn").read_text()


def test_the_story_that_the_page_tells_is_what_the_check_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that the page deletes is deleted where it says. Seen to fail with the story that it told before."""
    monkeypatch.chdir(tmp_path)
    [(line, step)] = re.findall(r"Delete the line `(.*?)` of the step `(\w+)`", PAGE.read_text())
    before, of_step, after = (WORKFLOWS / "child_labour_referral.yaml").read_text().partition(f"\n  {step}:\n")
    Path("my-city.yaml").write_text(before + of_step + after.replace(f"    {line}\n", "", 1))
    [told] = re.findall(r"```\n(my-city\.yaml:.*?)```", PAGE.read_text(), re.DOTALL)
    said = CliRunner().invoke(app, ["workflow", "check", "my-city.yaml"]).stdout.splitlines(keepends=True)
    assert "".join(line for line in said if not re.match("  […✓] ", line)) == told  # but for how far it is
