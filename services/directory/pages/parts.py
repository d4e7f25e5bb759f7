"""Parts that directory's pages share: a list's page, a form that saves, a link in a cell, the word for a state, the way
out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import flash, get_template_attribute, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup
from marshmallow import Schema

from services.directory import store
from services.directory.forms import EntryForm
from services.directory.model import Refused
from services.directory.sessions import COOKIE
from shared.access import current_actor, may
from shared.journal import Command
from shared.web import PAGE_SIZE, Page, Problem, current_foundation, page_number, page_url
from shared.web.attempts import command_of_form

#: Writes what a form holds, as this command if it is given, and returns the path of the page that opens then.
Save = Callable[[Mapping[str, Any], Command | None], str]


def list_page(thing: str, question: Mapping[str, Any]) -> Page[dict[str, Any]]:
    """The page of a list that the address asks for."""
    number = page_number()
    items, total = store.page(current_foundation().database, thing, question, number, PAGE_SIZE)
    return Page(items, number, total)


def found(thing: str, identifier: str) -> dict[str, Any]:
    """The entry, or Problem 404."""
    entry = store.get(current_foundation().database, thing, identifier)
    if entry is None:
        raise Problem(404, "not_found")
    return entry


def form_page(
    form: EntryForm, schema: Schema, save: Save, *, title: str, back: str, caption: str = ""
) -> ResponseReturnValue:
    """The page of a form; when it was sent and is right, `save` writes it and another page opens."""
    facts = form.facts(schema) if request.method == "POST" else None
    if facts is not None:
        try:
            target = save(facts, command_of_form(current_foundation().settings.secret_key, form.request_key.name))
        except Refused as refused:
            form.refuse(refused.errors)
        else:
            flash(gettext("It is saved."), "success")
            return redirect(page_url(target), 303)
    page = render_template("directory/form.html", title=title, form=form, back=page_url(back), caption=caption)
    return page, 422 if request.method == "POST" else 200


def agency_name(agency_id: str | None) -> str:
    """What an agency is called."""
    entry = store.get(current_foundation().database, "agency", agency_id) if agency_id else None
    return str(entry["name"]) if entry else gettext("No agency")


def button(path: str, text: str, action: str) -> dict[str, str] | None:
    """A link that looks like a button, for those who may use it."""
    return {"href": page_url(path), "text": text} if may(current_actor(), action) else None


def link(text: str, path: str) -> Markup:
    """A link to a page of ours, for a cell of a table."""
    return Markup('<a class="govuk-link" href="{}">{}</a>').format(page_url(path), text)


def state_tag(active: bool) -> Markup:
    """Active or closed, as a coloured word."""
    tag = get_template_attribute("web/components.html", "status_tag")
    return Markup(tag(gettext("Active"), "good") if active else tag(gettext("Closed"), "neutral"))  # noqa: S704


def leave(said: str) -> ResponseReturnValue:
    """Out of this browser: its cookies' content goes, and the sign-in page says what was done."""
    session.clear()
    flash(said, "success")
    answer = redirect(page_url("/sign-in"), 303)
    answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Lax", path="/")
    return answer
