"""A definition as SVG, Mermaid and BPMN: whole, safe against what it names, and opened and run by another engine."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from SpiffWorkflow.bpmn.parser import BpmnParser, BpmnValidator
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState
from typer.testing import CliRunner

from deploy.cli.main import app
from services.cases.drawing import bpmn, drawing, mermaid
from services.cases.engine import Definition
from tests.unit.cases.engine.cases import WORKFLOWS, shipped

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'A"<script>alert(1)</script>&]]>\x00\n--> [*] : %%{'


def hostile() -> Definition:
    """The shipped definition with a name that would break out of each form."""
    names = {"id": HOSTILE, "en": HOSTILE}
    definition = shipped()
    return replace(
        definition,
        names=names,
        stages={name: replace(each, names=names) for name, each in definition.stages.items()},
        steps={name: replace(each, names=names) for name, each in definition.steps.items()},
    )


def marks(svg: str, stage: str) -> str:
    """The texts in the card of a stage."""
    found = ET.fromstring(svg).find(f".//{SVG}g[@data-stage='{stage}']")
    assert found is not None
    return " ".join("".join(each.itertext()) for each in found.iter(f"{SVG}text"))


@pytest.mark.parametrize("lang", ["id", "en"])
def test_the_svg_shows_and_describes_every_stage_and_step(lang: str) -> None:
    root = ET.fromstring(drawing(shipped(), lang))
    described = root.findtext(f"{SVG}desc") or ""
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "workflow-title workflow-desc")
    assert root.findtext(f"{SVG}title") == shipped().names[lang]
    assert [each.get("data-stage") for each in root.iter(f"{SVG}g")] == list(shipped().stages)
    for named in (*shipped().stages.values(), *shipped().steps.values()):
        assert named.names[lang] in described


def test_it_can_be_read_at_the_width_of_a_telephone() -> None:
    root = ET.fromstring(drawing(shipped(), "id"))
    assert float(root.get("width", "0")) <= 390
    assert min(float(each.get("font-size", "0")) for each in root.iter(f"{SVG}text")) >= 12


def test_where_a_case_is_is_said_in_words_not_by_colour_alone() -> None:
    """Fails when the label in `_drawn` is left out."""
    svg = drawing(shipped(), "en", "assessment", ["screening"])
    assert "Here now" in marks(svg, "assessment")
    assert "Passed" in marks(svg, "screening")
    assert "Here now" not in marks(svg, "planning")
    assert "The case is now in the stage" in svg
    with pytest.raises(KeyError):
        drawing(shipped(), "en", "nowhere")


def test_nothing_in_it_needs_an_exception_from_the_content_security_policy() -> None:
    assert re.findall(r"<style|style=|<script|\son\w+=|href=", drawing(shipped(), "id", "assessment")) == []


def test_a_name_breaks_out_of_no_form() -> None:
    """Fails when `escape` is taken out of svg.py, or `_escaped` returns the text as it is."""
    assert not list(ET.fromstring(drawing(hostile(), "id", "assessment")).iter(f"{SVG}script"))
    assert "alert" in (ET.fromstring(bpmn(hostile(), "id"))[0].get("name") or "")
    for line in mermaid(hostile(), "id").splitlines()[1:]:
        assert re.fullmatch(
            r'    (state "[^"<>]*" as s_\w+|(s_\w+|\[\*\]) --> (s_\w+|\[\*\])( : [^"<>:%{}\[\]]*)?)', line
        ), line


def test_mermaid_has_every_way_and_where_the_case_is() -> None:
    text = mermaid(shipped(), "en", "planning")
    assert text.startswith("stateDiagram-v2\n")
    assert "    [*] --> s_screening\n" in text
    assert "    s_screening --> s_emergency : Screen\n" in text
    assert "    class s_planning here\n" in text


def opened(text: str, file: Path) -> BpmnWorkflow:
    """The BPMN as another engine opens it, held against the schema of the standard."""
    file.write_text(text, encoding="utf-8")
    parser = BpmnParser(validator=BpmnValidator())
    parser.add_bpmn_file(str(file))
    return BpmnWorkflow(parser.get_spec(shipped().name))


def test_another_engine_opens_the_bpmn_and_runs_a_case_from_screening_to_closure(tmp_path: Path) -> None:
    """Fails when the condition of a branch is left out of `_step`, or a final stage is no end event."""
    workflow = opened(bpmn(shipped(), "en"), tmp_path / "drawn.bpmn")
    for stage in shipped().stages.values():
        if not stage.final:
            wanted = {f"{stage.name}.{step.name}" for step in shipped().steps.values() if stage.name in step.origins}
            assert wanted <= set(workflow.spec.task_specs)
    ways = (
        ("screening", "screen", "emergency"),
        ("emergency", "give_emergency_service", "assessment"),
        ("assessment", "assess", "planning"),
        ("planning", "agree_plan", "implementation"),
        ("implementation", "refer", "implementation"),
        ("implementation", "end_services", "monitoring"),
        ("monitoring", "close", "closed"),
    )
    workflow.do_engine_steps()
    for stage, step, target in ways:
        finish(workflow, f"at_{stage}", step=step)
        finish(workflow, f"refer_{stage}" if step == "refer" else f"{stage}.{step}", stage=target)
        if step != "refer" and shipped().steps[step].approved_by:
            finish(workflow, f"{stage}.{step}.approve", approved=True)
    assert workflow.completed
    assert "end_closed" in {task.task_spec.name for task in workflow.get_tasks(state=TaskState.COMPLETED)}


def test_what_is_not_approved_leads_back_to_the_stage(tmp_path: Path) -> None:
    """Fails when the default of the gateway after an approval is left out."""
    workflow = opened(bpmn(shipped(), "id"), tmp_path / "drawn.bpmn")
    workflow.do_engine_steps()
    finish(workflow, "at_screening", step="close")
    finish(workflow, "screening.close")
    finish(workflow, "screening.close.approve", approved=False)
    assert [task.task_spec.name for task in workflow.get_tasks(state=TaskState.READY)] == ["at_screening"]


def finish(workflow: BpmnWorkflow, name: str, **said: str | bool) -> None:
    """Finishes the one task that waits, which must be this one."""
    (task,) = workflow.get_tasks(state=TaskState.READY, manual=True)
    assert task.task_spec.name == name
    task.data.update(said)
    task.run()
    workflow.do_engine_steps()


def test_every_element_of_the_bpmn_has_its_place() -> None:
    root = ET.fromstring(bpmn(shipped(), "en"))
    elements = {each.get("id") for each in root[0] if each.get("id")}
    drawn = {each.get("bpmnElement") for each in root[1][0]}
    assert elements == drawn


@pytest.mark.parametrize("file", sorted(WORKFLOWS.glob("*.yaml")), ids=lambda file: file.name)
def test_the_command_draws_in_each_form(file: Path, tmp_path: Path) -> None:
    if file.name == "simulation.yaml":
        pytest.skip("is no definition")
    for form in ("svg", "mermaid", "bpmn"):
        output = tmp_path / form
        done = CliRunner().invoke(app, ["workflow", "draw", str(file), "--format", form, "--output", str(output)])
        assert done.exit_code == 0, done.output
        assert output.read_text(encoding="utf-8")


def test_the_command_says_what_stages_there_are() -> None:
    done = CliRunner().invoke(app, ["workflow", "draw", "--at", "nowhere"])
    assert done.exit_code != 0
    assert "screening" in done.output
