"""Intake's JSON: register a report, find it again, open its identities, erase them.

Reports are shown without identities; those have an endpoint of their own, every use of which is audited.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from flask.views import MethodView
from flask_babel import gettext

from services.intake import erasure, registration, schemas, separation, store
from shared.access import current_actor, may, permit, requires
from shared.ids import read_number
from shared.journal import Command
from shared.vault import NotHeld
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import (
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_KEY_REQUIRED,
    IF_MATCH,
    command,
    etag,
    expected_version,
)
from shared.web.language import N_
from shared.web.paging import one_page

#: Why `same_as` of a child does not stand.
CHILD_REFUSED = {
    "unknown_child": N_("There is no such child."),
    "same_child_twice": N_("Two children of the report are the same child."),
}

blueprint = Blueprint("reports-api", __name__, url_prefix="/reports", description="Reports that a child is working.")


def found(reference: str, action: str) -> dict[str, Any]:
    """The report with this id or number, if the actor may do `action` to it. Raises Problem 404.

    It has `needed_by`: who registered it, and a supervisor while it waits for its redaction.
    """
    if not reference.startswith("report-"):
        reference = read_number(registration.NUMBER_LETTER, reference) or ""
    report = store.get(current_foundation().database, reference)
    if report is None:
        raise Problem(404, "not_found")
    waits = ["supervisor"] if report.get("redaction_since") is not None else []
    report["needed_by"] = [report["registered_by"], *waits]
    permit(action, report)
    return report


def basis(report: Mapping[str, Any], action: str) -> str:
    """On which grounds the actor may do `action` to a report, for the audit log: they registered it, or as their right
    says."""
    actor = current_actor()
    return "registered" if report["registered_by"] == actor.id else may(actor, action, report).basis


def shown_again(report: Mapping[str, Any]) -> Any:
    """The answer of a change: the report as it stands after it."""
    after = found(report["_id"], "report.read")
    return store.shown(after), 200, etag(after["version"])


def register(report: Mapping[str, Any], key: Any) -> Mapping[str, Any]:
    """Registers an accepted report for the actor of this request.

    Raises Problem 422 for the wrong kind of instance, and for a child that is not known.
    """
    try:
        return registration.register(current_foundation(), current_actor(), report, key)
    except registration.WrongInstance:
        words = (
            gettext("This is a demonstration: it takes invented reports only.")
            if current_foundation().settings.demonstration
            else gettext("This is a live service: it takes no demonstration reports.")
        )
        raise Problem(422, "invalid", errors={"demonstration": [words]}) from None
    except registration.UnknownChild as error:
        words = gettext(CHILD_REFUSED[error.code])
        raise Problem(422, "invalid", errors={"children": {error.place: {"same_as": [words]}}}) from None
    except NotHeld:
        raise Problem(404, "not_found") from None


@blueprint.route("")
class Reports(MethodView):
    @blueprint.arguments(schemas.ReportPaging, location="query")
    @blueprint.response(200, schemas.ReportList)
    @requires("report.read")
    def get(self, question: dict[str, Any]) -> Any:
        """List reports, newest first, without identities."""
        size, number = question["page_size"], question["page"]
        reports, total = store.page(current_foundation().database, number, size, question)
        return one_page([store.shown(each) for each in reports], question, total)

    @blueprint.arguments(schemas.NewReport)
    @blueprint.response(201, schemas.ShownReport)
    @blueprint.doc(parameters=[IDEMPOTENCY_KEY_REQUIRED])
    @requires("report.register")
    def post(self, report: dict[str, Any]) -> Any:
        """Register a report. The same request with the same Idempotency-Key is carried out once."""
        registered = register(report, command(current_foundation().settings.secret_key, required=True))
        location = f"{request.path}/{registered['number']}"
        return store.shown(registered), 201, {"Location": location, **etag(registered["version"])}


@blueprint.route("/<string:reference>")
class Report(MethodView):
    @blueprint.response(200, schemas.ShownReport)
    @requires("report.read")
    def get(self, reference: str) -> Any:
        """Get one report by its id or number, without identities."""
        report = found(reference, "report.read")
        return store.shown(report), 200, etag(report["version"])


@blueprint.route("/<string:reference>/identities")
class ReportIdentities(MethodView):
    @blueprint.response(200, schemas.Identities)
    @requires("report.read_identity")
    def get(self, reference: str) -> Any:
        """Open what identifies the people in a report. This is written to the audit log before it is shown."""
        report = found(reference, "report.read_identity")
        try:
            grounds = basis(report, "report.read_identity")
            return registration.identities(current_foundation(), current_actor(), report, "report_api", grounds)
        except NotHeld:
            raise Problem(404, "not_found") from None


@blueprint.route("/<string:reference>/children/<string:child_id>/erasure")
class ChildErasure(MethodView):
    @blueprint.arguments(schemas.Erasure)
    @blueprint.response(201, schemas.Receipt)
    @blueprint.doc(parameters=[IDEMPOTENCY_KEY])
    @requires("identity.erase")
    def post(self, wanted: dict[str, Any], reference: str, child_id: str) -> Any:
        """Erase what identifies a child, for good, in all its reports, and get the receipt. Their codes stay."""
        report = found(reference, "identity.erase")
        key = command(current_foundation().settings.secret_key)
        foundation, actor, reason = current_foundation(), current_actor(), wanted["reason"]
        try:
            return erasure.erase(foundation, actor, report["_id"], child_id, reason, wanted["also"], key)
        except (erasure.Refused, erasure.AlsoHeld, NotHeld) as error:
            raise erasure_refused(error) from None


@blueprint.route("/<string:reference>/children/<string:child_id>/separation")
class ChildSeparation(MethodView):
    @blueprint.response(200, schemas.ShownReport)
    @blueprint.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires("report.separate")
    def post(self, reference: str, child_id: str) -> Any:
        """Take back that a child is the one of an earlier report: it gets a case of its own."""
        version = expected_version()
        report = found(reference, "report.separate")
        separate(report, child_id, version, command(current_foundation().settings.secret_key))
        return shown_again(report)


@blueprint.route("/<string:reference>/redaction")
class ReportRedaction(MethodView):
    @blueprint.arguments(schemas.Redaction)
    @blueprint.response(200, schemas.ShownReport)
    @blueprint.doc(parameters=[IF_MATCH])
    @requires("identity.erase")
    def post(self, redacted: dict[str, str], reference: str) -> Any:
        """Replace the narrative by one that no longer tells who the erased child is."""
        version = expected_version()
        report = found(reference, "identity.erase")
        try:
            erasure.redact(current_foundation(), current_actor(), report["_id"], version, redacted["narrative"])
        except NotHeld:
            raise Problem(404, "not_found") from None
        return shown_again(report)


def separate(report: Mapping[str, Any], child_id: str, version: int, key: Command | None = None) -> None:
    """Takes back that a child of the report is an earlier one. Raises Problem 404 or 409, journal.VersionConflict."""
    try:
        separation.separate(current_foundation(), current_actor(), report["_id"], child_id, version, key)
    except NotHeld:
        raise Problem(404, "not_found") from None
    except separation.NotLinked:
        detail = gettext("The report does not say that this child is the one of an earlier report.")
        raise Problem(409, "not_linked", detail=detail) from None


def erasure_refused(error: erasure.Refused | erasure.AlsoHeld | NotHeld) -> Problem:
    """Why a child cannot be erased, as an answer."""
    if isinstance(error, erasure.AlsoHeld):
        numbers = ", ".join(error.numbers) or "–"
        detail = gettext("The other reports that hold something of this child are now: %(numbers)s.", numbers=numbers)
        return Problem(409, "also_held", detail=detail)
    if isinstance(error, erasure.Refused) and error.reason == "nothing_held":
        return Problem(409, "nothing_held", detail=gettext("Nothing that identifies this child is held any more."))
    if isinstance(error, erasure.Refused) and error.reason == "on_hold":
        return Problem(
            409, "on_hold", detail=gettext("A report about this child is on hold: nothing of it may be erased.")
        )
    return Problem(404, "not_found")
