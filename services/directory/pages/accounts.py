"""Pages of accounts, for those who administer: role, closing, and help for somebody who cannot sign in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from services.directory import account_help, commands, links, schemas, second_factor, sessions, store
from services.directory.forms import ChangedAccountForm, filled
from services.directory.pages.parts import agency_name, button, form_page, found, leave, link, list_page, state_tag
from services.directory.texts import role_name
from shared.access import current_actor, requires
from shared.journal import Command
from shared.web import current_foundation, page_url
from shared.web.labels import label
from shared.web.language import language_of_request

accounts = Blueprint("accounts", __name__, url_prefix="/accounts")


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
    factor_on = second_factor.is_on(current_foundation(), account_id)
    bound = account_help.is_bound(current_foundation(), account_id)
    person = button(f"/people/{entry['person_id']}", gettext("See the person"), "person.manage")
    rows = [
        {"key": gettext("Person"), "value": entry["name"], "action": person},
        {"key": gettext("Role"), "value": role_name(entry["role"])},
        {"key": gettext("Agency"), "value": agency_name(entry["agency_id"])},
        {"key": gettext("Area"), "value": _where(entry)},
        {"key": gettext("State"), "value": state_tag(entry["active"])},
        {"key": gettext("Password"), "value": _password_state(entry)},
        {"key": gettext("Second factor"), "value": gettext("On") if factor_on else gettext("Off")},
    ]
    if current_foundation().settings.oidc_issuer is not None or bound:
        state = gettext("Recognised") if bound else gettext("Not used yet")
        rows.append({"key": gettext("The office's own sign-in service"), "value": state})
    return render_template(
        "directory/account.html",
        entry=entry,
        rows=rows,
        own=account_id == current_actor().id,
        factor_on=factor_on,
        bound=bound,
        link_text=gettext("Reset the password by a link") if entry["password_hash"] else gettext("Invite by a link"),
    )


@accounts.post("/<account_id>/link")
@requires("account.manage")
def make_link(account_id: str) -> ResponseReturnValue:
    entry = found("account", account_id)
    made = links.make(current_foundation(), current_actor(), account_id)
    hours = int(links.LASTS[made.kind].total_seconds() // 3600)
    address = made.address(language_of_request())
    return render_template("directory/link.html", entry=entry, address=address, hours=hours)


@accounts.post("/<account_id>/sessions/end")
@requires("account.manage")  # who may this may session.end_others; the page it leads back to is an administrator's
def end_sessions(account_id: str) -> ResponseReturnValue:
    found("account", account_id)
    actor = current_actor()
    sessions.sign_out_everywhere(current_foundation(), actor, account_id)
    if account_id == actor.id:
        return leave(gettext("You are signed out everywhere."))
    flash(gettext("This person is signed out everywhere."), "success")
    return redirect(page_url(f"/accounts/{account_id}"), 303)


@accounts.post("/<account_id>/second-factor/reset")
@requires("account.manage")
def reset_second_factor(account_id: str) -> ResponseReturnValue:
    found("account", account_id)
    account_help.reset_second_factor(current_foundation(), current_actor(), account_id)
    flash(gettext("The second factor is off, and this person is signed out everywhere."), "success")
    return redirect(page_url(f"/accounts/{account_id}"), 303)


@accounts.post("/<account_id>/provider-identity/release")
@requires("account.manage")
def release_provider_identity(account_id: str) -> ResponseReturnValue:
    found("account", account_id)
    account_help.release(current_foundation(), current_actor(), account_id)
    flash(
        gettext("The account is matched by e-mail address next time, and this person is signed out everywhere."),
        "success",
    )
    return redirect(page_url(f"/accounts/{account_id}"), 303)


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


def _where(entry: Mapping[str, Any]) -> str:
    """The kecamatan in which the person works, in words."""
    return ", ".join(label("kecamatan", code) for code in entry["areas"]) or gettext("The whole city")


def _password_state(entry: Mapping[str, Any]) -> str:
    return gettext("Set") if entry["password_hash"] else gettext("Not set yet: invite the person by a link.")
