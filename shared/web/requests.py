"""What is checked of every request before a view sees it: its size, and that its JSON is clean.

Clean means: JSON by its Content-Type, UTF-8, not nested too deep, no text or number that MongoDB cannot hold. What a
field may contain is the business of the schemas.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from flask import Flask, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from shared.web.problem import Problem, flatten

#: Bytes of a request's body. Reports are some kilobytes; attachments come with a route of their own.
MAX_BODY = 1024 * 1024
MAX_DEPTH = 32
INT64 = 2**63

_BAD_TEXT = re.compile(r"[\x00\ud800-\udfff]")
# JSON that has none of these (an escaped character, a long number, an exponent) has nothing that MongoDB cannot hold.
_SUSPECT = re.compile(rb"\\u|[0-9]{18}|[0-9][eE]")


def install(app: Flask) -> None:
    """Sets the limits of `app`; `check` is called by app.py."""
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY
    app.json = _StrictJSON(app)


class _StrictJSON(DefaultJSONProvider):
    """Flask's, which takes UTF-8 alone, and no NaN or Infinity. Fields are answered in the order of their schema."""

    sort_keys = False

    def loads(self, s: str | bytes, **options: Any) -> Any:
        """As Flask's. Raises ValueError, RecursionError."""
        text = s.decode("utf-8") if isinstance(s, bytes) else s
        return super().loads(text, parse_constant=_refuse_constant, **options)


def check() -> None:
    """Refuses what no view should have to think of. Raises Problem, or 413 when the body is too large."""
    if request.endpoint is None:
        return
    if "\x00" in request.path or _any_bad(request.args):
        raise Problem(400, "bad_request")
    if request.method not in ("POST", "PUT", "PATCH"):
        return
    if request.path.startswith("/api/"):
        _check_json()
    elif _any_bad(request.form):
        raise Problem(400, "bad_request")


def _check_json() -> None:
    body = request.get_data(cache=True)
    if not body:
        return
    if not request.is_json:
        raise Problem(415, "unsupported_media_type")
    try:
        document = request.get_json()  # kept: the view does not read it again
    except RecursionError:
        raise Problem(400, "nested_too_deep") from None
    except BadRequest:  # also broken UTF-8, and a number of more digits than Python converts
        raise Problem(400, "malformed_json") from None
    errors = [] if _is_surely_fit(body) else _unfit(document)
    if errors:
        problem = Problem(422, "invalid")
        problem.errors = errors
        raise problem


def _any_bad(values: MultiDict[str, str]) -> bool:
    return any(_BAD_TEXT.search(part) for pair in values.items(multi=True) for part in pair)


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _is_surely_fit(body: bytes) -> bool:
    """Whether one look at the text of JSON tells that `_unfit` would find nothing."""
    return body.count(b"{") + body.count(b"[") <= MAX_DEPTH and not _SUSPECT.search(body)


def _unfit(document: Any) -> list[dict[str, str]]:
    """What the database cannot hold, with its place. No recursion: the sender decides how deep a document is."""
    errors: list[dict[str, str]] = []
    waiting: list[tuple[tuple[str, ...], Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if len(path) > MAX_DEPTH:
            raise Problem(400, "nested_too_deep")
        message = ""
        if isinstance(value, str) and _BAD_TEXT.search(value):
            message = "Text may not contain this character."
        elif isinstance(value, int | float) and not -INT64 <= value < INT64:
            message = "Number out of range."
        elif isinstance(value, dict):
            for key, inner in value.items():
                if _BAD_TEXT.search(key):
                    errors += flatten(["Text may not contain this character."], (*path, _BAD_TEXT.sub("?", key)))
                else:
                    waiting.append(((*path, key), inner))
        elif isinstance(value, list):
            waiting.extend(((*path, str(index)), inner) for index, inner in enumerate(value))
        if message:
            errors += flatten([message], path)
    return errors
