"""Somebody leaves: what of theirs is to be handed over, and the button that closes their account and ends its sessions.

Directory knows colleagues and the agency. What lies with other services is linked to; they hear by `account.closed`.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from services.directory import commands, store
from services.directory.forms import EntryForm, filled
from services.directory.pages.parts import agency_name, found, link, state_tag
from services.directory.texts import role_name
from shared.access import current_actor, may, requires, rights
from shared.web import Problem, current_foundation, page_url

leaving = Blueprint("leaving", __name__, url_prefix="/accounts/<account_id>/leaving")


@leaving.get("")
@requires("account.manage")
def show(account_id: str) -> ResponseReturnValue:
    entry = found("account", account_id)
    colleagues = store.colleagues(current_foundation().database, entry)
    rows = [
        {"key": gettext("Role"), "value": role_name(entry["role"])},
        {"key": gettext("Agency"), "value": agency_name(entry["agency_id"])},
        {"key": gettext("State"), "value": state_tag(entry["active"])},
    ]
    return render_template(
        "directory/leaving.html",
        entry=entry,
        form=filled(EntryForm, entry),
        rows=rows,
        colleagues=[[link(each["name"], f"/accounts/{each['_id']}"), role_name(each["role"])] for each in colleagues],
        cases=page_url(f"/cases?whose={account_id}") if entry["role"] in rights()["case.take"].roles else None,
        subscriptions=may(current_actor(), "subscription.read").allowed,
    )


@leaving.post("")
@requires("account.manage")
def close(account_id: str) -> ResponseReturnValue:
    found("account", account_id)
    form = EntryForm()
    if not form.validate_on_submit():
        raise Problem(422, "invalid")
    version = form.expected_version()
    commands.change_account(current_foundation(), current_actor(), account_id, version, {"active": False})
    flash(gettext("The account is closed and signed out everywhere. Hand over what is listed here."), "success")
    return redirect(page_url(f"/accounts/{account_id}/leaving"), 303)
