"""The pages of break-glass: who broke it, breaking it, one grant with its end and its review."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import InputRequired

from services.cases import glass, records, texts
from shared.access import current_actor, may, requires
from shared.journal import Command
from shared.web import PAGE_SIZE, Page, Problem, current_foundation, page_number
from shared.web.attempts import KeyField, attempt, command_of_form, new_key
from shared.web.forms import CheckboxField, Form, RadioField, VersionField, version_of
from shared.web.labels import labels

blueprint = Blueprint("glass", __name__, url_prefix="/break-glass")


class BreakForm(Form):
    """Why, and that it is meant. The key makes a second click the same grant."""

    key = KeyField()
    reason = RadioField(
        _l("Why do you need it?"), choices=lambda: labels("break_glass_reason"), validators=[InputRequired()]
    )
    sure = CheckboxField(
        _l("I know that all supervisors see this at once, and that one of them reviews it."),
        validators=[InputRequired(message=_l("Tick this to go on."))],
    )


class ReviewForm(Form):
    """The judgement on the version of the grant that the page shows."""

    key = KeyField()
    version = VersionField()
    result = RadioField(
        _l("Was it justified?"), choices=lambda: labels("break_glass_result"), validators=[InputRequired()]
    )


@blueprint.app_context_processor
def words() -> dict[str, Any]:
    """What the templates need to show the state of a grant."""

    def tone_of_glass(state: str) -> str:
        return texts.GLASS_STATES[state][1]

    return {
        "glass_state": glass.state,
        "glass_overdue": glass.overdue,
        "glass_state_name": lambda state: _(texts.GLASS_STATES[state][0]),
        "glass_tone": tone_of_glass,
    }


@blueprint.get("")
@requires("break_glass.read")
def index() -> ResponseReturnValue:
    """All grants, the newest first, or those in one state."""
    wanted = request.args.get("state") or None
    if wanted not in (None, *glass.STATES):
        raise Problem(400, "bad_request")
    foundation, number = current_foundation(), page_number()
    now = foundation.clock()
    found, total = glass.page(foundation.database, number, PAGE_SIZE, wanted, now)
    return render_template("cases/grants.html", page=Page(found, number, total), wanted=wanted, now=now)


@blueprint.get("/tally")
@requires("break_glass.read")
def tally() -> ResponseReturnValue:
    """What every page of cases says of broken glass, alone: the first page, another service's, shows it too."""
    return render_template("cases/tally.html")


@blueprint.route("/new", methods=["GET", "POST"])
@requires("break_glass.use")
def new() -> ResponseReturnValue:
    """Breaks the glass of `case`, after a reason and a second thought."""
    case = records.case(request.args.get("case", ""), "case.read")
    back = url_for("cases.show", number=case["case_number"])
    form = BreakForm()
    if request.method == "POST" and form.validate_on_submit():
        attempt(
            lambda: records.break_glass(case, str(form.reason.data), _command()),
            _("The identities of this case are open to you for an hour. All supervisors see that."),
        )
        return redirect(back, 303)
    page = render_template("cases/break_glass.html", form=form, case=case, back=back)
    return page, 422 if request.method == "POST" else 200


@blueprint.get("/<grant_id>")
@requires("break_glass.read")
def show(grant_id: str) -> ResponseReturnValue:
    """One grant."""
    grant = records.grant(grant_id, "break_glass.read")
    return _page(grant, ReviewForm(formdata=None, version=str(grant["version"])))


@blueprint.post("/<grant_id>/end")
@requires("break_glass.use")
def end(grant_id: str) -> ResponseReturnValue:
    """Shuts one's own grant."""
    grant = records.grant(grant_id, "break_glass.use")
    version = version_of(request.form.get("version"))
    return _done(
        grant,
        lambda: glass.end(current_foundation(), current_actor(), grant["_id"], version, _command()),
        _("It is shut."),
    )


@blueprint.post("/<grant_id>/review")
@requires("break_glass.review")
def review(grant_id: str) -> ResponseReturnValue:
    """Judges a colleague's grant."""
    grant = records.grant(grant_id, "break_glass.review")
    form = ReviewForm()
    if not form.validate_on_submit():
        return _page(grant, form), 422
    version, result = form.version.number, str(form.result.data)
    return _done(
        grant,
        lambda: glass.review(current_foundation(), current_actor(), grant["_id"], version, result, _command()),
        _("The review is recorded."),
    )


def _done(grant: dict[str, Any], change: Any, words: str) -> ResponseReturnValue:
    """Carries out a change of a grant, says what came of it, and shows the grant as it stands now."""

    def carry_out() -> None:
        with records.glass_refusals():
            change()

    attempt(carry_out, words)
    return redirect(url_for(".show", grant_id=grant["_id"]), 303)


def _command() -> Command:
    return command_of_form(current_foundation().settings.secret_key)


def _page(grant: dict[str, Any], form: ReviewForm) -> str:
    actor, now = current_actor(), current_foundation().clock()
    state, mine = glass.state(grant, now), grant["account_id"] == actor.id
    return render_template(
        "cases/grant.html",
        grant=grant,
        state=state,
        mine=mine,
        key=new_key(),
        form=form if state == glass.TO_REVIEW and not mine and may(actor, "break_glass.review") else None,
        now=now,
    )
