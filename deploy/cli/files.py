"""Files that commands read and write. What is wrong with one ends the command with one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.output import fail

if TYPE_CHECKING:
    from services.cases.engine import Definition

SHIPPED = Path(__file__).parents[2] / "services/cases/workflows/child_labour_referral.yaml"

DefinitionArgument = Annotated[
    Path, typer.Argument(help="The definition's YAML file; without one, the one that is shipped.")
]


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Around the reading of a YAML file of a workflow: its faults are told, a line each."""
    from services.cases.engine import DefinitionError

    try:
        yield
    except DefinitionError as error:
        fail("\n".join(f"{file}:{each}" for each in error.faults))
    except OSError as error:
        fail(f"{file}: cannot be read ({error.strerror})")
    except UnicodeDecodeError:
        fail(f"{file}: is no text in UTF-8")
    except ValueError as error:  # files that cannot stand beside each other
        fail(f"{file}: {error}")


def definition_in(file: Path) -> Definition:
    """The definition in a file."""
    from services.cases.engine import load

    with reading(file):
        return load(file)


def write(file: Path, text: str) -> None:
    """Writes a file, in UTF-8."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{file}: cannot be written ({error.strerror})")
