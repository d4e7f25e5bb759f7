"""The JSON of retention: what is proposed to be erased, deciding on it, holding a report. It holds no identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from flask.views import MethodView
from flask_babel import gettext

from services.intake import api, retention_schemas, schemas
from services.intake.retention import decisions, proposals
from shared.access import current_actor, requires
from shared.vault import NotHeld
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import IDEMPOTENCY_KEY, IF_MATCH, command, etag, expected_version
from shared.web.language import N_
from shared.web.paging import one_page

blueprint = Blueprint("retention-api", __name__, url_prefix="/reports", description="What is kept, and how long.")

REFUSALS = {
    "decided": N_("This proposal does not wait for that decision any more."),
    "on_hold": N_("This report is on hold already."),
    "not_on_hold": N_("This report is not on hold."),
}


def found(proposal_id: str) -> dict[str, Any]:
    """The proposal with this id. Raises Problem 404."""
    proposal = proposals.get(current_foundation().database, proposal_id)
    if proposal is None:
        raise Problem(404, "not_found")
    return proposal


def carry_out(work: Callable[[], None]) -> None:
    """Does what somebody decided. Raises Problem 404 or 409, journal.VersionConflict."""
    try:
        work()
    except NotHeld:
        raise Problem(404, "not_found") from None
    except decisions.Refused as error:
        raise Problem(409, error.reason, detail=gettext(REFUSALS[error.reason])) from None


def decide(proposal_id: str, version: int, decided: Mapping[str, Any], key: Any = None) -> None:
    """Carries out a decision that the schema has accepted. Raises as `carry_out`."""
    until: date | None = decided["until"]
    foundation, actor = current_foundation(), current_actor()
    what, why = decided["decision"], decided["reason"]
    carry_out(lambda: decisions.decide(foundation, actor, proposal_id, version, what, why, until, key))


@blueprint.route("/retention")
class Proposals(MethodView):
    @blueprint.arguments(retention_schemas.ProposalPaging, location="query")
    @blueprint.response(200, retention_schemas.ProposalList)
    @requires("retention.decide")
    def get(self, question: dict[str, Any]) -> Any:
        """List proposals to erase what is over, those that wait for a decision unless another state is asked for."""
        size, number = question["page_size"], question["page"]
        items, total = proposals.page(current_foundation().database, number, size, question["state"])
        return one_page([proposals.shown(each) for each in items], question, total)


@blueprint.route("/retention/<string:proposal_id>")
class Proposal(MethodView):
    @blueprint.response(200, retention_schemas.ShownProposal)
    @requires("retention.decide")
    def get(self, proposal_id: str) -> Any:
        """Get one proposal."""
        proposal = found(proposal_id)
        return proposals.shown(proposal), 200, etag(proposal["version"])


@blueprint.route("/retention/<string:proposal_id>/decision")
class ProposalDecision(MethodView):
    @blueprint.arguments(retention_schemas.Decision)
    @blueprint.response(200, retention_schemas.ShownProposal)
    @blueprint.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("retention.decide")
    def post(self, decided: dict[str, Any], proposal_id: str) -> Any:
        """Decide on a proposal. An approval is carried out a day later at the earliest; until then take it back."""
        version = expected_version()
        decide(proposal_id, version, decided, command(current_foundation().settings.secret_key))
        after = found(proposal_id)
        return proposals.shown(after), 200, etag(after["version"])


@blueprint.route("/<string:reference>/hold")
class ReportHold(MethodView):
    @blueprint.arguments(retention_schemas.Hold)
    @blueprint.response(200, schemas.ShownReport)
    @requires("report.hold")
    def post(self, wanted: dict[str, str], reference: str) -> Any:
        """Hold a report: nothing of it is erased, by nobody, until the hold is lifted."""
        report, foundation, actor = api.found(reference, "report.hold"), current_foundation(), current_actor()
        carry_out(lambda: decisions.hold(foundation, actor, report["_id"], wanted["reason"]))
        return api.shown_again(report)

    @blueprint.response(200, schemas.ShownReport)
    @requires("report.hold")
    def delete(self, reference: str) -> Any:
        """Lift the hold of a report."""
        report, foundation, actor = api.found(reference, "report.hold"), current_foundation(), current_actor()
        carry_out(lambda: decisions.lift(foundation, actor, report["_id"]))
        return api.shown_again(report)
