"""Intake's pages: register a report, find it again, and open what identifies the people in it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from services.intake import api, registration, store
from services.intake.forms import new_form
from shared.access import current_actor, may, requires
from shared.domain.working_time import wib_date
from shared.ids import read_number
from shared.vault import NotHeld
from shared.web import PAGE_SIZE, Page, current_foundation, page_number
from shared.web.conditions import command_of

blueprint = Blueprint("reports", __name__, url_prefix="/reports")

TONES = {"emergency": "danger", "high": "danger", "medium": "warning", "low": "neutral"}


@blueprint.app_context_processor
def words() -> dict[str, Any]:
    """What the templates need to show codes."""
    return {"tones": TONES}


@blueprint.get("")
@requires("report.read")
def index() -> ResponseReturnValue:
    """The newest reports, or the one whose number was typed."""
    typed = request.args.get("number", "").strip()
    unknown = False
    if typed:
        number = read_number(registration.NUMBER_LETTER, typed)
        report = store.get(current_foundation().database, number) if number else None
        if report is not None and may(current_actor(), "report.read", report):
            return redirect(url_for(".show", number=report["number"]))
        unknown = True
    reports, total = store.page(current_foundation().database, page_number(), PAGE_SIZE, {})
    return render_template(
        "intake/reports.html",
        page=Page(reports, page_number(), total),
        typed=typed,
        unknown=unknown,
    )


@blueprint.route("/new", methods=["GET", "POST"])
@requires("report.register")
def new() -> ResponseReturnValue:
    """The form of a report; registered once however often it is sent."""
    form = new_form(wib_date(current_foundation().clock()))
    if request.method == "POST":
        if "add_child" in request.form:
            form.add_child()
            return render_template("intake/new.html", form=form, focus_last_child=True)
        if "remove_child" in request.form:
            form.remove_child()
            return render_template("intake/new.html", form=form)
        report = form.checked()
        if report is not None:
            secret = current_foundation().settings.secret_key
            answer = api.register(report, command_of(secret, form.key.data or "", report))
            flash(_("Report %(number)s is registered.", number=answer["number"]), "success")
            return redirect(url_for(".show", number=answer["number"]), 303)
        return render_template("intake/new.html", form=form), 422
    return render_template("intake/new.html", form=form)


@blueprint.get("/<number>")
@requires("report.read")
def show(number: str) -> ResponseReturnValue:
    """A report without identities."""
    report = api.found(number, "report.read")
    return render_template(
        "intake/report.html",
        report=report,
        identities=None,
        may_open=bool(may(current_actor(), "report.read_identity", report)),
        may_audit=bool(may(current_actor(), "audit.read")),
    )


@blueprint.post("/<number>/identities")
@requires("report.read_identity")
def identities(number: str) -> ResponseReturnValue:
    """A report with what identifies the people in it; the reading is audited before it is shown."""
    report = api.found(number, "report.read_identity")
    try:
        opened = registration.identities(current_foundation(), current_actor(), report, "report_page")
    except NotHeld:
        flash(_("What identifies the people in this report was erased."))
        return redirect(url_for(".show", number=report["number"]), 303)
    may_audit = bool(may(current_actor(), "audit.read"))
    return render_template("intake/report.html", report=report, identities=opened, may_open=True, may_audit=may_audit)
