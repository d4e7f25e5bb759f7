"""A colleague has lost a device: the open accounts of one's office, with a button that signs each out everywhere.

It shows who has an account, and not where they are signed in: enough for a lost device.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, get_template_attribute, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup

from services.directory import sessions
from services.directory.pages.parts import found, list_page
from services.directory.texts import role_name
from shared.access import current_actor, may, permit, requires
from shared.web import current_foundation, page_url

colleagues = Blueprint("colleagues", __name__, url_prefix="/sessions/colleagues")


@colleagues.get("")
@requires("session.end_others")
def list_colleagues() -> ResponseReturnValue:
    actor = current_actor()
    question: dict[str, Any] = {"active": True, "_id": {"$ne": actor.id}}
    if may(actor, "session.end_others").scope != "any":
        # Somebody without an agency has no colleagues: `null` would find all others without one.
        question["agency_id"] = {"$eq": actor.agency_id, "$ne": None}
    page = list_page("account", question)
    return render_template(
        "directory/list.html",
        title=gettext("Colleagues' sessions"),
        page=page,
        headers=[gettext("Name"), gettext("Role"), gettext("Sign out")],
        rows=[[_name(entry), role_name(entry["role"]), _end(entry)] for entry in page.items],
        empty=gettext("Nobody else of your office has an account."),
        new=None,
        note=gettext(
            "When somebody's device is lost, sign them out: whoever has the device must then sign in again. If their "
            "password may be known too, ask your administrator for a new one."
        ),
    )


@colleagues.post("/<account_id>/end")
@requires("session.end_others")
def end(account_id: str) -> ResponseReturnValue:
    permit("session.end_others", {"agency_id": found("account", account_id)["agency_id"]})
    sessions.sign_out_everywhere(current_foundation(), current_actor(), account_id)
    flash(gettext("This person is signed out everywhere."), "success")
    return redirect(page_url("/sessions/colleagues"), 303)


def _name(entry: dict[str, Any]) -> Markup:
    return Markup('<span translate="no">{}</span>').format(entry["name"])


def _end(entry: dict[str, Any]) -> Markup:
    button = get_template_attribute("web/components.html", "action_button")
    path = page_url(f"/sessions/colleagues/{entry['_id']}/end")
    return Markup(button(gettext("Sign out everywhere"), path, description=entry["name"]))  # noqa: S704 (escaped there)
