"""The JSON of cases: the work queue, a case, its history, what can be asked of it, and its identities.

Cases are shown without identities; those have an endpoint of their own, every use of which is audited.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask.views import MethodView

from services.cases import commands, definitions, model, records, schemas, store, texts
from services.cases.engine import Possible
from shared.access import current_actor, requires
from shared.vault import NotHeld
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import IDEMPOTENCY_KEY, IF_MATCH, command, etag, expected_version
from shared.web.paging import one_page

blueprint = Blueprint("cases-api", __name__, url_prefix="/cases", description="Cases of children, and their way.")


def shown(case: Mapping[str, Any]) -> dict[str, Any]:
    """A case as the wire has it."""
    parts = {name: [_with_subject(each) for each in case[name]] for name in ("deadlines", "tasks")}
    whose = {name: case.get(name) for name in ("assigned_to", "left_by")}
    return {**case, "case_id": case["_id"], "joined": case.get("joined", []), **whose, **parts}


def _with_subject(each: Mapping[str, Any]) -> dict[str, Any]:
    """A deadline or a task, with what it is about."""
    return {**each, "report_id": None, **model.about_subject(each["subject"])}


def listed(case: Mapping[str, Any], possible: Iterable[Possible]) -> dict[str, Any]:
    """What can be asked, as the wire has it."""
    definition = definitions.of(case["workflow"])
    return {
        "items": [
            {
                "command": each.command,
                "subject": each.subject,
                "name": texts.command(definition, case, each.command, each.subject),
                "possible": each.now,
                "reasons": [
                    {"code": reason.code, "message": texts.reason(definition, reason)} for reason in each.reasons
                ],
            }
            for each in possible
        ]
    }


@blueprint.route("")
class Cases(MethodView):
    @blueprint.arguments(schemas.Queue, location="query")
    @blueprint.response(200, schemas.CaseList)
    @requires("case.read")
    def get(self, question: dict[str, Any]) -> Any:
        """The work queue: cases, the most urgent first, without identities."""
        number, size = question["page"], question["page_size"]
        cases, total = store.queue(current_foundation().database, number, size, question, current_actor())
        return one_page([shown(case) for case in cases], question, total)


@blueprint.route("/<string:reference>")
class Case(MethodView):
    @blueprint.response(200, schemas.Case)
    @requires("case.read")
    def get(self, reference: str) -> Any:
        """Get one case by its id or number, without identities."""
        case = records.case(reference, "case.read")
        return shown(case), 200, etag(case["version"])


@blueprint.route("/<string:reference>/history")
class CaseHistory(MethodView):
    @blueprint.response(200, schemas.History)
    @requires("case.read")
    def get(self, reference: str) -> Any:
        """What happened in a case, oldest first."""
        case = records.case(reference, "case.read")
        return {"items": store.history(current_foundation().database, case["_id"])}


@blueprint.route("/<string:reference>/available")
class CaseAvailable(MethodView):
    @blueprint.response(200, schemas.Available)
    @requires("case.read")
    def get(self, reference: str) -> Any:
        """Every command on a case, with the reasons why you can or cannot give it now."""
        case = records.case(reference, "case.read")
        return listed(case, records.possible(case)), 200, etag(case["version"])


@blueprint.route("/<string:reference>/commands")
class CaseCommands(MethodView):
    @blueprint.arguments(schemas.Order)
    @blueprint.response(200, schemas.Case)
    @blueprint.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("case.act")
    def post(self, order: commands.Order, reference: str) -> Any:
        """Give one of the commands that `available` lists, in its words."""
        version = expected_version()
        case = records.case(reference, "case.act")
        key = command(current_foundation().settings.secret_key)
        with records.refusals(case):
            commands.act(current_foundation(), current_actor(), case["_id"], version, order, key)
        after = records.case(case["_id"], "case.read")
        return shown(after), 200, etag(after["version"])


@blueprint.route("/<string:reference>/identities")
class CaseIdentities(MethodView):
    @blueprint.response(200, schemas.Identities)
    @requires("case.read_identity")
    def get(self, reference: str) -> Any:
        """Open what identifies the child. This is written to the audit log before it is shown."""
        case = records.case_to_open(reference)
        try:
            return records.identities(case, "case_api")
        except NotHeld:
            raise Problem(404, "not_found") from None
