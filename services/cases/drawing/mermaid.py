"""The definition as a Mermaid `stateDiagram-v2`, for documents that draw it themselves."""

from __future__ import annotations

from collections.abc import Iterator

from services.cases.drawing import order
from services.cases.engine.definition import Definition


def mermaid(definition: Definition, lang: str, at: str | None = None) -> str:
    """The diagram's text in a language (id, en), with the stage where a case is. Raises KeyError for an unknown one."""
    if at is not None:
        definition.stages[at]
    return "\n".join(_lines(definition, lang, at)) + "\n"


def _lines(definition: Definition, lang: str, at: str | None) -> Iterator[str]:
    yield "stateDiagram-v2"
    # Ids carry a letter before the name: a stage may be called `end` or `state`, which Mermaid keeps for itself.
    for stage in order.stages(definition):
        yield f'    state "{_escaped(stage.names[lang])}" as s_{stage.name}'
    yield f"    [*] --> s_{definition.begins}"
    for stage in order.stages(definition):
        for step in order.steps(definition, stage):
            for target in order.leads_to(step, stage) or [stage.name]:
                yield f"    s_{stage.name} --> s_{target} : {_escaped(step.names[lang])}"
        if stage.final:
            yield f"    s_{stage.name} --> [*]"
    if at is not None:
        yield "    classDef here stroke-width:4px,font-weight:bold"
        yield f"    class s_{at} here"


def _escaped(text: str) -> str:
    """Every character that could mean something to Mermaid or HTML as its entity (`#34;`)."""
    return "".join(
        each if each.isalnum() or each in " ,.-()/" else f"#{ord(each)};" for each in order.clean(text)
    ).replace("--", "-#45;")
