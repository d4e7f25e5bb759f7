"""What is said of a file that is not taken, in the language of the page."""

from __future__ import annotations

from flask_babel import gettext

from shared.web.language import N_

_REFUSALS = {
    "unknown_format": N_("This is no file of a kind that is taken. Send a photograph (JPEG, PNG, WebP) or a PDF."),
    "empty": N_("The file is empty. Choose a photograph (JPEG, PNG, WebP) or a PDF."),
    "too_large": N_("The file is too large. Send one of at most 10 MB."),
    "too_many_pixels": N_("The picture is too large. Send one of at most 50 million pixels."),
    "too_many_pages": N_("The paper has too many pages. Send at most 200 pages in one file."),
    "too_complex": N_("The file takes too much to be checked. Send it as a plain photograph or scan."),
    "animated": N_("The picture moves. Send a still one."),
    "encrypted": N_("The paper is protected by a password. Send it without one."),
    "active": N_("The paper does more than to be read. Print it into a new PDF, or send a photograph of it."),
    "broken": N_("The file is damaged or not what it seems. Save it again, or send a photograph of it."),
    "infected": N_("The virus scanner found something in this file. It was not kept."),
    "too_many": N_("The report has 20 files, which is the most. Ask a supervisor to delete one first."),
    "missing": N_("Choose a file."),
}


def refusal(code: str) -> str:
    """Why a file is not taken, and what to do."""
    return gettext(_REFUSALS[code])
