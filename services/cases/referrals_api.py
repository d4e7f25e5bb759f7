"""The JSON of referrals: an agency's queue, and its answers. An agency sees what was asked of it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask.views import MethodView

from services.cases import api, commands, records, schemas, store
from shared.access import current_actor, requires
from shared.vault import NotHeld
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import IDEMPOTENCY_KEY, IF_MATCH, command, etag, expected_version
from shared.web.paging import one_page

blueprint = Blueprint("referrals-api", __name__, url_prefix="/referrals", description="What is asked of agencies.")


@blueprint.route("")
class Referrals(MethodView):
    @blueprint.arguments(schemas.ReferralQueue, location="query")
    @blueprint.response(200, schemas.ReferralList)
    @requires("referral.read")
    def get(self, question: dict[str, Any]) -> Any:
        """Referrals, the nearest deadline first: those of your agency, or all for those who lead cases."""
        number, size = question["page"], question["page_size"]
        wanted = {**question, "agency_id": records.own_agency("referral.read")}
        found, total = store.referrals(current_foundation().database, number, size, wanted)
        return one_page(found, question, total)


@blueprint.route("/<string:referral_id>")
class Referral(MethodView):
    @blueprint.response(200, schemas.Referral)
    @requires("referral.read")
    def get(self, referral_id: str) -> Any:
        """Get one referral, without identities."""
        found = records.referral(referral_id, "referral.read")
        return found, 200, etag(found["version"])


@blueprint.route("/<string:referral_id>/available")
class ReferralAvailable(MethodView):
    @blueprint.response(200, schemas.Available)
    @requires("referral.read")
    def get(self, referral_id: str) -> Any:
        """Every answer of an agency to a referral, with the reasons why you can or cannot give it now."""
        found = records.referral(referral_id, "referral.read")
        return (
            api.listed(records.known_to_agency(found), records.possible_on_referral(found)),
            200,
            etag(found["version"]),
        )


@blueprint.route("/<string:referral_id>/commands")
class ReferralCommands(MethodView):
    @blueprint.arguments(schemas.AgencyOrder)
    @blueprint.response(200, schemas.Referral)
    @blueprint.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("referral.answer")
    def post(self, order: commands.Order, referral_id: str) -> Any:
        """Answer a referral with one of the commands that `available` lists."""
        version = expected_version()
        found = records.referral(referral_id, "referral.answer")
        key = command(current_foundation().settings.secret_key)
        asked = replace(order, subject=found["_id"])
        with records.refusals(found):
            commands.answer(current_foundation(), current_actor(), found, version, asked, key)
        after = records.referral(referral_id, "referral.read")
        return after, 200, etag(after["version"])


@blueprint.route("/<string:referral_id>/identities")
class ReferralIdentities(MethodView):
    @blueprint.response(200, schemas.Referred)
    @requires("referral.read_identity")
    def get(self, referral_id: str) -> Any:
        """Open what this kind of referral lets you see of the child, while you give the service. It is audited."""
        found = records.referral(referral_id, "referral.read_identity")
        try:
            return records.referred(found, "referral_api")
        except NotHeld:
            raise Problem(404, "not_found") from None
