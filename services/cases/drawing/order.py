"""What every form of the drawing asks of a definition: the stages in their order, and where steps lead."""

from __future__ import annotations

from services.cases.engine.definition import Definition, Stage, Step


def stages(definition: Definition) -> list[Stage]:
    """The stages as they are read: where a case begins, then in the definition's order, the final ones last."""
    return sorted(definition.stages.values(), key=lambda stage: (stage.final, stage.name != definition.begins))


def steps(definition: Definition, stage: Stage) -> list[Step]:
    """The steps that can be taken from a stage."""
    return [step for step in definition.steps.values() if stage.name in step.origins]


def leads_to(step: Step, stage: Stage) -> list[str]:
    """The names of the stages that a step may lead to from a stage, each once; without any the case stays."""
    return list(dict.fromkeys(branch.stage for branch in step.to if branch.stage != stage.name))


def kinds(definition: Definition, stage: Stage) -> list[str]:
    """The kinds of referral that can be requested in a stage."""
    return [kind.name for kind in definition.referrals.values() if stage.name in kind.stages]


def clean(text: str) -> str:
    """A name as one line without characters that XML cannot carry."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
