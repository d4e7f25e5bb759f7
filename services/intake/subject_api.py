"""The JSON of requests of a child or guardian: a copy of what is held, or its correction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask.views import MethodView
from flask_babel import gettext

from services.intake import api, corrections, subject_requests, subject_schemas
from shared.access import current_actor, may, permit, requires
from shared.journal import Command
from shared.vault import NotHeld
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import IDEMPOTENCY_KEY, IF_MATCH, command, etag, expected_version
from shared.web.language import N_
from shared.web.paging import one_page
from shared.web.validation_messages import translate

blueprint = Blueprint(
    "subject-api", __name__, url_prefix="/reports", description="Copies and corrections for a child or guardian."
)

Answer = TypeVar("Answer")
HANDLE = "subject_request.handle"
REFUSALS = {
    "closed": N_("This request is answered already."),
    "nothing_held": N_("Nothing that identifies this child is held any more."),
    "on_hold": N_("This report is on hold: nothing of it may be replaced. Lift the hold first, or refuse the request."),
}
UNFIT = N_("This is no answer to such a request.")


def attempted(work: Callable[[], Answer]) -> Answer:
    """What the work gives. Raises Problem 404, 409 or 422, journal.VersionConflict."""
    try:
        return work()
    except NotHeld:
        raise Problem(404, "not_found") from None
    except subject_requests.Refused as error:
        if error.reason == "unfit_outcome":
            raise Problem(422, "invalid", errors={"outcome": [gettext(UNFIT)]}) from None
        if error.reason not in REFUSALS:
            raise Problem(404, "not_found") from None
        raise Problem(409, error.reason, detail=gettext(REFUSALS[error.reason])) from None


def found(request_id: str) -> dict[str, Any]:
    """The request with this id, if the actor may handle it. Raises Problem 404."""
    request = subject_requests.get(current_foundation().database, request_id)
    if request is None:
        raise Problem(404, "not_found")
    permit(HANDLE, request)
    return request


def areas() -> tuple[str, ...]:
    """The kecamatan to which this actor's right to handle requests is limited; none if it reaches all."""
    actor = current_actor()
    return actor.areas if may(actor, HANDLE).scope == "area" else ()


def copied(request_id: str) -> dict[str, Any]:
    """The copy, audited and recorded before. Raises Problem 404 or 409."""
    foundation, actor = current_foundation(), current_actor()
    found(request_id)
    return attempted(lambda: subject_requests.copy(foundation, actor, request_id))


def held(request_id: str) -> dict[str, Any]:
    """What is held in the fields that the request says are wrong, audited before. Raises Problem 404 or 409."""
    foundation, actor = current_foundation(), current_actor()
    found(request_id)
    return attempted(lambda: corrections.held(foundation, actor, request_id))


def correct(request: Mapping[str, Any], version: int, values: Mapping[str, Any], key: Command | None) -> None:
    """Corrects what the request names. Raises Problem 404, 409, or 422 for too few or too many fields,
    journal.VersionConflict."""
    named = set(request["wrong"])
    missing = [name for name in request["wrong"] if values.get(name, "") == ""]
    errors = {f"values.{name}": [translate("Missing data for required field.")] for name in missing}
    errors |= {f"values.{name}": [translate("Unknown field.")] for name in values if name not in named}
    if errors:
        raise Problem(422, "invalid", errors=errors)
    foundation, actor = current_foundation(), current_actor()
    attempted(lambda: corrections.correct(foundation, actor, request["_id"], version, values, key))


def on_the_wire(copy: Mapping[str, Any]) -> dict[str, Any]:
    """A copy as the wire has it."""
    reports = []
    for held in copy["reports"]:
        report = held["codes"]["report"]
        plain = {**report, "registered_at": report["registered_at"].isoformat()}
        reports.append({**held, "report_number": report["number"], "codes": {**held["codes"], "report": plain}})
    return {**copy, "reports": reports}


@blueprint.route("/requests")
class Requests(MethodView):
    @blueprint.arguments(subject_schemas.RequestPaging, location="query")
    @blueprint.response(200, subject_schemas.RequestList)
    @requires(HANDLE)
    def get(self, question: dict[str, Any]) -> Any:
        """List requests: the open ones, the first due first, or those that are answered."""
        size, number = question["page_size"], question["page"]
        database, open_ones = current_foundation().database, question["open"]
        items, total = subject_requests.page(database, number, size, open_ones, areas())
        return one_page([subject_requests.shown(each) for each in items], question, total)


@blueprint.route("/<string:reference>/requests")
class ReportRequests(MethodView):
    @blueprint.arguments(subject_schemas.NewRequest)
    @blueprint.response(201, subject_schemas.ShownRequest)
    @blueprint.doc(parameters=[IDEMPOTENCY_KEY])
    @requires(HANDLE)
    def post(self, wanted: dict[str, Any], reference: str) -> Any:
        """Record that a child or guardian asks for a copy or a correction, due within three times 24 hours."""
        report, foundation, actor = api.found(reference, HANDLE), current_foundation(), current_actor()
        key = command(foundation.settings.secret_key)
        request_id = attempted(lambda: subject_requests.record(foundation, actor, report["_id"], wanted, key))
        request = found(request_id)
        return subject_requests.shown(request), 201, etag(request["version"])


@blueprint.route("/requests/<string:request_id>/copy")
class RequestCopy(MethodView):
    @blueprint.response(200, subject_schemas.SubjectCopy)
    @requires(HANDLE)
    def post(self, request_id: str) -> Any:
        """Open the copy, to be handed over. This is written to the audit log before it is shown."""
        return on_the_wire(copied(request_id))


@blueprint.route("/requests/<string:request_id>/held")
class RequestHeld(MethodView):
    @blueprint.response(200, subject_schemas.Held)
    @requires(HANDLE)
    def post(self, request_id: str) -> Any:
        """Open what shall be corrected. This is written to the audit log before it is shown."""
        return {"values": held(request_id)}


@blueprint.route("/requests/<string:request_id>/correction")
class RequestCorrection(MethodView):
    @blueprint.arguments(subject_schemas.Correction)
    @blueprint.response(200, subject_schemas.ShownRequest)
    @blueprint.doc(parameters=[IF_MATCH, IDEMPOTENCY_KEY])
    @requires(HANDLE)
    def post(self, said: dict[str, Any], request_id: str) -> Any:
        """Correct what the request names, and close it. What was held before is opened by nobody any more."""
        version, key = expected_version(), command(current_foundation().settings.secret_key)
        correct(found(request_id), version, said["values"], key)
        request = found(request_id)
        return subject_requests.shown(request), 200, etag(request["version"])


@blueprint.route("/requests/<string:request_id>/outcome")
class RequestOutcome(MethodView):
    @blueprint.arguments(subject_schemas.Outcome)
    @blueprint.response(200, subject_schemas.ShownRequest)
    @blueprint.doc(parameters=[IF_MATCH])
    @requires(HANDLE)
    def post(self, said: dict[str, str], request_id: str) -> Any:
        """Say how the request was answered."""
        version, foundation, actor = expected_version(), current_foundation(), current_actor()
        found(request_id)
        attempted(lambda: subject_requests.close(foundation, actor, request_id, version, said["outcome"]))
        request = found(request_id)
        return subject_requests.shown(request), 200, etag(request["version"])
