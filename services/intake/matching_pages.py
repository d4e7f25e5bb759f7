"""The page that says whether a child was reported before."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from services.intake import matching_api
from services.intake.forms import MatchingForm
from shared.access import current_actor, may, requires
from shared.web import Problem
from shared.web.language import N_

blueprint = Blueprint("matches", __name__, url_prefix="/reports")

LIKENESS = {
    "same": (N_("The same name"), "danger"),
    "very_alike": (N_("A very similar name"), "warning"),
    "alike": (N_("A similar name"), "neutral"),
}


@blueprint.route("/matches", methods=["GET", "POST"])
@requires("report.match")
def index() -> ResponseReturnValue:
    """The question, and what was found. Nothing of it stands in the address."""
    form, found, status = MatchingForm(formdata=None), None, 200
    if request.method == "POST":
        wanted = form.checked()
        status = 422
        if wanted is not None:
            try:
                found, status = matching_api.shown(matching_api.find(wanted, "matches_page")), 200
            except Problem as problem:
                if not problem.errors:
                    raise
                form.name.errors = [problem.errors[0]["message"]]
    may_register = bool(may(current_actor(), "report.register"))
    page = render_template("intake/matches.html", form=form, found=found, likeness=LIKENESS, may_register=may_register)
    return page, status
