"""Where am I signed in: one's own sessions, with a button to end each, and one to sign out everywhere."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, get_template_attribute, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup

from services.directory import sessions
from services.directory.pages.parts import leave
from shared.access import current_actor, requires
from shared.web import Problem, current_foundation, page_url
from shared.web.formats import format_datetime

signed_in = Blueprint("signed_in", __name__, url_prefix="/sessions")


@signed_in.get("")
@requires("session.read")
def list_sessions() -> ResponseReturnValue:
    rows = [_row(entry) for entry in sessions.live_sessions(current_foundation(), current_actor())]
    return render_template("directory/sessions.html", rows=rows)


@signed_in.post("")
@requires("session.delete")
def end_all() -> ResponseReturnValue:
    actor = current_actor()
    sessions.sign_out_everywhere(current_foundation(), actor, actor.id)
    return leave(gettext("You are signed out everywhere."))


@signed_in.post("/<session_id>/end")
@requires("session.delete")
def end_one(session_id: str) -> ResponseReturnValue:
    if not sessions.end_session(current_foundation(), current_actor(), session_id):
        raise Problem(404, "not_found")
    flash(gettext("That device is signed out."), "success")
    return redirect(page_url("/sessions"), 303)


def _row(entry: dict[str, Any]) -> list[Any]:
    device = entry["device"]
    name = Markup('<span translate="no">{}</span>').format(device) if device else gettext("Unknown device")
    return [name, format_datetime(entry["created_at"]), format_datetime(entry["used_at"]), _end(entry, name)]


def _end(entry: dict[str, Any], name: str) -> Any:
    """The button that ends the session on the device called `name`; this one is ended by signing out."""
    if entry["current"]:
        return gettext("This device")
    button = get_template_attribute("web/components.html", "action_button")
    text, path = gettext("Sign out there"), page_url(f"/sessions/{entry['id']}/end")
    return Markup(button(text, path, description=name))  # noqa: S704 (the macro escapes)
