"""The JSON of a report's photographs and papers. A list says what there is; names and contents are opened, audited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from flask import Response, current_app, request
from flask.views import MethodView

from services.intake import api, attachments, model, schemas, store
from services.intake.texts import refusal
from shared import files
from shared.access import current_actor, requires
from shared.journal import Command
from shared.mongo import Unavailable
from shared.vault import Damaged, NotHeld, OpenFile
from shared.web import Problem, current_foundation
from shared.web.arguments import Blueprint
from shared.web.conditions import IDEMPOTENCY_KEY_REQUIRED, command_of, required_key
from shared.web.requests import takes_file

blueprint = Blueprint("attachments-api", __name__, url_prefix="/reports", description="Files of a report.")

Answer = TypeVar("Answer")


def found(report: dict[str, Any], attachment_id: str) -> dict[str, Any]:
    """A file of this report. Raises Problem 404, also for a file of another one."""
    attachment = store.attachment(current_foundation().database, report["_id"], attachment_id)
    if attachment is None:
        raise Problem(404, "not_found")
    return attachment


def add(report: dict[str, Any], upload: attachments.Upload, key: str) -> Any:
    """Adds the file for the actor of this request. Raises Problem 415 or 422 that names the field, Unavailable."""
    secret = current_foundation().settings.secret_key
    command = fingerprinted(secret, key, upload)
    try:
        return attachments.add(current_foundation(), current_actor(), report, upload, command)
    except files.Refused as refused:
        status = 415 if refused.code == "unknown_format" else 422
        raise unfit(status, refused.code) from None
    except model.AttachmentRefused as refused:
        raise unfit(422, refused.code) from None
    except files.Infected:
        raise unfit(422, "infected") from None
    except (files.ScannerAway, files.Busy):
        raise Unavailable from None
    except NotHeld:
        raise Problem(404, "not_found") from None


def unfit(status: int, code: str) -> Problem:
    """The file is not taken: the message stands at its field."""
    message = refusal(code)
    return Problem(status, f"file_{code}", errors={"file": [message]}, detail=message)


def fingerprinted(secret: str, key: str, upload: attachments.Upload) -> Command:
    """The command of an upload: its content is read once for its fingerprint, not held a second time."""
    about = {"file_name": upload.file_name, "description": upload.description}
    return command_of(secret, key, {**about, "content": files.digest(upload.content)})


def opened(read: Callable[[], Answer]) -> Answer:
    """What `read` opens. Raises Problem 404 for what was erased, 500 for what is damaged."""
    try:
        return read()
    except NotHeld:
        raise Problem(404, "not_found") from None
    except Damaged:
        raise Problem(500, "file_damaged") from None


def opened_file(report: Mapping[str, Any], attachment: Mapping[str, Any], purpose: str) -> OpenFile:
    """A file of the report for the actor of this request, audited first. Raises Problem as `opened`, Unavailable."""
    foundation, actor, grounds = current_foundation(), current_actor(), api.basis(report, "attachment.read")
    return opened(lambda: attachments.open_file(foundation, actor, report, attachment, purpose, grounds))


def download(attachment: dict[str, Any], file: OpenFile) -> Response:
    """The file as something to keep, never to be shown by the browser in our name.

    If what is kept changes or the database goes away in the middle, the connection ends short of the announced length:
    a browser says that the download failed.
    """
    answer: Response = current_app.response_class(file.pieces, mimetype=files.FORMATS[attachment["format"]].media_type)
    plain = file.file_name.encode("ascii", "replace").decode().replace("?", "_")
    names = {"filename": plain}
    if plain != file.file_name:
        names["filename*"] = f"UTF-8''{quote(file.file_name, safe='')}"
    answer.headers.set("Content-Disposition", "attachment", **names)
    answer.headers["Content-Length"] = str(file.size_bytes)
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["X-Accel-Buffering"] = "no"  # a proxy keeps no copy of it on its disk
    return answer


@blueprint.route("/<string:reference>/attachments")
class Attachments(MethodView):
    @blueprint.response(200, schemas.AttachmentList)
    @requires("report.read")
    def get(self, reference: str) -> Any:
        """List the files of a report, without their names."""
        report = api.found(reference, "report.read")
        listed = store.attachments(current_foundation().database, report["_id"])
        return {"items": [store.shown_attachment(each) for each in listed]}

    @blueprint.arguments(schemas.AboutAttachment, location="form")
    @blueprint.arguments(schemas.AttachmentFile, location="files")
    @blueprint.response(201, schemas.ShownAttachment)
    @blueprint.doc(parameters=[IDEMPOTENCY_KEY_REQUIRED])
    @requires("attachment.add")
    @takes_file
    def post(self, about: dict[str, Any], sent: dict[str, Any], reference: str) -> Any:
        """Add a photograph (JPEG, PNG, WebP) or a PDF. What it tells of place and device is removed first."""
        key = required_key()
        report = api.found(reference, "attachment.add")
        upload = attachments.Upload(sent["file"].filename or "", about["description"], sent["file"].stream)
        added = add(report, upload, key)
        return store.shown_attachment(added), 201, {"Location": f"{request.path}/{added['_id']}"}


@blueprint.route("/<string:reference>/attachments/names")
class AttachmentNames(MethodView):
    @blueprint.response(200, schemas.AttachmentNames)
    @requires("attachment.read")
    def get(self, reference: str) -> Any:
        """Open the names and descriptions of a report's files. This is written to the audit log before it is shown."""
        report = api.found(reference, "attachment.read")
        foundation = current_foundation()
        listed = store.attachments(foundation.database, report["_id"])
        grounds = api.basis(report, "attachment.read")
        names = attachments.names(foundation, current_actor(), report, listed, "report_api", grounds)
        return {"items": [{"attachment_id": identifier, **each} for identifier, each in names.items()]}


@blueprint.route("/<string:reference>/attachments/<string:attachment_id>")
class Attachment(MethodView):
    @blueprint.response(200, {"type": "string", "format": "binary"}, content_type="*/*")
    @requires("attachment.read")
    def get(self, reference: str, attachment_id: str) -> Any:
        """Download a file. This is written to the audit log before the first byte is sent."""
        report = api.found(reference, "attachment.read")
        attachment = found(report, attachment_id)
        return download(attachment, opened_file(report, attachment, "attachment_api"))

    @blueprint.response(204)
    @requires("attachment.delete")
    def delete(self, reference: str, attachment_id: str) -> None:
        """Delete a file for good."""
        report = api.found(reference, "attachment.delete")
        attachment = found(report, attachment_id)
        attachments.remove(current_foundation(), current_actor(), report, [attachment["_id"]])
