"""`rujukan workflow draw`: a definition as a drawing."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.files import SHIPPED, DefinitionArgument, definition_in, write
from deploy.cli.output import fail, say


class Form(StrEnum):
    """For pages, for documents that draw it themselves, for modelling tools."""

    SVG = "svg"
    MERMAID = "mermaid"
    BPMN = "bpmn"


class Language(StrEnum):
    """The languages of a definition's names."""

    ID = "id"
    EN = "en"


def draw(
    file: DefinitionArgument = SHIPPED,
    form: Annotated[Form, typer.Option("--format", help="The form.")] = Form.SVG,
    output: Annotated[Path | None, typer.Option(help="The file to write; without one, to the screen.")] = None,
    lang: Annotated[Language, typer.Option(help="The language of the names.")] = Language.ID,
    at: Annotated[str | None, typer.Option(help="The stage where a case is (svg, mermaid).")] = None,
) -> None:
    """Draw a definition: SVG, Mermaid, or BPMN 2.0 XML. It is not checked: a faulty one can be looked at.

    Example: rujukan workflow draw --format bpmn --output referral.bpmn
    """
    from services.cases.drawing import bpmn, drawing, mermaid

    definition = definition_in(file)
    if at is not None and at not in definition.stages:
        fail(f"{at}: is no stage of {definition.id}; there are {', '.join(definition.stages)}")
    if at is not None and form is Form.BPMN:
        fail("BPMN shows no case: leave --at out, or take --format svg")
    if form is Form.SVG:
        text = drawing(definition, lang, at)
    else:
        text = mermaid(definition, lang, at) if form is Form.MERMAID else bpmn(definition, lang)
    if output is None:
        sys.stdout.write(text)
        return
    write(output, text)
    say(f"written to {output}")
