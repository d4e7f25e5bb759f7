"""Pages of people, for those who administer. A person is opened an account from their own page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from services.directory import commands, schemas, store
from services.directory.forms import AccountForm, PersonForm, filled
from services.directory.pages.parts import agency_name, button, form_page, found, link, list_page
from services.directory.texts import role_name
from shared.access import current_actor, may, permit, requires
from shared.journal import Command
from shared.web import current_foundation, page_url

people = Blueprint("people", __name__, url_prefix="/people")


@people.get("")
@requires("person.read")
def list_people() -> ResponseReturnValue:
    database = current_foundation().database
    actor = current_actor()
    question: dict[str, Any] = {}
    if may(actor, "person.read").scope != "any":
        own = store.get(database, "account", actor.id)
        question = {"_id": own["person_id"] if own else None}
    page = list_page("person", question)
    agencies = store.agency_names(database)
    rows = [
        [link(entry["name"], f"/people/{entry['_id']}"), agencies.get(entry["agency_id"], gettext("No agency"))]
        for entry in page.items
    ]
    return render_template(
        "directory/list.html",
        title=gettext("Staff"),
        page=page,
        headers=[gettext("Name"), gettext("Agency")],
        rows=rows,
        empty=gettext("Nobody is registered yet."),
        new=button("/people/new", gettext("Add a person"), "person.manage"),
    )


@people.get("/<person_id>")
@requires("person.read")
def show_person(person_id: str) -> ResponseReturnValue:
    database = current_foundation().database
    account = store.account_of_person(database, person_id)
    permit("person.read", {"owner": account["_id"] if account else None})
    entry = found("person", person_id)
    if account is None:
        role, step = (
            gettext("None"),
            button(f"/people/{person_id}/account", gettext("Open an account"), "account.manage"),
        )
    else:
        role = role_name(account["role"])
        step = button(f"/accounts/{account['_id']}", gettext("See the account"), "account.manage")
    rows = [
        {"key": gettext("E-mail address"), "value": entry["email"]},
        {"key": gettext("Agency"), "value": agency_name(entry["agency_id"])},
        {"key": gettext("Account"), "value": role, "action": step},
    ]
    return render_template(
        "directory/detail.html",
        title=entry["name"],
        caption=gettext("Staff"),
        rows=rows,
        back=page_url("/people"),
        change=button(f"/people/{person_id}/edit", gettext("Change this person"), "person.manage"),
    )


@people.route("/new", methods=["GET", "POST"])
@requires("person.manage")
def new_person() -> ResponseReturnValue:
    foundation = current_foundation()
    form = PersonForm(store.agency_names(foundation.database, only_active=True))

    def save(facts: Mapping[str, Any], command: Command | None) -> str:
        return f"/people/{commands.register_person(foundation, current_actor(), facts, command)['id']}"

    return form_page(form, schemas.PersonFacts(), save, title=gettext("Add a person"), back="/people")


@people.route("/<person_id>/edit", methods=["GET", "POST"])
@requires("person.manage")
def change_person(person_id: str) -> ResponseReturnValue:
    foundation = current_foundation()
    entry = found("person", person_id)
    choices = store.agency_names(foundation.database, only_active=True)
    if entry["agency_id"]:
        # An agency that was closed meanwhile stays where it is until somebody changes it.
        choices.setdefault(entry["agency_id"], agency_name(entry["agency_id"]))
    form = filled(PersonForm, entry, choices)

    def save(facts: Mapping[str, Any], command: Command | None) -> str:
        version = form.expected_version()
        commands.change_person(foundation, current_actor(), person_id, version, facts, command)
        return f"/people/{person_id}"

    title, back = gettext("Change a person"), f"/people/{person_id}"
    return form_page(form, schemas.PersonChange(partial=True), save, title=title, back=back, caption=entry["name"])


@people.route("/<person_id>/account", methods=["GET", "POST"])
@requires("account.manage")
def open_account(person_id: str) -> ResponseReturnValue:
    foundation = current_foundation()
    entry = found("person", person_id)
    form = AccountForm()

    def save(facts: Mapping[str, Any], command: Command | None) -> str:
        whole = {**facts, "person_id": person_id}
        return f"/accounts/{commands.open_account(foundation, current_actor(), whole, command)['id']}"

    schema, title, back = (
        schemas.AccountFacts(exclude=["person_id"]),
        gettext("Open an account"),
        f"/people/{person_id}",
    )
    return form_page(form, schema, save, title=title, back=back, caption=entry["name"])
