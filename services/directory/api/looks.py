"""JSON of the audit log: who has looked at whose identity, and what is unusual."""

from __future__ import annotations

from typing import Any

from flask.views import MethodView

from services.directory import looks, schemas
from shared.access import current_actor, requires
from shared.web import current_foundation
from shared.web.arguments import Blueprint
from shared.web.paging import list_of, one_page

audit = Blueprint("audit-api", __name__, url_prefix="/audit", description="Who has looked at whose identity.")


@audit.route("/entries")
class AuditEntries(MethodView):
    @audit.arguments(schemas.LooksPaging, location="query")
    @audit.response(200, list_of(schemas.Look))
    @requires("audit.read")
    def get(self, question: dict[str, Any]) -> dict[str, Any]:
        """Who has looked at a record, the latest first. That you asked is recorded too."""
        number, size = question["page"], question["page_size"]
        actor, subject = current_actor(), question["subject"]
        items, total = looks.of_subject(current_foundation(), actor, subject, number, size, "audit_api")
        return one_page(items, question, total)


@audit.route("/unusual")
class UnusualReading(MethodView):
    @audit.response(200, schemas.UnusualList)
    @requires("audit.read")
    def get(self) -> dict[str, Any]:
        """Reading that somebody should ask about: many records in a day, no case of theirs, outside office hours."""
        return {"items": looks.unusual_lately(current_foundation())}
