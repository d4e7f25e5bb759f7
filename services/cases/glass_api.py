"""The JSON of break-glass: break it, end it, see all of it, review a colleague's. For supervisors alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from flask.views import MethodView

from services.cases import glass, records, schemas
from shared.access import current_actor, requires
from shared.web import current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import IDEMPOTENCY_KEY, IF_MATCH, command, etag, expected_version
from shared.web.paging import one_page

blueprint = Blueprint(
    "glass-api", __name__, url_prefix="/break-glass", description="An hour in a case that is closed, seen and reviewed."
)


def shown(grant: Mapping[str, Any]) -> dict[str, Any]:
    """A grant as the wire has it."""
    now = current_foundation().clock()
    return {**grant, "state": glass.state(grant, now), "overdue": glass.overdue(grant, now)}


@blueprint.route("")
class Grants(MethodView):
    @blueprint.arguments(schemas.GrantQuery, location="query")
    @blueprint.response(200, schemas.GrantList)
    @requires("break_glass.read")
    def get(self, question: dict[str, Any]) -> Any:
        """Who broke the glass of which case, why, and what was opened: the newest first."""
        foundation, number, size = current_foundation(), question["page"], question["page_size"]
        found, total = glass.page(foundation.database, number, size, question.get("state"), foundation.clock())
        return one_page([shown(each) for each in found], question, total)

    @blueprint.arguments(schemas.NewGrant)
    @blueprint.response(201, schemas.Grant)
    @blueprint.doc(parameters=[IDEMPOTENCY_KEY])
    @requires("break_glass.use")
    def post(self, wanted: dict[str, str]) -> Any:
        """Break the glass of a case that is closed to you, for an hour. All supervisors see it at once."""
        key = command(current_foundation().settings.secret_key)
        case = records.case(wanted["case_number"], "case.read")
        grant = records.break_glass(case, wanted["reason"], key)
        return shown(grant), 201, {"Location": f"{request.path}/{grant['_id']}", **etag(grant["version"])}


@blueprint.route("/<string:grant_id>")
class Grant(MethodView):
    @blueprint.response(200, schemas.Grant)
    @requires("break_glass.read")
    def get(self, grant_id: str) -> Any:
        """Get one grant."""
        grant = records.grant(grant_id, "break_glass.read")
        return shown(grant), 200, etag(grant["version"])


@blueprint.route("/<string:grant_id>/end")
class GrantEnd(MethodView):
    @blueprint.response(200, schemas.Grant)
    @blueprint.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("break_glass.use")
    def post(self, grant_id: str) -> Any:
        """End your own grant before its hour is over."""
        version = expected_version()
        grant = records.grant(grant_id, "break_glass.use")
        foundation = current_foundation()
        with records.glass_refusals():
            glass.end(foundation, current_actor(), grant["_id"], version, command(foundation.settings.secret_key))
        after = records.grant(grant_id, "break_glass.read")
        return shown(after), 200, etag(after["version"])


@blueprint.route("/<string:grant_id>/review")
class GrantReview(MethodView):
    @blueprint.arguments(schemas.Review)
    @blueprint.response(200, schemas.Grant)
    @blueprint.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("break_glass.review")
    def post(self, judged: dict[str, str], grant_id: str) -> Any:
        """Review a colleague's grant that is shut. Nobody reviews their own."""
        version = expected_version()
        grant = records.grant(grant_id, "break_glass.review")
        foundation = current_foundation()
        key = command(foundation.settings.secret_key)
        with records.glass_refusals():
            glass.review(foundation, current_actor(), grant["_id"], version, judged["result"], key)
        after = records.grant(grant_id, "break_glass.read")
        return shown(after), 200, etag(after["version"])
