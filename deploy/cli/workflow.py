"""`rujukan workflow`: what somebody who edits a workflow definition asks of it before it is used."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from deploy.cli.context import JsonOption
from deploy.cli.files import SHIPPED, DefinitionArgument, reading
from deploy.cli.output import fail, say, show_json, step
from deploy.cli.workflow_draw import draw
from deploy.cli.workflow_simulate import simulate
from deploy.cli.workflow_versions import migrate, whatif

if TYPE_CHECKING:
    from services.cases.engine import Fault

workflow = typer.Typer(no_args_is_help=True, help="Workflow definitions.")
workflow.command()(draw)
workflow.command()(migrate)
workflow.command()(whatif)
workflow.command()(simulate)


@workflow.callback()
def _group() -> None:
    """Workflow definitions."""


@workflow.command()
def check(
    file: DefinitionArgument = SHIPPED,
    parallel: Annotated[int, typer.Option(min=1, max=8, help="How many referrals may be open at once.")] = 4,
    as_json: JsonOption = False,
) -> None:
    """Prove that a definition strands no case, or show where it goes wrong by the shortest story. Exits 1 for faults.

    Every state that a case can reach is gone through: each step can be taken, an end can always be reached, and what
    must never be true never is.

    Example: rujukan workflow check services/cases/workflows/child_labour_referral.yaml
    """
    from services.cases.engine import DefinitionError, load
    from services.cases.engine.checks import check as proved
    from services.cases.engine.explore import TooManyStates

    begun = time.monotonic()
    with reading(file):
        try:
            definition = load(file)
        except DefinitionError as error:
            _faulty(file, error.faults, as_json)
    try:
        with nullcontext() if as_json else step("Going through all states"):
            result = proved(definition, parallel)
    except TooManyStates:
        fail(
            f"{file}: has more states than can be gone through; let conditions ask for fewer facts, or try --parallel 1"
        )
    else:
        if result.faults:
            _faulty(file, result.faults, as_json)
        if as_json:
            show_json({"faults": [], "states": result.states, "moves": result.moves})
        else:
            took = time.monotonic() - begun
            say(f"{definition.id} holds: {result.states} states, {result.moves} moves, {took:.1f} s")


def _faulty(file: Path, faults: list[Fault] | tuple[Fault, ...], as_json: bool) -> NoReturn:
    if as_json:
        show_json(
            {
                "faults": [
                    {"line": each.line, "column": each.column, "message": each.message, "story": list(each.story)}
                    for each in faults
                ]
            }
        )
    else:
        for each in faults:
            say(f"{file}:{each}")
    raise typer.Exit(1)
