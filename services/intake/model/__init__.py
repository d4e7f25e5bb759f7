"""The pure core of intake: what a child's work is called, and what becomes of a report.

No Flask, no Kafka, no Mongo, no clock: time and ids come in from outside.
"""

from services.intake.model.attachments import AttachmentRefused, attach, detach
from services.intake.model.classification import Classification, Result, classify, severity
from services.intake.model.facts import FACTS, Facts, facts_of
from services.intake.model.report import Child, Register, RegisterRefused, Report, classified, decide, evolve, worst
from services.intake.model.rules import Rule, Rules, RulesError, RuleSet, rules_on

__all__ = [
    "FACTS",
    "AttachmentRefused",
    "Child",
    "Classification",
    "Facts",
    "Register",
    "RegisterRefused",
    "Report",
    "Result",
    "Rule",
    "RuleSet",
    "Rules",
    "RulesError",
    "attach",
    "classified",
    "classify",
    "decide",
    "detach",
    "evolve",
    "facts_of",
    "rules_on",
    "severity",
    "worst",
]
