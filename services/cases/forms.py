"""The form of a command, drawn from the workflow definition: what a step records, reasons, outcomes, agencies, day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask_babel import gettext as _
from wtforms.validators import InputRequired, Optional

from services.cases import commands, people, texts
from services.cases.agencies import full
from services.cases.engine import Definition
from shared.web.attempts import KeyField
from shared.web.forms import DateField, Form, RadioField, VersionField
from shared.web.labels import agency_label

FACT = "fact_"
SAID = ("agency_id", "account_id", "reason", "outcome", "occurred_on")
UNDATED = ("approve", "reject", "claim", "release", "finish_task", "take_case", "put_back_case", "assign_case")
"""Commands that are given as they are clicked: nobody enters them from paper."""


class CommandForm(Form):
    """A command on the version of the case or referral that the page shows. `command_form` adds what it needs."""

    key = KeyField()
    version = VersionField()

    def order(self, command: str, subject: str) -> commands.Order:
        """What was entered, as commands.py takes it."""
        facts = {name.removeprefix(FACT): field.data for name, field in self._fields.items() if name.startswith(FACT)}
        said = {name: self[name].data for name in SAID if name in self}
        return commands.Order(command, subject, facts={name: value for name, value in facts.items() if value}, **said)

    def refuse(self, errors: Iterable[Mapping[str, str]]) -> bool:
        """Puts a problem's errors at their fields. Returns whether each found one."""
        placed = True
        for error in errors:
            name = error["field"].replace("facts.", FACT)
            if name in self:
                self[name].errors = [*self[name].errors, error["message"]]
            else:
                placed = False
        return placed


def command_form(
    definition: Definition, command: str, subject: str, kind: str, choice: Iterable[Mapping[str, Any]]
) -> type[CommandForm]:
    """The form of one command. `kind` is the referral's kind for a command on a referral; `choice` are the agencies, or
    the case workers, that may be chosen."""
    fields = dict(_fields(definition, command, subject, kind, choice))
    if command not in UNDATED:
        fields["occurred_on"] = DateField(_("When was it?"), validators=[InputRequired()])
    return type("CommandForm", (CommandForm,), fields)


def _fields(
    definition: Definition, command: str, subject: str, kind: str, choice: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, Any]]:
    if command == "take_step":
        step = definition.steps[subject]
        for name in step.records:
            yield f"{FACT}{name}", _fact(definition, name, InputRequired())
        for name in step.may_record:
            yield f"{FACT}{name}", _fact(definition, name, Optional())
    if command == "request_referral":
        choices = [(agency["_id"], _how_full(agency)) for agency in choice]
        yield "agency_id", RadioField(_("Which agency?"), choices=choices, validators=[InputRequired()])
    if command == "assign_case":
        choices = [(account["_id"], people.label(account)) for account in choice]
        yield "account_id", RadioField(_("To whom?"), choices=choices, validators=[InputRequired()])
    if command in ("decline", "revoke"):
        reasons = definition.decline_reasons if command == "decline" else definition.revoke_reasons
        choices = [(code, texts.named(names, code)) for code, names in reasons.items()]
        yield "reason", RadioField(_("Why?"), choices=choices, validators=[InputRequired()])
    if command == "complete":
        choices = [(code, texts.named(names, code)) for code, names in definition.referrals[kind].outcomes.items()]
        yield "outcome", RadioField(_("With what outcome?"), choices=choices, validators=[InputRequired()])


def _how_full(agency: Mapping[str, Any]) -> str:
    """An agency (as agencies.py has it) with how much it has to do: 3 of 5."""
    told = {"agency": agency_label(agency), "open": agency["open"], "capacity": agency.get("capacity")}
    if told["capacity"] is None:
        return _("%(agency)s. Open referrals: %(open)s, no limit", **told)
    if full(agency):
        return _("%(agency)s. Full. Open referrals: %(open)s of %(capacity)s", **told)
    return _("%(agency)s. Open referrals: %(open)s of %(capacity)s", **told)


def _fact(definition: Definition, name: str, needed: Any) -> RadioField:
    fact = definition.facts[name]
    choices = [(value, texts.fact_value(definition, name, value)) for value in fact.values]
    return RadioField(texts.named(fact.names, name), choices=choices, validators=[needed])
