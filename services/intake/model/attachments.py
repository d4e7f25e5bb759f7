"""The facts of a report's photographs and papers: that one was added, that one was removed. Pure.

Names, descriptions and contents are the vault's; a fact has ids, codes and a size.
"""

from __future__ import annotations

from shared.events import NewEvent
from shared.files.formats import MAXIMUM_FILES


class AttachmentRefused(Exception):
    """The report takes no further file. `code` is `too_many`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def attach(held: int, report_id: str, attachment_id: str, kind: str, form: str, size_bytes: int) -> list[NewEvent]:
    """The events of adding a file to a report that holds `held` of them. Raises AttachmentRefused."""
    if held >= MAXIMUM_FILES:
        raise AttachmentRefused("too_many")
    data = {
        "report_id": report_id,
        "attachment_id": attachment_id,
        "kind": kind,
        "format": form,
        "size_bytes": size_bytes,
    }
    return [NewEvent("report.attachment_added", data)]


def detach(report_id: str, attachment_ids: list[str], reason: str) -> list[NewEvent]:
    """The events of removing these files, because it was `requested` or somebody is `erased`."""
    return [
        NewEvent(
            "report.attachment_removed", {"report_id": report_id, "attachment_id": attachment_id, "reason": reason}
        )
        for attachment_id in attachment_ids
    ]
