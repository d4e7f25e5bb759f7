"""The JSON of cases: the work queue, a case, its history, its first step, and its identities.

Cases are shown without identities; those have an endpoint of their own, every use of which is audited.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask.views import MethodView
from flask_babel import gettext

from services.cases import commands, model, schemas, store
from shared.access import current_actor, permit, requires
from shared.ids import read_number
from shared.vault import NotHeld, Opened
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import IDEMPOTENCY_KEY, IF_MATCH, command, etag, expected_version
from shared.web.language import N_

blueprint = Blueprint("cases-api", __name__, url_prefix="/cases", description="Cases of children, and their way.")

#: Why a command is refused, and the field that it is about.
REFUSALS = {
    "already_screened": (None, N_("This case is screened already.")),
    "in_the_future": ("screened_on", N_("The date may not be in the future.")),
    "before_receipt": ("screened_on", N_("The date may not lie before the report was received.")),
}


def found(reference: str, action: str) -> dict[str, Any]:
    """The case with this id or number, if the actor may do `action` to it. Raises Problem 404."""
    if not reference.startswith("case-"):
        reference = read_number(commands.NUMBER_LETTER, reference) or ""
    case = store.get(current_foundation().database, reference)
    if case is None:
        raise Problem(404, "not_found")
    permit(action, case)
    return case


def shown(case: Mapping[str, Any]) -> dict[str, Any]:
    """A case as the wire has it."""
    return {**case, "case_id": case["_id"]}


def refusal(error: model.Refused) -> Problem:
    """The answer to a command that is not possible now: 422 for a value, 409 for the state of the case."""
    field, words = REFUSALS[error.reason]
    if field:
        return Problem(422, "invalid", errors={field: [gettext(words)]})
    return Problem(409, error.reason, detail=gettext(words))


def identities(case: Mapping[str, Any], purpose: str) -> dict[str, Any]:
    """What identifies the child, and what its report says. Each opening is audited before anything is returned.

    `erased` says that the child's identity was erased; the report's is shown then. Raises vault.NotHeld if nothing is
    held of either.
    """
    vault, actor = current_foundation().sealed, current_actor()
    child, erased = Opened({}, []), False
    report = vault.open_readable(actor, case["report_id"], purpose)
    if case["person_id"]:
        try:
            child = vault.open_readable(actor, case["person_id"], purpose)
        except NotHeld:
            erased = True
    return {
        "child": child.values,
        "report": report.values,
        "closed": {"child": child.closed, "report": report.closed},
        "erased": erased,
    }


@blueprint.route("")
class Cases(MethodView):
    @blueprint.arguments(schemas.Queue, location="query")
    @blueprint.response(200, schemas.CaseList)
    @requires("case.read")
    def get(self, question: dict[str, Any]) -> Any:
        """The work queue: cases, the most urgent first, without identities."""
        number, size = question["page"], question["page_size"]
        cases, total = store.queue(current_foundation().database, number, size, question)
        return {"items": [shown(case) for case in cases], "page": number, "page_size": size, "total": total}


@blueprint.route("/<string:reference>")
class Case(MethodView):
    @blueprint.response(200, schemas.Case)
    @requires("case.read")
    def get(self, reference: str) -> Any:
        """Get one case by its id or number, without identities."""
        case = found(reference, "case.read")
        return shown(case), 200, etag(case["version"])


@blueprint.route("/<string:reference>/history")
class CaseHistory(MethodView):
    @blueprint.response(200, schemas.History)
    @requires("case.read")
    def get(self, reference: str) -> Any:
        """What happened in a case, oldest first."""
        case = found(reference, "case.read")
        return {"items": store.history(current_foundation().database, case["_id"])}


@blueprint.route("/<string:reference>/screening")
class CaseScreening(MethodView):
    @blueprint.arguments(schemas.Screening)
    @blueprint.response(200, schemas.Case)
    @blueprint.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("case.screen")
    def post(self, screening: dict[str, Any], reference: str) -> Any:
        """Screen a case: judge the risk. The case moves on to assessment."""
        version = expected_version()
        case = found(reference, "case.screen")
        key = command(current_foundation().settings.secret_key)
        try:
            commands.screen(current_foundation(), current_actor(), case["_id"], version, **screening, command=key)
        except model.Refused as error:
            raise refusal(error) from None
        after = found(case["_id"], "case.read")
        return shown(after), 200, etag(after["version"])


@blueprint.route("/<string:reference>/identities")
class CaseIdentities(MethodView):
    @blueprint.response(200, schemas.Identities)
    @requires("case.read_identity")
    def get(self, reference: str) -> Any:
        """Open what identifies the child. This is written to the audit log before it is shown."""
        case = found(reference, "case.read_identity")
        try:
            return identities(case, "case_api")
        except NotHeld:
            raise Problem(404, "not_found") from None
