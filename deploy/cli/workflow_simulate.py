"""`rujukan workflow simulate`: a definition played with cases before it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.context import JsonOption
from deploy.cli.files import SHIPPED, DefinitionArgument, definition_in, reading, write
from deploy.cli.output import errors, fail, say, show_json, show_table

if TYPE_CHECKING:
    from services.cases.engine import Definition
    from services.cases.simulation import Figures, Result
    from services.cases.simulation.compare import Told, Variant

FIGURES = "simulation.yaml"
COLUMNS = {
    "what": "run",
    "stage": "stage",
    "deadline": "deadline",
    "waiting_for": "waiting for",
    "came": "cases",
    "still_there": "left",
    "stayed_median": "there",
    "stayed_p90": "9 in 10",
    "waited_median": "waited",
    "waited_p90": "9 in 10 ",
    "begun": "began",
    "at_risk": "at risk",
    "breached": "broken",
    "share": "share",
    "on_average": "on average",
    "longest": "longest",
    "at_the_end": "at the end",
    "closed": "closed",
    "open": "open",
    "to_closure_median": "closure",
    "to_closure_p90": "9 in 10",
}


def simulate(
    file: DefinitionArgument = SHIPPED,
    cases: Annotated[int, typer.Option(min=1, max=100_000, help="How many cases come.")] = 200,
    seed: Annotated[int, typer.Option(help="The same number draws the same chances.")] = 1,
    figures: Annotated[
        Path | None, typer.Option(help="The city's figures; without it, simulation.yaml beside the definition.")
    ] = None,
    per_day: Annotated[float | None, typer.Option(min=0.01, help="How many cases come on a working day.")] = None,
    case_workers: Annotated[int | None, typer.Option(min=1, help="How many manage cases.")] = None,
    deadline: Annotated[
        str | None,
        typer.Option(metavar="NAME=DAYS", help="Compare with this deadline so many days longer (-1: shorter)."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="An SVG file to draw the run into.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Play cases through a definition: where they wait, which deadlines break, what would change.

    People, agencies and times come from a file of assumptions beside the definition. The run is compared with one more
    case worker, and with one deadline longer: the one that breaks most often, if none is named.

    Example: rujukan workflow simulate --cases 500 --seed 7 --case-workers 5 --deadline visit=2 --plot run.svg
    """
    from services.cases.definitions import FIGURES
    from services.cases.simulation import compared
    from services.cases.simulation.chart import svg

    definition, found = _read(file, figures or file.with_name(FIGURES))
    if per_day is not None:
        found = replace(found, per_day=per_day)
    if case_workers is not None:
        found = replace(found, people={**found.people, definition.managed_by[0]: case_workers})
    wanted = _deadline(definition, deadline)
    try:
        with _progress(cases) as told:
            runs = compared(definition, found, cases, seed, wanted, told)
    except ValueError as error:
        fail(str(error))
    if plot is not None:
        write(plot, svg(runs[0].result))
    given = runs[0].result
    if as_json:
        show_json(
            {
                "definition": definition.id,
                "seed": seed,
                "stages": given.stages(),
                "deadlines": given.deadlines(),
                "queues": given.lines(),
                "runs": [{"what": each.what, **each.result.summary()} for each in runs],
            }
        )
        return
    _tell(given, runs)
    if plot is not None:
        say(f"written to {plot}")


def _tell(given: Result, runs: Sequence[Variant]) -> None:
    first, last = given.days[0], given.days[-1]
    say(f"{given.definition.id}: {given.arrived} cases, {first:%d.%m.%Y} to {last:%d.%m.%Y}, times in working days.")
    say("What comes out is as good as the assumptions that go in.")
    _table("Stages: days there, and of them waiting for somebody (half; 9 in 10)", given.stages())
    _table("Deadlines", given.deadlines())
    _table("Queues at noon", [row for row in given.lines() if row["longest"]])
    rows = [{"what": each.what, **each.result.summary()} for each in runs]
    _table("What would change (days to closure: half; 9 in 10)", rows)


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        names = [name for name in rows[0] if name in COLUMNS]
        named = [{COLUMNS[name]: _written(name, row[name]) for name in names} for row in rows]
        say("")
        show_table(title, named, [COLUMNS[name] for name in names])


def _written(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _read(file: Path, figures: Path) -> tuple[Definition, Figures]:
    from services.cases.simulation import load as figures_in

    definition = definition_in(file)
    with reading(figures):
        return definition, figures_in(figures, definition)


def _deadline(definition: Definition, text: str | None) -> tuple[str, int] | None:
    """The deadline and the days of `NAME=DAYS`; ends the command with one line if there is none such."""
    if text is None:
        return None
    name, _, days = text.partition("=")
    if definition.rule(name) is None:
        fail(f"{name}: is no deadline of {definition.id}; there are {', '.join(definition.deadlines)}, response:KIND")
    try:
        return name, int(days)
    except ValueError:
        fail(f"--deadline {text}: write for example {name}=1")


@contextmanager
def _progress(cases: int) -> Iterator[Told]:
    """On the screen, and in standard error: a run of many cases takes minutes."""
    from rich.progress import Progress, TaskID

    tasks: dict[str, TaskID] = {}
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as shown:

        def told(what: str, arrived: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=cases)
                if not errors.is_terminal:
                    errors.print(f"  … {what}", markup=False)
            shown.update(tasks[what], completed=arrived)

        yield told
