"""The formats that are taken, the limits of a file, and what a file may be called.

Plain data and text: no file is opened here.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

MAXIMUM_BYTES = 10 * 1024 * 1024
"""Of a file as it comes, and as it is kept."""
MAXIMUM_FILES = 20
"""Of one report."""
MAXIMUM_PIXELS = 50_000_000
"""Of a picture: what a telephone takes (12 to 50 million), not what a bomb unfolds to."""
MAXIMUM_PAGES = 200
MAXIMUM_UNFOLDED = 256 * 1024 * 1024
"""Bytes that all compressed parts of a PDF may unfold to."""
LONGEST_NAME = 200
PIECE_BYTES = 256 * 1024
"""Of a file that are in hand at once, beside the file as it came."""

REFUSALS = (
    "unknown_format",
    "empty",
    "too_large",
    "too_many_pixels",
    "too_many_pages",
    "too_complex",
    "animated",
    "encrypted",
    "active",
    "broken",
)


class Refused(Exception):
    """The file is not taken. `code` is one of REFUSALS; nothing of the file is told."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Format:
    """A format by its code in shared.domain: its media type, the ending of its names, what kind of thing it is."""

    code: str
    media_type: str
    ending: str
    kind: str


FORMATS: Mapping[str, Format] = {
    entry.code: entry
    for entry in (
        Format("jpeg", "image/jpeg", ".jpg", "photograph"),
        Format("png", "image/png", ".png", "photograph"),
        Format("webp", "image/webp", ".webp", "photograph"),
        Format("pdf", "application/pdf", ".pdf", "paper"),
    )
}

# What some system gives a meaning in names, and all that is not visible (control characters, marks of direction).
_UNSAFE = re.compile(r'[<>:"|?*;%\x00-\x1f\x7f]')
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def digest(content: BinaryIO) -> str:
    """The SHA-256 of a file, read from where it stands and put back to its start. Keep it keyed only."""
    found = hashlib.sha256()
    while piece := content.read(PIECE_BYTES):
        found.update(piece)
    content.seek(0)
    return found.hexdigest()


def safe_name(sent: str, code: str) -> str:
    """The name under which a file of this format is kept: no folder, nothing invisible, the ending of its true format.

    "C:\\fakepath\\foto.php" of a JPEG gives "foto.jpg". Never empty.
    """
    last = re.split(r"[/\\]", sent)[-1]
    visible = "".join(
        each for each in unicodedata.normalize("NFC", last) if unicodedata.category(each) not in _INVISIBLE
    )
    stem = _UNSAFE.sub("_", visible).rpartition(".")
    name = (stem[0] or stem[2]).strip(". ")[:LONGEST_NAME].strip(". ")
    return (name or "file") + FORMATS[code].ending
