"""The pages of a report's photographs and papers: a list and a form on the report's page, opening, deleting.

They need no JavaScript; on a telephone the form offers the camera.
"""

from __future__ import annotations

import uuid
from typing import Any

import wtforms
from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import FileStorage
from wtforms.validators import Length

from services.intake import api, attachments, attachments_api, store
from services.intake.texts import refusal
from shared import files
from shared.access import current_actor, may, requires
from shared.web import Problem, current_foundation
from shared.web.forms import FileField, Form, TextField
from shared.web.requests import takes_file

blueprint = Blueprint("attachments", __name__, url_prefix="/reports")

#: With picture formats in it a telephone offers its camera, and an iPhone sends JPEG in place of its own format.
ACCEPT = ",".join(entry.media_type for entry in files.FORMATS.values())


class AttachmentForm(Form):
    """One file and what it shows. The key makes a second click the same upload."""

    key = wtforms.HiddenField(default=lambda: str(uuid.uuid4()))
    file = FileField(
        _l("Photograph or PDF"), description=_l("JPEG, PNG, WebP or PDF, at most 10 MB."), render_kw={"accept": ACCEPT}
    )
    description = TextField(_l("What does it show?"), validators=[Length(max=500)])


class EmptyForm(Form):
    """A question that is answered by its button."""


def on_report(report: dict[str, Any], names: dict[str, dict[str, str]] | None = None) -> dict[str, Any]:
    """What the report's page shows of its files; `names` once they are opened."""
    actor = current_actor()
    listed = store.attachments(current_foundation().database, report["_id"])
    full = len(listed) >= files.MAXIMUM_FILES or report.get("erased_at") is not None
    return {
        "attachments": listed,
        "attachment_names": names,
        "attachment_form": AttachmentForm(formdata=None) if may(actor, "attachment.add", report) and not full else None,
        "may_delete_attachments": bool(may(actor, "attachment.delete", report)),
    }


def opened_on_report(report: dict[str, Any]) -> dict[str, Any]:
    """The same with the names of the files, whose opening is audited. Raises Unavailable."""
    foundation, actor = current_foundation(), current_actor()
    listed = store.attachments(foundation.database, report["_id"]) if may(actor, "attachment.read", report) else []
    grounds = api.basis(report, "attachment.read")
    return on_report(report, attachments.names(foundation, actor, report, listed, "report_page", grounds))


@blueprint.post("/<number>/attachments")
@requires("attachment.add")
@takes_file
def add(number: str) -> ResponseReturnValue:
    """Adds a file, once however often the form is sent; a file that is not taken comes back with the reason."""
    report = api.found(number, "attachment.add")
    form = AttachmentForm()
    valid = form.validate_on_submit()
    sent = form.file.data
    if not isinstance(sent, FileStorage) or not sent.filename:
        form.file.errors = [refusal("missing")]
    elif valid:
        upload = attachments.Upload(sent.filename, form.description.data or "", sent.stream)  # type: ignore[arg-type]
        try:
            attachments_api.add(report, upload, form.key.data or "")
        except Problem as problem:
            if not problem.code.startswith("file_"):
                raise
            form.file.errors = [problem.advice]
        else:
            flash(_("The file is added. What it told of place and device was removed."), "success")
            return redirect(url_for("reports.show", number=report["number"]), 303)
    return render_template("intake/attach.html", report=report, form=form), 422


@blueprint.get("/<number>/attachments/<attachment_id>")
@requires("attachment.read")
def show(number: str, attachment_id: str) -> ResponseReturnValue:
    """The file, to be kept; audited before the first byte is sent."""
    report = api.found(number, "attachment.read")
    attachment = attachments_api.found(report, attachment_id)
    file = attachments_api.opened_file(report, attachment, "attachment_page")
    return attachments_api.download(attachment, file)


@blueprint.route("/<number>/attachments/<attachment_id>/delete", methods=["GET", "POST"])
@requires("attachment.delete")
def delete(number: str, attachment_id: str) -> ResponseReturnValue:
    """Asks, and deletes a file for good."""
    report = api.found(number, "attachment.delete")
    attachment = attachments_api.found(report, attachment_id)
    form = EmptyForm()
    if form.validate_on_submit():
        attachments.remove(current_foundation(), current_actor(), report, [attachment["_id"]])
        flash(_("The file is deleted."), "success")
        return redirect(url_for("reports.show", number=report["number"]), 303)
    return render_template("intake/delete_attachment.html", report=report, attachment=attachment, form=form)
