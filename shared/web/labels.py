"""Codes and fields by their names in the language of the page. The names themselves are data in shared.domain.

In the pseudo-language they are bracketed as translated texts are, for they have been through a translation too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shared import domain
from shared.web.language import N_, language_of_request
from shared.web.routes import PSEUDO_LANGUAGE

#: What a role is called.
ROLE_NAMES = {
    "intake_clerk": N_("Intake clerk"),
    "case_worker": N_("Case worker"),
    "supervisor": N_("Supervisor"),
    "partner_agency": N_("Partner agency"),
    "analyst": N_("Analyst"),
    "administrator": N_("Administrator"),
}


def label(kind: str, code: str) -> str:
    """What a code of a list is called, `label("work_type", "batik")`. A code that is not known stays as it is."""
    known = domain.codes(kind).get(code)
    return in_language(known.names["id"], known.names["en"]) if known else code


def labels(kind: str) -> Iterator[tuple[str, str]]:
    """All codes of a list with their names, as choices of a form."""
    for code in domain.codes(kind):
        yield code, label(kind, code)


def field_name(owner: str, field: str) -> str:
    """What an identifying field of a `person` or a `report` is called."""
    names = domain.identifying_fields(owner)[field].names
    return in_language(names["id"], names["en"])


def field_rows(owner: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The opened fields of a `person` or a `report`, by name, as rows of a summary list."""
    return [{"key": field_name(owner, field), "value": value} for field, value in values.items()]


def agency_label(agency: Mapping[str, Any]) -> str:
    """An agency (`_id`, `kind`, `kecamatan`) by its kind, its kecamatan and the beginning of its id.

    Its name is directory's to show.
    """
    parts = [label("agency_kind", agency["kind"])]
    if agency.get("kecamatan"):
        parts.append(label("kecamatan", agency["kecamatan"]))
    return f"{', '.join(parts)} ({agency['_id'].removeprefix('agency-')[:6]})"


def language_of_texts() -> str:
    """The language of this page's words of data: `id`, or `en` also for the pseudo-language."""
    return "id" if language_of_request() == "id" else "en"


def in_language(indonesian: str, english: str) -> str:
    """Of two texts the one for this page."""
    language = language_of_request()
    if language == PSEUDO_LANGUAGE:
        return f"⟦{english}⟧"
    return indonesian if language == "id" else english
