"""What the templates of cases need to show the codes and words of one version of the workflow."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask_babel import gettext as _

from services.cases import definitions, texts
from services.cases.engine import Definition

TONES = {"emergency": "danger", "high": "danger", "medium": "warning", "low": "neutral", "none": "neutral"}


def of(definition: Definition) -> dict[str, Any]:
    """The functions by the names that templates call. A word that the version does not have is shown as its code."""

    stages = definitions.stages()

    def kind_name(kind: str) -> str:
        found = definition.referrals.get(kind)
        return texts.named(found.names if found else None, kind)

    def outcome_name(kind: str, code: str) -> str:
        found = definition.referrals.get(kind)
        return texts.named(found.outcomes.get(code) if found else None, code)

    def fact_name(fact: str) -> str:
        found = definition.facts.get(fact)
        return texts.named(found.names if found else None, fact)

    def step_name(step: str) -> str:
        found = definition.steps.get(step)
        return texts.named(found.names if found else None, step)

    return {
        "stage_name": lambda stage: texts.named(stages.get(stage), stage),
        "step_name": step_name,
        "fact_name": fact_name,
        "fact_value": partial(texts.fact_value, definition),
        "consent_name": lambda consent: texts.named(definition.consents.get(consent), consent),
        "kind_name": kind_name,
        "outcome_name": outcome_name,
        "deadline_name": partial(texts.deadline, definition),
        "task_name": lambda kind: _(texts.TASKS[kind]) if kind in texts.TASKS else kind,
        "state_name": lambda state: _(texts.STATES[state][0]),
        "state_tone": lambda state: texts.STATES[state][1],
        "command_name": partial(texts.command, definition),
        "reason_text": partial(texts.reason, definition),
        "tones": TONES,
    }
