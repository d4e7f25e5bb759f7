"""Giving a command by page, to a case or to a referral: show its form, take it, say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import flash, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from services.cases import definitions, records, texts, words
from services.cases.commands import Order
from services.cases.engine import Possible
from services.cases.forms import CommandForm, command_form
from shared.domain.working_time import wib_date
from shared.journal import Command
from shared.web import Problem, current_foundation
from shared.web.attempts import attempt, command_of_form


@dataclass(frozen=True)
class Asked:
    """A command that somebody gives by page. `shown` is the case (or what is known of it) for its words, `back` the
    page it was begun on, `carry_out` does it for a version, an order, and the command that makes a second click no
    second order, `choice` are the agencies or the case workers among whom one is chosen."""

    command: str
    subject: str
    shown: Mapping[str, Any]
    version: int
    possible: Iterable[Possible]
    back: str
    carry_out: Callable[[int, Order, Command], Any]
    choice: Iterable[Mapping[str, Any]] = field(default_factory=list)


def give(asked: Asked, sent: bool) -> ResponseReturnValue:
    """The form of the command, or what became of the one that was `sent`. Raises Problem 404 for no such command."""
    definition = definitions.of(asked.shown["workflow"])
    found = next((e for e in asked.possible if (e.command, e.subject) == (asked.command, asked.subject)), None)
    foundation = current_foundation()
    given = command_of_form(foundation.settings.secret_key) if sent else None
    if found is None:
        # What ends with a command (a task, a referral) is there no more when that comes a second time.
        if given is None or foundation.journal.answer_of(given) is None:
            raise Problem(404, "not_found")
        flash(_("It is recorded."), "success")
        return redirect(asked.back, 303)
    title = texts.command(definition, asked.shown, asked.command, asked.subject)
    if not found.now and not sent:
        flash(" ".join(texts.reason(definition, each) for each in found.reasons))
        return redirect(asked.back, 303)
    kind = next((each["kind"] for each in asked.shown["referrals"] if each["referral_id"] == asked.subject), "")
    make = command_form(definition, asked.command, asked.subject, kind, asked.choice)
    form = make() if sent else _empty(make, asked.version)
    if given is None or not form.validate_on_submit():
        return _page(asked, title, form), 422 if sent else 200

    def carry_out() -> None:
        with records.refusals(asked.shown):
            asked.carry_out(form.version.number, form.order(asked.command, asked.subject), given)

    done = _("Recorded: %(what)s.", what=title) if found.now else _("It is recorded.")
    if not attempt(carry_out, done, form.refuse):
        return _page(asked, title, form), 422
    return redirect(asked.back, 303)


def _empty(make: type[CommandForm], version: int) -> CommandForm:
    form = make(formdata=None, version=str(version))
    if "occurred_on" in form:
        form["occurred_on"].begin_with(wib_date(current_foundation().clock()))
    return form


def _page(asked: Asked, title: str, form: CommandForm) -> str:
    awaited = asked.shown["awaited"] if asked.command in ("approve", "reject") else None
    return render_template(
        "cases/command.html",
        **words.of(definitions.of(asked.shown["workflow"])),
        title=title,
        form=form,
        back=asked.back,
        command=asked.command,
        number=asked.shown["case_number"],
        awaited=awaited,
        nobody=asked.command in ("request_referral", "assign_case") and not asked.choice,
    )
