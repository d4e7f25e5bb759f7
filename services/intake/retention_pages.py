"""The pages of retention: what waits for a decision, deciding on one, holding a report."""

from __future__ import annotations

from typing import Any

import wtforms
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from marshmallow import ValidationError

from services.intake import api, retention_api
from services.intake.forms import Coded, CodedRadios
from services.intake.retention import decisions, proposals
from services.intake.retention_schemas import Decision, Hold
from shared.access import current_actor, requires
from shared.domain.retention import retention
from shared.journal import VersionConflict
from shared.web import PAGE_SIZE, Page, Problem, current_foundation, page_number
from shared.web.forms import DateField, Form, RadioField, VersionField
from shared.web.labels import in_language
from shared.web.language import N_
from shared.web.validation_messages import translate

blueprint = Blueprint("retention", __name__, url_prefix="/reports")

STATES = {
    proposals.PROPOSED: (N_("Waits for a decision"), "warning"),
    proposals.APPROVED: (N_("Approved, not erased yet"), "danger"),
    proposals.KEPT: (N_("Kept longer"), "information"),
    proposals.WITHDRAWN: (N_("No longer proposed"), "neutral"),
    proposals.CARRIED_OUT: (N_("Erased"), "neutral"),
}
DECISIONS = {
    decisions.APPROVE: N_("Erase it"),
    decisions.KEEP: N_("Keep it longer"),
    decisions.TAKE_BACK: N_("Take the approval back"),
}


@blueprint.app_context_processor
def words() -> dict[str, Any]:
    """What the templates need to show rules and states."""

    def rule_name(rule: str) -> str:
        names = retention().rules[rule].names if rule in retention().rules else {"id": rule, "en": rule}
        return in_language(names["id"], names["en"])

    return {"rule_name": rule_name, "proposal_states": STATES, "wait_hours": retention().wait_hours}


class DecisionForm(Form):
    """What is decided, for the version of the proposal that the page shows."""

    version = VersionField()
    decision = RadioField(_l("What shall happen?"), validate_choice=False)
    reason = Coded(_l("If it is kept: why?"), "keeping_reason")
    until = DateField(
        _l("If it is kept: until when?"), description=_l("Then it is proposed again. At most five years.")
    )

    def offer(self, state: str) -> None:
        """Offers what is possible in this state of the proposal."""
        possible = [name for name, states in decisions.POSSIBLE.items() if state in states]
        self.decision.choices = [wtforms.fields.choices.SelectChoice(name, _(DECISIONS[name])) for name in possible]

    def checked(self) -> dict[str, Any] | None:
        """The decision, if the form is right; None with its errors set."""
        until = self.until.data.isoformat() if self.until.data else None
        sent = {"decision": self.decision.data, "reason": self.reason.data or None, "until": until}
        try:
            decided: dict[str, Any] = Decision().load({name: value for name, value in sent.items() if value})
        except ValidationError as error:
            for name, messages in error.normalized_messages().items():
                if not self[name].errors:
                    self[name].errors = [translate(message) for message in messages]
            return None
        return None if self.until.errors else decided


class HoldForm(Form):
    """Why nothing may be erased."""

    reason = CodedRadios(_l("Why is it held?"), "hold_reason")

    def checked(self) -> str | None:
        """The reason, if the form is right; None with its errors set."""
        errors = Hold().validate({"reason": self.reason.data} if self.reason.data else {})
        self.reason.errors = [translate(message) for message in errors.get("reason", [])]
        return None if errors else str(self.reason.data)


@blueprint.get("/retention")
@requires("retention.decide")
def index() -> ResponseReturnValue:
    """The proposals in one state, those that wait for a decision unless another is asked for."""
    state = request.args.get("state", proposals.PROPOSED)
    if state not in STATES:
        raise Problem(400, "bad_request")
    database = current_foundation().database
    found, total = proposals.page(database, page_number(), PAGE_SIZE, state)
    page = Page(found, page_number(), total)
    return render_template("intake/retention.html", page=page, state=state, counts=proposals.counts(database))


@blueprint.route("/retention/<proposal_id>", methods=["GET", "POST"])
@requires("retention.decide")
def decide(proposal_id: str) -> ResponseReturnValue:
    """One proposal with what can be decided on it."""
    proposal = retention_api.found(proposal_id)
    form = DecisionForm(version=str(proposal["version"]))
    form.offer(proposal["state"])
    if request.method == "POST":
        decided = form.checked()
        version = form.version.number
        if decided is not None:
            try:
                retention_api.decide(proposal_id, version, decided)
            except VersionConflict:
                flash(_("Somebody else changed this in the meantime. This is how it stands now."))
                return redirect(url_for(".decide", proposal_id=proposal_id), 303)
            except Problem as problem:
                if problem.status != 409:
                    raise
                flash(problem.advice)
            else:
                words_of_it = _(DECISIONS[form.decision.data])
                flash(_("Recorded: %(what)s.", what=words_of_it), "success")
            return redirect(url_for(".index"), 303)
    possible = bool(form.decision.choices)
    page = render_template("intake/proposal.html", proposal=proposal, form=form, possible=possible)
    return page, 422 if request.method == "POST" else 200


@blueprint.route("/<number>/hold", methods=["GET", "POST"])
@requires("report.hold")
def hold(number: str) -> ResponseReturnValue:
    """Holds a report, with a reason."""
    report, form = api.found(number, "report.hold"), HoldForm()
    reason = form.checked() if request.method == "POST" else None
    if reason is None:
        page = render_template("intake/hold.html", report=report, form=form)
        return page, 422 if request.method == "POST" else 200
    foundation, actor = current_foundation(), current_actor()
    return _told(number, lambda: decisions.hold(foundation, actor, report["_id"], reason), _("The report is on hold."))


@blueprint.post("/<number>/hold/lift")
@requires("report.hold")
def lift(number: str) -> ResponseReturnValue:
    """Lifts the hold of a report."""
    report, foundation, actor = api.found(number, "report.hold"), current_foundation(), current_actor()
    return _told(number, lambda: decisions.lift(foundation, actor, report["_id"]), _("The hold is lifted."))


def _told(number: str, work: Any, words: str) -> ResponseReturnValue:
    """The report's page, with what became of it."""
    try:
        retention_api.carry_out(work)
    except Problem as problem:
        if problem.status != 409:
            raise
        flash(problem.advice)
    else:
        flash(words, "success")
    return redirect(url_for("reports.show", number=number), 303)
