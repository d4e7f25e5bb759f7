"""The pages of requests of a child or guardian: what is due, recording one, the copy to be printed, the correction, how
it was answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from services.intake import api, subject_api, subject_requests
from services.intake.subject_forms import CorrectionForm, CorrectionRequestForm, OutcomeForm, RequestForm
from services.intake.subject_schemas import SubjectCopy
from shared.access import current_actor, requires
from shared.domain.working_time import wib_date
from shared.journal import VersionConflict
from shared.vault import NotHeld
from shared.web import PAGE_SIZE, Page, Problem, current_foundation, page_number
from shared.web.attempts import attempt
from shared.web.conditions import command_of
from shared.web.language import N_

blueprint = Blueprint("subject", __name__, url_prefix="/reports")
CHANGED = N_("Somebody else changed this in the meantime. This is how it stands now.")


@blueprint.get("/requests")
@requires("subject_request.handle")
def index() -> ResponseReturnValue:
    """The open requests, the first due first, or those that are answered."""
    open_ones = request.args.get("open", "yes") == "yes"
    foundation, number = current_foundation(), page_number()
    found, total = subject_requests.page(foundation.database, number, PAGE_SIZE, open_ones, subject_api.areas())
    page = Page(found, number, total)
    return render_template("intake/requests.html", page=page, open_ones=open_ones, now=foundation.clock())


@blueprint.route("/<number>/children/<child_id>/request", methods=["GET", "POST"])
@requires("subject_request.handle")
def new(number: str, child_id: str) -> ResponseReturnValue:
    """Records that a child or guardian asks for a copy."""
    return _recorded(number, child_id, RequestForm())


@blueprint.route("/<number>/children/<child_id>/correction", methods=["GET", "POST"])
@requires("subject_request.handle")
def new_correction(number: str, child_id: str) -> ResponseReturnValue:
    """Records that a child or guardian asks for a correction, and of which fields."""
    return _recorded(number, child_id, CorrectionRequestForm())


def _recorded(number: str, child_id: str, form: RequestForm) -> ResponseReturnValue:
    report = api.found(number, subject_api.HANDLE)
    which, _child = subject_api.attempted(lambda: subject_requests.child_of(report, child_id))
    foundation, actor = current_foundation(), current_actor()
    if request.method == "GET":
        form.asked_on.begin_with(wib_date(foundation.clock()))
    wanted = form.checked(child_id) if request.method == "POST" else None
    if wanted is None:
        corrects = isinstance(form, CorrectionRequestForm)
        page = render_template("intake/new_request.html", report=report, which=which, form=form, corrects=corrects)
        return page, 422 if request.method == "POST" else 200
    request_id = subject_api.attempted(lambda: subject_requests.record(foundation, actor, report["_id"], wanted))
    flash(_("The request is recorded."), "success")
    return redirect(url_for(".show", request_id=request_id), 303)


@blueprint.route("/requests/<request_id>", methods=["GET", "POST"])
@requires("subject_request.handle")
def show(request_id: str) -> ResponseReturnValue:
    """One request, and how it was answered."""
    found = subject_api.found(request_id)
    form = _outcome_form(found)
    foundation, actor = current_foundation(), current_actor()
    if request.method == "POST":
        outcome = form.checked()
        version = form.version.number
        if outcome is not None:
            close = partial(subject_requests.close, foundation, actor, request_id, version, outcome)
            attempt(lambda: subject_api.attempted(close), _("The answer is recorded."))
            return redirect(url_for(".show", request_id=request_id), 303)
    return _page(found, form, _correction_form(found)), 422 if request.method == "POST" else 200


@blueprint.post("/requests/<request_id>/held")
@requires("subject_request.handle")
def held(request_id: str) -> ResponseReturnValue:
    """The request, with what is held in the fields of its correction; audited before it is shown."""
    found = subject_api.found(request_id)
    try:
        values = subject_api.held(request_id)
    except Problem as problem:
        return _back(problem, request_id)
    form = _correction_form(found)
    if form is not None:
        form.fill(values)
    return _page(found, _outcome_form(found), form)


@blueprint.post("/requests/<request_id>/correction")
@requires("subject_request.handle")
def correct(request_id: str) -> ResponseReturnValue:
    """Corrects what the request names. Whatever stands against it, what was typed stays on the page."""
    found = subject_api.found(request_id)
    if found["kind"] != subject_requests.CORRECTION:
        raise Problem(404, "not_found")
    form = CorrectionForm().only(found["wrong"])
    values = form.checked()
    if values is None:
        return _page(found, _outcome_form(found), form), 422
    version = form.request_version.number
    key = command_of(current_foundation().settings.secret_key, form.key.data or "", values)
    try:
        subject_api.correct(found, version, values, key)
    except VersionConflict:
        found = subject_api.found(request_id)
        flash(_(CHANGED))
    except Problem as problem:
        if problem.status != 409 or subject_api.found(request_id)["outcome"] is not None:
            return _back(problem, request_id)
        flash(problem.advice)
    else:
        flash(_("It is corrected. What was held before cannot be opened any more."), "success")
        return redirect(url_for(".show", request_id=request_id), 303)
    form.request_version.data = str(found["version"])
    return _page(found, _outcome_form(found), form), 409


@blueprint.post("/requests/<request_id>/copy")
@requires("subject_request.handle")
def copy(request_id: str) -> ResponseReturnValue:
    """The copy as a page to be printed, or (`form=json`) as a file; audited and recorded before it is shown."""
    try:
        made = subject_api.copied(request_id)
    except Problem as problem:
        return _back(problem, request_id)
    if request.form.get("form") == "json":
        body = json.dumps(SubjectCopy().dump(subject_api.on_the_wire(made)), ensure_ascii=False, indent=2)
        # The name of a file stays behind in many places: it says nothing.
        headers = {"Content-Disposition": 'attachment; filename="salinan.json"', "Cache-Control": "no-store"}
        return Response(body, mimetype="application/json", headers=headers)
    return render_template("intake/copy.html", copy=made)


def _outcome_form(found: Mapping[str, Any]) -> OutcomeForm:
    return OutcomeForm(version=str(found["version"])).only(subject_requests.OUTCOMES[found["kind"]])


def _correction_form(found: Mapping[str, Any]) -> CorrectionForm | None:
    """The form of a correction that can be made, with the codes that the page of the report shows; None otherwise."""
    if found["kind"] != subject_requests.CORRECTION or found["outcome"] is not None:
        return None
    try:
        _report, child = subject_requests.child_as_held(current_foundation().database, found)
    except (subject_requests.Refused, NotHeld):
        return None
    form = CorrectionForm(request_version=str(found["version"])).only(found["wrong"])
    form.fill({name: child[name] for name in ("sex", "school_attendance")})
    return form


def _page(found: Mapping[str, Any], form: OutcomeForm, correction: CorrectionForm | None) -> str:
    foundation = current_foundation()
    corrects = found["kind"] == subject_requests.CORRECTION
    others = subject_requests.elsewhere(foundation.database, found) if corrects else []
    shown = {"request": found, "form": form, "correction": correction, "others": others}
    return render_template("intake/request.html", **shown, now=foundation.clock())


def _back(problem: Problem, request_id: str) -> ResponseReturnValue:
    """To the page of the request, which says why it was not possible. Raises any other problem than that."""
    if problem.status != 409:
        raise problem
    flash(problem.advice)
    return redirect(url_for(".show", request_id=request_id), 303)
