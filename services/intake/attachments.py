"""A report's photographs and papers: looked at, cleaned, sealed, listed, opened, removed.

The content is stored before the unit of work that makes it the report's; what comes to nothing is removed by `sweep`.
It knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO

from services.intake import model, store
from shared import failpoints, files
from shared.access import Actor
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Command, Unit
from shared.mongo import Unavailable
from shared.telemetry.logs import get_logger
from shared.vault import Damaged, Files, NotHeld, OpenFile

ABANDONED_AFTER = timedelta(hours=1)
"""After this an upload that has not ended has failed: no request lives so long."""
SWEEP = 500

log = get_logger(__name__)


@dataclass(frozen=True)
class Upload:
    """A file as it comes: the name that its sender gave it, what it shows, and its content, read from the start."""

    file_name: str
    description: str
    content: BinaryIO


def add(
    foundation: Foundation, actor: Actor, report: Mapping[str, Any], upload: Upload, command: Command
) -> Mapping[str, Any]:
    """Adds a file to a report and returns it as it is kept; a repeated command gets the file of the first time.

    Raises model.AttachmentRefused, files.Refused, Infected, ScannerAway and Busy, NotHeld if the report is gone,
    journal.KeyReused, journal.Unavailable. Whatever it raises, nothing that can be read is kept.
    """
    _scan(foundation, actor, report, upload.content)
    attachment_id = new_id("attachment")
    with files.cleaned(upload.content) as cleaned:
        kept = {
            "report_id": report["_id"],
            "kind": files.FORMATS[cleaned.format].kind,
            "format": cleaned.format,
            "size_bytes": cleaned.size_bytes,
            "added_at": foundation.clock(),
            "added_by": actor.id,
        }
        names = {"file_name": files.safe_name(upload.file_name, cleaned.format)}
        if upload.description:
            names["description"] = upload.description
        store.announce(foundation.database, attachment_id, foundation.clock() + ABANDONED_AFTER)
        try:
            stored = Files(foundation.sealed).store(attachment_id, cleaned.pieces)
            failpoints.reach("attachment.stored")

            def work(unit: Unit) -> dict[str, Any]:
                before = store.report_in(unit, report["_id"])
                if before is None:
                    raise NotHeld(report["_id"])
                held = len(store.ids_in(unit, report["_id"]))
                about = (kept["report_id"], attachment_id, kept["kind"], kept["format"], kept["size_bytes"])
                version = unit.append(before["_id"], before["version"], model.attach(held, *about))
                Files(foundation.sealed).link(unit, stored, names)
                store.set_version(unit, before, version)
                store.keep(unit, attachment_id, kept)
                return {"attachment_id": attachment_id}

            answer = foundation.journal.run(work, actor=actor, command=command)
        except Exception:
            _forget(foundation, attachment_id)
            raise
    if answer["attachment_id"] == attachment_id:
        return {"_id": attachment_id, **kept}
    _forget(foundation, attachment_id)
    earlier = store.attachment(foundation.database, report["_id"], answer["attachment_id"])
    if earlier is None:
        raise NotHeld(answer["attachment_id"])
    return earlier


def names(
    foundation: Foundation,
    actor: Actor,
    report: Mapping[str, Any],
    attachments: Sequence[Mapping[str, Any]],
    purpose: str,
    basis: str,
) -> dict[str, dict[str, str]]:
    """The names and descriptions of files of a report by attachment; each is audited before anything is returned.

    Those of a file that was erased meanwhile are missing. Raises journal.Unavailable.
    """
    found = {}
    for each in attachments:
        try:
            found[each["_id"]] = Files(foundation.sealed).names(actor, each["_id"], purpose, basis, _tells_of(report))
        except NotHeld:
            continue
    return found


def open_file(
    foundation: Foundation,
    actor: Actor,
    report: Mapping[str, Any],
    attachment: Mapping[str, Any],
    purpose: str,
    basis: str,
) -> OpenFile:
    """A file of a report and its content, authenticated as a whole; audited first.

    Raises NotHeld, Damaged, journal.Unavailable.
    """
    try:
        return Files(foundation.sealed).open(actor, attachment["_id"], purpose, basis, _tells_of(report))
    except Damaged:
        log.error("attachment_damaged", attachment=attachment["_id"])
        raise


def remove(
    foundation: Foundation,
    actor: Actor,
    report: Mapping[str, Any],
    attachment_ids: Sequence[str],
    reason: str = "requested",
) -> int:
    """Removes files of a report for good: what opens them at once, their contents right after. Returns how many.

    Those that are not there any more are passed over. Raises NotHeld, journal.Unavailable.
    """

    def work(unit: Unit) -> dict[str, Any]:
        return {"removed": remove_in(unit, foundation, report["_id"], attachment_ids, reason)}

    removed: list[str] = foundation.journal.run(work, actor=actor)["removed"]
    failpoints.reach("attachment.removed")
    for attachment_id in removed:
        _clear(foundation, attachment_id)
    return len(removed)


def remove_in(
    unit: Unit, foundation: Foundation, report_id: str, attachment_ids: Sequence[str] | None, reason: str
) -> list[str]:
    """As `remove`, inside a unit of work that does more, such as an erasure; None: all of the report's files.

    Returns the ids of those removed. Their contents are unreadable with the commit, and go with the next `sweep`.
    """
    before = store.report_in(unit, report_id)
    if before is None:
        raise NotHeld(report_id)
    there = store.ids_in(unit, report_id)
    chosen = there if attachment_ids is None else [each for each in attachment_ids if each in there]
    if chosen:
        version = unit.append(report_id, before["version"], model.detach(report_id, chosen, reason))
        Files(foundation.sealed).erase(unit, chosen)
        store.set_version(unit, before, version)
        for each in chosen:
            store.retire(unit, each, foundation.clock())
    return chosen


def sweep(foundation: Foundation, limit: int = SWEEP) -> int:
    """Removes the contents of uploads that came to nothing and of files that were removed. Returns how many.

    Harmless to repeat, and beside uploads that go on. Raises journal.Unavailable.
    """
    due = store.to_clear(foundation.database, foundation.clock(), limit)
    for attachment_id in due:
        _clear(foundation, attachment_id)
    if due:
        log.info("attachment_contents_removed", attachments=len(due))
    return len(due)


def _scan(foundation: Foundation, actor: Actor, report: Mapping[str, Any], content: BinaryIO) -> None:
    address = foundation.settings.clamav
    if address is None:
        return
    try:
        files.scan(address, content)
    except files.Infected:
        foundation.audit.record(actor, "attachment.refused", report["_id"], (), "scanner", "infected")
        raise
    except files.ScannerAway:
        log.error("scanner_away")
        raise
    content.seek(0)


def _tells_of(report: Mapping[str, Any]) -> list[str]:
    """Whom a file of the report may show: the report itself and each of its children, by their subjects."""
    return [report["_id"], *(child["person_id"] for child in report["children"] if child["person_id"])]


def _forget(foundation: Foundation, attachment_id: str) -> None:
    """Removes what an upload that failed has left; what cannot be removed now is left to `sweep`."""
    try:
        _clear(foundation, attachment_id)
    except Unavailable:
        log.warning("upload_left", attachment=attachment_id)


def _clear(foundation: Foundation, attachment_id: str) -> None:
    """Removes the content of an attachment that is no report's: whoever would still commit it fails from then on."""
    if store.give_up(foundation.database, attachment_id):
        Files(foundation.sealed).discard(attachment_id)
        store.forget(foundation.database, attachment_id)
