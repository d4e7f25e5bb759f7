"""Who has looked: a supervisor's page on one record, the same as a table to hand over, and what is unusual."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from services.directory import looks as log
from services.directory.store import agency_names
from services.directory.texts import role_name
from shared.access import ROLES, current_actor, requires
from shared.web import PAGE_SIZE, Page, Problem, current_foundation, page_number, page_url
from shared.web.formats import format_datetime, format_number
from shared.web.labels import field_name
from shared.web.language import N_

looks = Blueprint("looks", __name__, url_prefix="/audit")

SUBJECT = re.compile(r"(report|person|attachment)-[0-9a-f]{32}")
WHAT = {
    log.MANY: N_("Many records in one day"),
    log.MANY_SEARCHED: N_("Many names compared by searches in one day"),
    log.UNASSIGNED: N_("Records of no case of theirs in one day"),
    log.OUTSIDE_HOURS: N_("Outside office hours"),
}
#: On which grounds an identity was opened (shared/access/audit).
GROUNDS = {
    "assigned": N_("Their case"),
    "unassigned": N_("A case that nobody had"),
    "needed": N_("Something waited for them"),
    "glass": N_("Break-glass"),
    "referral": N_("A referral to their agency"),
    "registered": N_("They registered the report"),
    "area": N_("A report of their area"),
    "request": N_("A child or guardian asked"),
    "search": N_("A search for a known child"),
    "any": N_("Their role"),
}
ACTIONS = {
    "identity.opened": N_("Opened"),
    "identity.corrected": N_("Corrected"),
    "audit.read": N_("Asked who has looked"),
}
BROKEN = "break_glass."


@looks.get("")
@requires("audit.read")
def index() -> ResponseReturnValue:
    """What is unusual in the last weeks."""
    rows = [
        [_who(entry), _word(WHAT, entry["what"]), format_datetime(entry["at"]), format_number(entry["records"])]
        for entry in log.unusual_lately(current_foundation())
    ]
    return render_template("directory/unusual.html", rows=rows)


@looks.get("/looks")
@requires("audit.read")
def of_record() -> ResponseReturnValue:
    """Who has looked at one record."""
    subject, number = _subject(), page_number()
    found, total = log.of_subject(current_foundation(), current_actor(), subject, number, PAGE_SIZE, "audit_page")
    return render_template(
        "directory/looks.html",
        page=Page(found, number, total),
        headers=_headers(),
        rows=list(_cells(found)),
        table=page_url(f"/audit/looks.csv?subject={subject}"),
    )


@looks.get("/looks.csv")
@requires("audit.read")
def as_table() -> ResponseReturnValue:
    """The same as a table, to hand over to the guardian."""
    subject = _subject()
    found, _ = log.of_subject(current_foundation(), current_actor(), subject, 1, log.MOST_EXPORTED, "audit_table")
    content = log.as_csv(_headers(), _cells(found))
    named = {"Content-Disposition": f'attachment; filename="{subject}.csv"'}
    return Response(content, mimetype="text/csv", headers=named)


def _subject() -> str:
    subject = request.args.get("subject", "")
    if not SUBJECT.fullmatch(subject):
        raise Problem(404, "not_found")
    return subject


def _headers() -> list[str]:
    return [
        gettext("When"),
        gettext("Who"),
        gettext("Role"),
        gettext("Agency"),
        gettext("What"),
        gettext("Grounds"),
        gettext("Fields"),
    ]


def _cells(entries: list[dict[str, Any]]) -> Iterator[list[str]]:
    agencies = agency_names(current_foundation().database)
    for entry in entries:
        yield [
            format_datetime(entry["at"]),
            _who(entry),
            role_name(entry["role"]) if entry["role"] in ROLES else entry["role"],
            agencies.get(entry["agency"] or "", ""),
            _what(entry),
            _word(GROUNDS, entry["basis"]),
            ", ".join(field_name(entry["subject"].partition("-")[0], field) for field in entry["fields"]),
        ]


def _what(entry: Mapping[str, Any]) -> str:
    if entry["purpose"].startswith(BROKEN):
        return gettext("Opened by break-glass")
    return _word(ACTIONS, entry["action"])


def _word(words: Mapping[str, str], code: str) -> str:
    """A code in words; one that is not known as it is."""
    known = words.get(code)
    return code if known is None else gettext(known)


def _who(entry: Mapping[str, Any]) -> str:
    return entry["name"] or entry["actor"]
