"""Reporting's JSON: the list of indicators, and an indicator's table.

Everybody who may read indicators gets the same table; only those who may read exact numbers see small ones.
"""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from services.reporting import schemas
from services.reporting.model.indicators import indicators
from services.reporting.tabulation import Tabulation, default_period, indicator
from shared.access import current_actor, requires
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint

blueprint = Blueprint(
    "indicators-api", __name__, url_prefix="/indicators", description="Indicators of child labour as it is reported."
)


@blueprint.route("")
class Indicators(MethodView):
    @blueprint.response(200, schemas.IndicatorList)
    @requires("indicator.read")
    def get(self) -> Any:
        """List the indicators with their definitions and where else they are reported."""
        return {"items": list(indicators().values())}


@blueprint.route("/<string:identifier>")
class IndicatorTable(MethodView):
    # A parameter that we do not know is refused: a misspelt one would give the numbers of another question.
    @blueprint.arguments(schemas.Question, location="query")
    @blueprint.response(200, schemas.ShownTable)
    @requires("indicator.read")
    def get(self, question: dict[str, Any], identifier: str) -> Any:
        """Get an indicator by kecamatan and month of receipt, small numbers hidden."""
        wanted, foundation = indicator(identifier), current_foundation()
        period = period_of(question, default_period(foundation))
        return Tabulation(foundation, current_actor()).table(wanted, period, question.get("kecamatan")).as_dict()


def period_of(question: dict[str, Any], default: tuple[str, str]) -> tuple[str, str]:
    """The first and last month asked for. One given alone is completed by the default, if that fits.

    Raises Problem 422 that names the field.
    """
    first = question.get("first", min(default[0], question.get("last", default[0])))
    last = question.get("last", max(default[1], first))
    if error := schemas.period_error(first, last):
        raise Problem(422, "invalid", errors={"from" if "first" in question else "to": [error]})
    return first, last
