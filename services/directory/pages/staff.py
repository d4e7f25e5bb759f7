"""Pages of people and their accounts, for those who administer. A person is opened an account from their own page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from services.directory import commands, schemas, store
from services.directory.forms import AccountForm, ChangedAccountForm, PersonForm, filled
from services.directory.pages.parts import button, form_page, found, link, list_page, state_tag
from services.directory.texts import role_name
from shared.access import current_actor, may, permit, requires
from shared.journal import Command
from shared.web import current_foundation, page_url

people = Blueprint("people", __name__, url_prefix="/people")
accounts = Blueprint("accounts", __name__, url_prefix="/accounts")


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
        {"key": gettext("Agency"), "value": _agency(entry["agency_id"])},
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
        choices.setdefault(entry["agency_id"], _agency(entry["agency_id"]))
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


@accounts.get("")
@requires("account.manage")
def list_accounts() -> ResponseReturnValue:
    page = list_page("account", {})
    agencies = store.agency_names(current_foundation().database)
    rows = [
        [
            link(entry["name"], f"/accounts/{entry['_id']}"),
            role_name(entry["role"]),
            agencies.get(entry["agency_id"], gettext("No agency")),
            state_tag(entry["active"]),
        ]
        for entry in page.items
    ]
    return render_template(
        "directory/list.html",
        title=gettext("Accounts"),
        page=page,
        headers=[gettext("Name"), gettext("Role"), gettext("Agency"), gettext("State")],
        rows=rows,
        empty=gettext("No account is open yet."),
        new=None,
        note=gettext("To open an account, add the person under Staff first."),
    )


@accounts.get("/<account_id>")
@requires("account.manage")
def show_account(account_id: str) -> ResponseReturnValue:
    entry = found("account", account_id)
    person = button(f"/people/{entry['person_id']}", gettext("See the person"), "person.manage")
    rows = [
        {"key": gettext("Person"), "value": entry["name"], "action": person},
        {"key": gettext("Role"), "value": role_name(entry["role"])},
        {"key": gettext("Agency"), "value": _agency(entry["agency_id"])},
        {"key": gettext("State"), "value": state_tag(entry["active"])},
    ]
    return render_template(
        "directory/detail.html",
        title=entry["name"],
        caption=gettext("Account"),
        rows=rows,
        back=page_url("/accounts"),
        change=button(f"/accounts/{account_id}/edit", gettext("Change this account"), "account.manage"),
    )


@accounts.route("/<account_id>/edit", methods=["GET", "POST"])
@requires("account.manage")
def change_account(account_id: str) -> ResponseReturnValue:
    foundation = current_foundation()
    entry = found("account", account_id)
    form = filled(ChangedAccountForm, entry)

    def save(facts: Mapping[str, Any], command: Command | None) -> str:
        changes = {field: value for field, value in facts.items() if field != "password" or value}
        version = form.expected_version()
        commands.change_account(foundation, current_actor(), account_id, version, changes, command)
        return f"/accounts/{account_id}"

    title, back = gettext("Change an account"), f"/accounts/{account_id}"
    return form_page(form, schemas.AccountChange(), save, title=title, back=back, caption=entry["name"])


def _agency(agency_id: str | None) -> str:
    entry = store.get(current_foundation().database, "agency", agency_id) if agency_id else None
    return str(entry["name"]) if entry else gettext("No agency")
