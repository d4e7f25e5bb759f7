"""What is checked of every request before a view sees it: its size, and that its JSON is clean.

A view that takes a file says so (`takes_file`); the others keep their small limit. Clean means: JSON by its Content-
Type, UTF-8, not nested too deep, no text or number that MongoDB cannot hold. What a field may contain is the business
of the schemas.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import IO, Any, NoReturn, TypeVar

import orjson
from flask import Flask, Request, Response, current_app, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from shared.files.formats import MAXIMUM_BYTES
from shared.web.problem import Problem, flatten

#: Bytes of a request's body. Reports are some kilobytes.
MAX_BODY = 1024 * 1024
#: Of one that brings a file, beside the file itself.
AROUND_A_FILE = 64 * 1024
#: Of a form, however it is sent. The longest of ours, a report of 20 children, has fewer than 400.
MAX_FIELDS = 1_000
MAX_DEPTH = 32
INT64 = 2**63

_BAD_TEXT = re.compile(r"[\x00\ud800-\udfff]")
# JSON that has none of these (an escaped character, a long number, an exponent) has nothing that MongoDB cannot hold.
_SUSPECT = (b"\\u", b"0" * 18, b"0E")
_ALL_DIGITS_ALIKE = bytes.maketrans(b"123456789e", b"000000000E")
_TAKES_FILE = "__rujukan_takes_file__"

View = TypeVar("View", bound=Callable[..., Any])


class _FewFields(FormDataParser):
    """Werkzeug's, which bounds the number of parts of a form with files, and not that of other forms' fields."""

    def parse(self, stream: IO[bytes], mimetype: str, *arguments: Any, **more: Any) -> Any:
        """As Werkzeug's. Raises RequestEntityTooLarge, before it has taken anything apart."""
        if mimetype == "application/x-www-form-urlencoded":
            body = stream.read()
            if body.count(b"&") >= MAX_FIELDS:
                raise RequestEntityTooLarge
            stream = io.BytesIO(body)
        return super().parse(stream, mimetype, *arguments, **more)


class InMemory(Request):
    """Keeps what is uploaded in memory: werkzeug would write more than 500 kB of it, plain, into a temporary file.

    How much that can be is bounded by `limit`.
    """

    form_data_parser_class = _FewFields
    max_form_parts = MAX_FIELDS

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        return io.BytesIO()


def takes_file(view: View) -> View:
    """Declares that a view takes a form (multipart/form-data) with a file of at most `files.MAXIMUM_BYTES`."""
    setattr(view, _TAKES_FILE, True)
    return view


def install(app: Flask) -> None:
    """Sets the limits of `app`; `limit` and `check` are called by app.py."""
    app.request_class = InMemory
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = MAX_BODY
    app.json = _StrictJSON(app)


class _StrictJSON(DefaultJSONProvider):
    """Flask's, which takes UTF-8 alone, and no NaN or Infinity. Fields are answered in the order of their schema."""

    sort_keys = False

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """As Flask's. Text is sent as it is, not escaped."""
        made_by: Any = self._app.response_class
        try:
            body = orjson.dumps(self._prepare_response_obj(args, kwargs), self.default, orjson.OPT_PASSTHROUGH_DATETIME)
        except TypeError:  # what only Python's own can write: a key that is no text, half a surrogate pair
            body = self.dumps(self._prepare_response_obj(args, kwargs)).encode()
        answer: Response = made_by(body + b"\n", mimetype=self.mimetype)
        return answer

    def loads(self, s: str | bytes, **options: Any) -> Any:
        """As Flask's. Raises ValueError, RecursionError."""
        if isinstance(s, bytes) and _is_surely_fit(s):
            return orjson.loads(s)
        text = s.decode("utf-8") if isinstance(s, bytes) else s
        return super().loads(text, parse_constant=_refuse_constant, **options)


def limit() -> None:
    """Gives a request to a view that takes a file room for it, before anybody reads its body. Raises Problem 413."""
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    if not _brings_file(asked):
        return
    asked.max_content_length = MAXIMUM_BYTES + AROUND_A_FILE
    if (asked.content_length or 0) > asked.max_content_length:
        raise Problem(413, "file_too_large")


def _brings_file(asked: Request) -> bool:
    if asked.method != "POST" or asked.endpoint is None:
        return False
    view = current_app.view_functions[asked.endpoint]
    view_class = getattr(view, "view_class", None)
    return hasattr(view if view_class is None else getattr(view_class, "post", None), _TAKES_FILE)


def check() -> None:
    """Refuses what no view should have to think of. Raises Problem, or 413 when the body is too large."""
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    if asked.endpoint is None:
        return
    if "\x00" in asked.path or (asked.query_string and _any_bad(asked.args)):
        raise Problem(400, "bad_request")
    if asked.method not in ("POST", "PUT", "PATCH"):
        return
    if _brings_file(asked):
        if asked.mimetype != "multipart/form-data":
            raise Problem(415, "file_expected")
        if _any_bad(asked.form):
            raise Problem(400, "bad_request")
    elif asked.path.startswith("/api/"):
        _check_json(asked)
    elif _any_bad(asked.form):
        raise Problem(400, "bad_request")


def _check_json(asked: Request) -> None:
    body = asked.get_data(cache=True)
    if not body:
        return
    if not asked.is_json:
        raise Problem(415, "unsupported_media_type")
    try:
        document = asked.get_json()  # kept: the view does not read it again
    except RecursionError:
        raise Problem(400, "nested_too_deep") from None
    except BadRequest:  # also broken UTF-8, and a number of more digits than Python converts
        raise Problem(400, "malformed_json") from None
    if not _is_surely_fit(body) and (errors := _unfit(document)):
        problem = Problem(422, "invalid")
        problem.errors = errors
        raise problem


def _any_bad(values: MultiDict[str, str]) -> bool:
    return any(_BAD_TEXT.search(part) for pair in values.items(multi=True) for part in pair)


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _is_surely_fit(body: bytes) -> bool:
    """Whether one look at the text of JSON tells that `_unfit` would find nothing."""
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        return False
    alike = body.translate(_ALL_DIGITS_ALIKE)
    return not any(each in alike for each in _SUSPECT)


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
