"""Which language a request is answered in, and the texts of that language.

Pages carry the language in their path (/id/..., /en/...); JSON and paths without one go by Accept-Language. Indonesian
comes first. Times are shown in WIB (shared/web/formats.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from babel.support import NullTranslations, Translations
from flask import Flask, current_app, g, has_request_context, request
from flask_babel import Babel, Domain, get_locale
from werkzeug.routing import AnyConverter

from shared.web.routes import LANGUAGES, PSEUDO_LANGUAGE
from shared.web.translations import load

DEFAULT_LANGUAGE = LANGUAGES[0]
SHARED_TRANSLATIONS = Path(__file__).with_name("translations")


def N_(message: str) -> str:
    """Marks a text for the catalogues where it cannot be translated yet: in a table, at import."""
    return message


def language_of_request() -> str:
    """The language code of this request: "id", "en", or "xx" for the pseudo-language."""
    if not has_request_context():
        return DEFAULT_LANGUAGE
    chosen: str | None = g.get("language")
    if chosen is None:
        first = request.path.split("/", 2)[1]
        if first in known_languages():
            chosen = first
        else:
            chosen = request.accept_languages.best_match(LANGUAGES, default=DEFAULT_LANGUAGE)
        g.language = chosen
    return chosen or DEFAULT_LANGUAGE


def known_languages() -> tuple[str, ...]:
    """The codes that a path of this application may begin with."""
    found: tuple[str, ...] = current_app.config["RUJUKAN_LANGUAGES"]
    return found


def is_page() -> bool:
    """Whether this request is for a page (answered in HTML) and not for JSON."""
    if request.path.split("/", 2)[1] in known_languages():
        return True
    if request.path.startswith("/api/"):
        return False
    accepted = request.accept_mimetypes
    return accepted.quality("text/html") > accepted.quality("application/json")


def other_languages() -> list[dict[str, str]]:
    """This page in the other languages: `code`, `name` in its own language and `href`."""
    names = {"id": "Bahasa Indonesia", "en": "English"}
    current = language_of_request()
    rest = request.path.split("/", 2)[2] if request.path.count("/") >= 2 else ""
    query = f"?{request.query_string.decode('ascii', 'ignore')}" if request.query_string else ""
    return [
        {"code": code, "name": names[code], "href": f"/{code}/{rest}{query}" if is_page() else f"/{code}/"}
        for code in LANGUAGES
        if code != current
    ]


class PseudoTranslations(NullTranslations):
    """Marks every text that goes through translation as ⟦text⟧. Placeholders stay as they are."""

    def ugettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ungettext(self, singular: str, plural: str, n: int) -> str:
        return f"⟦{singular if n == 1 else plural}⟧"

    def upgettext(self, context: str, message: str) -> str:
        return f"⟦{message}⟧"


class Catalogues(Domain):
    """The foundation's texts with a service's own laid over them, read from .po files."""

    def __init__(self, directories: Sequence[Path]) -> None:
        super().__init__(translation_directories=[str(directory) for directory in directories])
        self._directories = [SHARED_TRANSLATIONS, *directories]
        self._merged: dict[str, NullTranslations] = {}

    def get_translations(self) -> NullTranslations:
        locale = get_locale()
        if locale is None:
            return NullTranslations()
        if has_request_context() and language_of_request() == PSEUDO_LANGUAGE and locale.language == "en":
            return PseudoTranslations()
        language = locale.language
        if language not in self._merged:
            self._merged[language] = self._merge(language)
        return self._merged[language]

    def _merge(self, language: str) -> NullTranslations:
        if language == "en":
            return NullTranslations()
        merged = Translations()
        for directory in self._directories:
            merged.merge(load(directory, language))
        # Merging takes the texts alone; a service without a catalogue has no rule for plurals of its own.
        merged.plural = load(SHARED_TRANSLATIONS, language).plural
        return merged


def install(app: Flask, directories: Sequence[Path], pseudo: bool) -> None:
    """Gives `app` its languages: the URL converter `lang`, the selector and the catalogues."""
    codes = (*LANGUAGES, PSEUDO_LANGUAGE) if pseudo else LANGUAGES
    app.config["RUJUKAN_LANGUAGES"] = codes

    class LanguageConverter(AnyConverter):
        def __init__(self, map: Any) -> None:
            super().__init__(map, *codes)

    app.url_map.converters["lang"] = LanguageConverter

    def locale() -> str:
        language = language_of_request()
        return "en" if language == PSEUDO_LANGUAGE else language

    babel = Babel(app, default_locale=DEFAULT_LANGUAGE, default_timezone="Asia/Jakarta", locale_selector=locale)
    babel.domain_instance = Catalogues(directories)

    @app.url_value_preprocessor
    def take_language(endpoint: str | None, values: dict[str, Any] | None) -> None:
        if values and "lang" in values:
            g.language = values.pop("lang")

    @app.url_defaults
    def add_language(endpoint: str, values: dict[str, Any]) -> None:
        if "lang" not in values and app.url_map.is_endpoint_expecting(endpoint, "lang"):
            values["lang"] = language_of_request()


def page_url(path: str) -> str:
    """The address of a page of any service in this request's language: "/reports" -> "/id/reports"."""
    return f"/{language_of_request()}{path if path.startswith('/') else '/' + path}"
