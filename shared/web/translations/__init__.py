"""The catalogues: which rooms have one, how a .po file becomes translations, and what is missing in it.

The msgid is the English text, so English needs no catalogue. `.po` files are read directly at start: there is no build
step and no stale `.mo`. `python -m shared.web.translations update` brings the catalogues up to date with the code.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

ROOT = Path(__file__).resolve().parents[3]
SHARED = "shared"
#: Languages that have a catalogue.
TRANSLATED = ("id",)

_METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")]
_OPTIONS = {"**.html": {"extensions": "jinja2.ext.i18n", "silent": "false", "newstyle_gettext": "true"}}
_KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "_l": None,
    "N_": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "lazy_pgettext": ((1, "c"), 2),
}
_SKIPPED = ("node_modules", "static", "__pycache__")


@dataclass(frozen=True)
class Room:
    """A part of the code with a catalogue of its own."""

    name: str
    source: Path
    directory: Path

    def catalogue_file(self, language: str) -> Path:
        """Where the catalogue of `language` lies; the file need not exist."""
        return self.directory / language / "LC_MESSAGES" / "messages.po"


def rooms(root: Path = ROOT) -> list[Room]:
    """The foundation and every service that is there, the foundation first."""
    found = [Room(SHARED, root / "shared", root / "shared" / "web" / "translations")]
    for package in sorted((root / "services").iterdir()):
        if package.is_dir() and not package.name.startswith(("_", ".")):
            found.append(Room(package.name, package, package / "translations"))
    return found


def messages(room: Room) -> Catalog:
    """Every text that the code and templates of `room` mark for translation, as an empty catalogue."""
    catalog = Catalog(charset="utf-8")
    found = extract_from_dir(
        room.source,
        method_map=_METHODS,
        options_map=_OPTIONS,
        keywords=_KEYWORDS,
        comment_tags=("Translators:",),
        strip_comment_tags=True,
        directory_filter=lambda path: Path(path).name not in _SKIPPED,
    )
    for filename, _line, message, comments, context in found:
        # No line numbers: they would change with every edit.
        catalog.add(message, None, [(str(filename), 0)], auto_comments=comments, context=context)
    return catalog


@cache
def read_catalogue(path: Path, language: str) -> Catalog:
    """The catalogue in `path`; an empty one when the file does not exist."""
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


@cache
def load(directory: Path, language: str) -> Translations:
    """The translations under `directory` (`<language>/LC_MESSAGES/messages.po`), fuzzy entries left out."""
    buffer = io.BytesIO()
    write_mo(buffer, read_catalogue(directory / language / "LC_MESSAGES" / "messages.po", language))
    buffer.seek(0)
    return Translations(buffer)


def gaps(room: Room, language: str) -> Iterator[str]:
    """The texts of `room` that `language` lacks, in its own catalogue and in the foundation's."""
    shared = rooms()[0]
    catalogues = [read_catalogue(each.catalogue_file(language), language) for each in (room, shared)]
    for message in messages(room):
        msgid = first(message.id)
        if msgid and not any(_is_translated(catalog, msgid, message.context) for catalog in catalogues):
            yield msgid


def first(texts: str | Sequence[str] | None) -> str:
    """The text itself, or the singular of one that differs with a number."""
    return texts if isinstance(texts, str) else (texts or ("",))[0]


def _is_translated(catalog: Catalog, msgid: str, context: str | None) -> bool:
    found = catalog.get(msgid, context)
    if found is None or found.fuzzy:
        return False
    strings = (found.string,) if isinstance(found.string, str) else tuple(found.string or ())
    return bool(strings) and all(string and string.strip() for string in strings)
