"""The JSON of finding a child that was reported before. The question is a body: names stand in no address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask.views import MethodView
from flask_babel import gettext

from services.intake import matching, schemas
from shared.access import current_actor, requires
from shared.names import OneMoreFact, Person
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint
from shared.web.language import N_

blueprint = Blueprint("matches-api", __name__, url_prefix="/reports", description="Whether a child is known.")
ONE_MORE_FACT = N_("This name alone is not enough. Add another part of it, the age, the kecamatan, or the guardian.")


def find(wanted: Mapping[str, Any], purpose: str) -> list[matching.Found]:
    """The children who may be meant. Raises Problem 422 where one more fact is needed."""
    try:
        return matching.find(current_foundation(), current_actor(), Person(**wanted), purpose)
    except OneMoreFact:
        raise Problem(422, "invalid", errors={"name": [gettext(ONE_MORE_FACT)]}) from None


def shown(found: Iterable[matching.Found]) -> list[dict[str, Any]]:
    """What was found, as the wire has it."""
    return [
        {
            "report_number": each.report["number"],
            "report_id": each.report["_id"],
            "child_id": each.child["child_id"],
            "received_on": each.report["received_on"],
            "kecamatan": each.report["kecamatan"],
            "age_band": each.child["age_band"],
            "likeness": each.likeness,
        }
        for each in found
    ]


@blueprint.route("/matches")
class ReportMatches(MethodView):
    @blueprint.arguments(schemas.Wanted)
    @blueprint.response(200, schemas.Matches)
    @requires("report.match")
    def post(self, wanted: dict[str, Any]) -> Any:
        """Find children who may be the one you mean. Every name that is compared is written to the audit log before."""
        return {"items": shown(find(wanted, "matches_api"))}
