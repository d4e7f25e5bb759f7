"""Intake's pages: register a report, find it again, open what identifies the people in it, and erase it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from services.intake import api, attachments_pages, erasure, registration, store, subject_api, subject_requests
from services.intake.forms import ErasureForm, RedactionForm, ReportForm, SeparationForm, new_form
from shared.access import current_actor, may, permit, requires
from shared.domain.working_time import wib_date
from shared.ids import read_number
from shared.vault import NotHeld
from shared.web import PAGE_SIZE, Page, Problem, current_foundation, page_number
from shared.web.attempts import attempt
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
        may_erase=bool(may(current_actor(), "identity.erase")),
        may_decide=bool(may(current_actor(), "retention.decide")),
        **_requests(),
    )


@blueprint.route("/new", methods=["GET", "POST"])
@requires("report.register")
def new() -> ResponseReturnValue:
    """The form of a report; registered once however often it is sent."""
    form = new_form(wib_date(current_foundation().clock()))
    if request.method == "GET":
        form.children[0].form.same_as.data = request.args.get("same_as", "")
        return _form_page(form)
    if "add_child" in request.form:
        form.add_child()
        return _form_page(form, focus_last_child=True)
    if "remove_child" in request.form:
        form.remove_child()
        return _form_page(form)
    if "unlink_child" in request.form:
        form.unlink_child(request.form["unlink_child"])
        return _form_page(form)
    report = form.checked()
    if report is None:
        return _form_page(form), 422
    secret = current_foundation().settings.secret_key
    try:
        answer = api.register(report, command_of(secret, form.key.data or "", report))
    except Problem as problem:
        if not problem.errors:
            raise
        form.refuse(problem)
        return _form_page(form), 422
    flash(_("Report %(number)s is registered.", number=answer["number"]), "success")
    return redirect(url_for(".show", number=answer["number"]), 303)


def _form_page(form: ReportForm, **more: Any) -> str:
    """The form of a report, with the reports of the children that it says are known."""
    known: dict[str, str] = {}
    for entry in form.children:
        same_as = entry.form.same_as.data
        child = store.child(current_foundation().database, same_as) if same_as else None
        if child is not None:
            known[same_as] = child["report_number"]
    return render_template("intake/new.html", form=form, known=known, **more)


@blueprint.get("/erasures")
@requires("identity.erase")
def erasures() -> ResponseReturnValue:
    """What was erased, by its receipts, and which narratives wait for their redaction."""
    database = current_foundation().database
    receipts, total = store.erasures(database, page_number(), PAGE_SIZE)
    page = Page(receipts, page_number(), total)
    return render_template("intake/erasures.html", page=page, redactions=store.redactions(database))


@blueprint.route("/<number>/children/<child_id>/erase", methods=["GET", "POST"])
@requires("identity.erase")
def erase(number: str, child_id: str) -> ResponseReturnValue:
    """Erases what identifies a child, after a reason and a second confirmation."""
    report = api.found(number, "identity.erase")
    _which, child = _child(report, child_id)
    form = ErasureForm()
    reason = form.checked() if request.method == "POST" else None
    if reason is None:
        held = store.held_elsewhere(current_foundation().database, report["_id"], child)
        others = [each["number"] for each, _ in held]
        form.also.data = " ".join(others)
        page = render_template("intake/erase.html", form=form, report=report, others=others)
        return page, 422 if request.method == "POST" else 200
    also = (form.also.data or "").split()
    try:
        erasure.erase(current_foundation(), current_actor(), report["_id"], child_id, reason, also)
    except erasure.AlsoHeld as error:
        flash(api.erasure_refused(error).advice)
        return redirect(url_for(".erase", number=report["number"], child_id=child_id), 303)
    except (erasure.Refused, NotHeld) as error:
        problem = api.erasure_refused(error)
        if problem.status != 409:
            raise problem from None
        flash(problem.advice)
    else:
        flash(_("What identifies this child is erased. The receipt is among the erasures."), "success")
    return redirect(url_for(".show", number=report["number"]), 303)


@blueprint.route("/<number>/children/<child_id>/separate", methods=["GET", "POST"])
@requires("report.separate")
def separate(number: str, child_id: str) -> ResponseReturnValue:
    """Takes back that a child is the one of an earlier report."""
    report = api.found(number, "report.separate")
    which, child = _child(report, child_id)
    if child.get("first_child_id") is None:
        flash(_("The report does not say that this child is the one of an earlier report."))
        return redirect(url_for(".show", number=report["number"]), 303)
    form = SeparationForm()
    if request.method == "GET" or not form.checked():
        form.version.data = str(report["version"])
        others = store.also_reported(current_foundation().database, report)[child_id]
        page = render_template("intake/separate.html", form=form, report=report, which=which, others=others)
        return page, 200 if request.method == "GET" else 422
    attempt(
        lambda: api.separate(report, child_id, form.version.number),
        _("It is recorded: this is another child. It gets a case of its own in a moment."),
    )
    return redirect(url_for(".show", number=report["number"]), 303)


def _child(report: dict[str, Any], child_id: str) -> tuple[int, dict[str, Any]]:
    """A child of the report, and which it is, from 1. Raises Problem 404."""
    try:
        return store.child_in(report, child_id)
    except NotHeld:
        raise Problem(404, "not_found") from None


@blueprint.route("/<number>/redaction", methods=["GET", "POST"])
@requires("identity.erase")
def redact(number: str) -> ResponseReturnValue:
    """Replaces the narrative; opening it to do so is audited."""
    report = api.found(number, "identity.erase")
    form = RedactionForm()
    if request.method == "POST":
        narrative = form.checked()
        version = form.version.number
        if narrative is not None:
            attempt(
                lambda: erasure.redact(current_foundation(), current_actor(), report["_id"], version, narrative),
                _("The narrative is redacted."),
            )
            return redirect(url_for(".show", number=report["number"]), 303)
        return render_template("intake/redact.html", form=form, report=report), 422
    permit("report.read_identity", report)
    try:
        grounds, vault = api.basis(report, "report.read_identity"), current_foundation().sealed
        opened = vault.open(current_actor(), report["_id"], [erasure.NARRATIVE], "redaction_page", grounds)
    except NotHeld:
        raise Problem(404, "not_found") from None
    form.narrative.data, form.version.data = opened.get(erasure.NARRATIVE, ""), str(report["version"])
    return render_template("intake/redact.html", form=form, report=report)


@blueprint.get("/<number>")
@requires("report.read")
def show(number: str) -> ResponseReturnValue:
    """A report without identities."""
    report = api.found(number, "report.read")
    opens = may(current_actor(), "report.read_identity", report)
    return render_template(
        "intake/report.html",
        report=report,
        identities=None,
        may_open=bool(opens),
        elsewhere=not opens and opens.scope == "area",
        **attachments_pages.on_report(report),
        **_links(report),
    )


@blueprint.post("/<number>/identities")
@requires("report.read_identity")
def identities(number: str) -> ResponseReturnValue:
    """A report with what identifies the people in it; the reading is audited before it is shown."""
    report = api.found(number, "report.read_identity")
    try:
        grounds = api.basis(report, "report.read_identity")
        opened = registration.identities(current_foundation(), current_actor(), report, "report_page", grounds)
    except NotHeld:
        flash(_("What identifies the people in this report was erased."))
        return redirect(url_for(".show", number=report["number"]), 303)
    shown = {**attachments_pages.opened_on_report(report), **_links(report)}
    return render_template("intake/report.html", report=report, identities=opened, may_open=True, **shown)


def _requests() -> dict[str, Any]:
    """Whether its reader handles requests for a copy, and how many should have been answered by now."""
    foundation, handles = current_foundation(), bool(may(current_actor(), "subject_request.handle"))
    late = subject_requests.overdue(foundation.database, foundation.clock(), subject_api.areas()) if handles else 0
    return {"may_copy": handles, "late_requests": late}


def _links(report: dict[str, Any]) -> dict[str, Any]:
    """What else its reader may do with the report, and where else its children were reported."""
    actor = current_actor()
    return {
        "also_reported": store.also_reported(current_foundation().database, report),
        "may_audit": bool(may(actor, "audit.read")),
        "may_separate": bool(may(actor, "report.separate", report)),
        "may_erase": bool(may(actor, "identity.erase", report)),
        "may_copy": bool(may(actor, "subject_request.handle", report)),
        "may_hold": bool(may(actor, "report.hold", report)),
    }
