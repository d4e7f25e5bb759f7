"""The pages of cases: the work queue, and a case with its next step and its history."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from services.cases import api, commands, model, schemas, store
from services.cases.forms import ScreeningForm
from shared.access import current_actor, may, requires
from shared.domain.working_time import start_of_day, wib_date
from shared.journal import VersionConflict
from shared.vault import NotHeld
from shared.web import PAGE_SIZE, Page, Problem, current_foundation, page_number
from shared.web.language import N_

blueprint = Blueprint("cases", __name__, url_prefix="/cases")

TONES = {"emergency": "danger", "high": "danger", "medium": "warning", "low": "neutral", "none": "neutral"}
STAGES = {model.SCREENING: N_("Screening"), model.ASSESSMENT: N_("Assessment")}
EVENTS = {
    "case.opened": N_("Case opened"),
    "case.screened": N_("Screened"),
    "case.screening_overdue": N_("The deadline for screening passed"),
}


@blueprint.app_context_processor
def words() -> dict[str, Any]:
    """What the templates need to show codes."""
    return {
        "stage_name": lambda stage: _(STAGES[stage]),
        "event_name": lambda name: _(EVENTS[name]),
        "tones": TONES,
    }


@blueprint.get("")
@requires("case.read")
def index() -> ResponseReturnValue:
    """The work queue."""
    question = {name: request.args.get(name) or None for name in ("stage", "severity", "kecamatan")}
    errors = schemas.Queue().validate({name: value for name, value in question.items() if value})
    if errors:
        raise Problem(400, "bad_request", errors=errors)
    if "stage" not in request.args:
        question["stage"] = model.SCREENING
    number = page_number()
    cases, total = store.queue(current_foundation().database, number, PAGE_SIZE, question)
    return render_template(
        "cases/cases.html",
        page=Page(cases, number, total),
        question=question,
        stages=STAGES,
        now=current_foundation().clock(),
    )


@blueprint.get("/<number>")
@requires("case.read")
def show(number: str) -> ResponseReturnValue:
    """A case without identities."""
    case = api.found(number, "case.read")
    return _page(case, _screening_form(case))


@blueprint.post("/<number>/screening")
@requires("case.screen")
def screen(number: str) -> ResponseReturnValue:
    """Screens the case, if it is still as the page showed it."""
    case = api.found(number, "case.screen")
    form = ScreeningForm()
    if not form.validate_on_submit():
        return _page(case, form), 422
    version = int(form.version.data) if (form.version.data or "").isdigit() else 0
    day = form.screened_on.data
    today = wib_date(current_foundation().clock())
    moment = None if day is None or day == today else start_of_day(day)
    try:
        commands.screen(current_foundation(), current_actor(), case["_id"], version, form.risk.data, moment, None)
    except model.Refused as refused:
        problem = api.refusal(refused)
        if not problem.errors:
            flash(problem.advice)
            return redirect(url_for(".show", number=number), 303)
        form.screened_on.errors = [problem.errors[0]["message"]]
        return _page(case, form), 422
    except VersionConflict:
        flash(_("Somebody else changed this case in the meantime. This is how it stands now."))
        return redirect(url_for(".show", number=number), 303)
    flash(_("Case %(number)s is screened.", number=case["case_number"]), "success")
    return redirect(url_for(".show", number=number), 303)


@blueprint.post("/<number>/identities")
@requires("case.read_identity")
def identities(number: str) -> ResponseReturnValue:
    """A case with what identifies the child; the reading is audited before it is shown."""
    case = api.found(number, "case.read_identity")
    try:
        opened = api.identities(case, "case_page")
    except NotHeld:
        flash(_("What identifies the people in this case was erased."))
        return redirect(url_for(".show", number=number), 303)
    return _page(case, _screening_form(case), opened)


def _page(case: dict[str, Any], form: ScreeningForm | None, opened: Any = None) -> str:
    foundation = current_foundation()
    entries = store.history(foundation.database, case["_id"])
    actor = current_actor()
    return render_template(
        "cases/case.html",
        case=case,
        form=form if case["stage"] == model.SCREENING and may(actor, "case.screen", case) else None,
        identities=opened,
        may_open=bool(may(actor, "case.read_identity", case)),
        may_audit=bool(may(actor, "audit.read")),
        history=list(reversed(entries)),
        now=foundation.clock(),
    )


def _screening_form(case: dict[str, Any]) -> ScreeningForm:
    form = ScreeningForm(formdata=None, version=str(case["version"]))
    today = wib_date(current_foundation().clock())
    form.screened_on.data = today
    form.screened_on.raw_data = [str(today.day), str(today.month), str(today.year)]
    return form
