"""JSON of agencies and companies: everybody may read them, few may change them."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from services.directory import commands, schemas
from services.directory.api.parts import Answer, filters, listed, repeatable, shown
from shared.access import current_actor, requires
from shared.web import current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import IDEMPOTENCY_KEY, IF_MATCH, expected_version
from shared.web.paging import list_of

agencies = Blueprint("agencies-api", __name__, url_prefix="/agencies", description="Agencies of the referral network.")
companies = Blueprint("companies-api", __name__, url_prefix="/companies", description="Companies of APSAI.")


@agencies.route("")
class Agencies(MethodView):
    @agencies.arguments(schemas.AgencyPaging, location="query")
    @agencies.response(200, list_of(schemas.Agency))
    @requires("agency.read")
    def get(self, paging: dict[str, Any]) -> Any:
        """List agencies by name."""
        return listed("agency", paging, **filters(paging))

    @agencies.arguments(schemas.AgencyFacts)
    @agencies.response(201, schemas.Agency)
    @agencies.doc(parameters=[IDEMPOTENCY_KEY])
    @requires("agency.manage")
    def post(self, facts: dict[str, Any]) -> Answer:
        """Register an agency."""
        answer = commands.register(current_foundation(), current_actor(), "agency", facts, repeatable())
        return shown("agency", answer["id"], 201)


@agencies.route("/<string:agency_id>")
class Agency(MethodView):
    @agencies.response(200, schemas.Agency)
    @requires("agency.read")
    def get(self, agency_id: str) -> Answer:
        """Get one agency."""
        return shown("agency", agency_id)

    @agencies.arguments(schemas.AgencyChange(partial=True))
    @agencies.response(200, schemas.Agency)
    @agencies.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("agency.manage")
    def patch(self, changes: dict[str, Any], agency_id: str) -> Answer:
        """Change fields of an agency."""
        version = expected_version()
        commands.change(current_foundation(), current_actor(), "agency", agency_id, version, changes, repeatable())
        return shown("agency", agency_id)


@companies.route("")
class Companies(MethodView):
    @companies.arguments(schemas.ActivePaging, location="query")
    @companies.response(200, list_of(schemas.Company))
    @requires("company.read")
    def get(self, paging: dict[str, Any]) -> Any:
        """List companies by name."""
        return listed("company", paging, **filters(paging))

    @companies.arguments(schemas.CompanyFacts)
    @companies.response(201, schemas.Company)
    @companies.doc(parameters=[IDEMPOTENCY_KEY])
    @requires("company.manage")
    def post(self, facts: dict[str, Any]) -> Answer:
        """Register a company."""
        answer = commands.register(current_foundation(), current_actor(), "company", facts, repeatable())
        return shown("company", answer["id"], 201)


@companies.route("/<string:company_id>")
class Company(MethodView):
    @companies.response(200, schemas.Company)
    @requires("company.read")
    def get(self, company_id: str) -> Answer:
        """Get one company."""
        return shown("company", company_id)

    @companies.arguments(schemas.CompanyChange(partial=True))
    @companies.response(200, schemas.Company)
    @companies.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("company.manage")
    def patch(self, changes: dict[str, Any], company_id: str) -> Answer:
        """Change fields of a company."""
        version = expected_version()
        commands.change(current_foundation(), current_actor(), "company", company_id, version, changes, repeatable())
        return shown("company", company_id)
