"""`Problem`: the one way to refuse a request, and its form on the wire (problem+json, RFC 9457).

Pages show the same words in the layout (errors.py). No text of an exception ever reaches an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from flask import Response, current_app, g, request
from flask_babel import gettext

from shared.web.language import N_
from shared.web.validation_messages import translate

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:rujukan:problem:"
#: Field names and unknown keys come from the sender: never repeat more than this of them.
LONGEST_FIELD = 200
MOST_ERRORS = 100

# code -> (title, what to do). A code that is not here takes the words of its status.
_WORDS: dict[str, tuple[str, str]] = {
    "version_conflict": (
        N_("Somebody else changed this in the meantime"),
        N_("Open it again, look at what changed, and repeat your change."),
    ),
    "key_reused": (
        N_("This Idempotency-Key was used for another request"),
        N_("Use a new key for a new request. Repeat a request only with the same body."),
    ),
    "csrf": (
        N_("We could not check where this form came from"),
        N_("Go back, open the page again and send the form once more."),
    ),
    "foreign_origin": (
        N_("This request came from another site"),
        N_("Open the page on this site and send the form from there."),
    ),
    "malformed_json": (N_("The body is not well-formed JSON"), N_("Send one JSON document in UTF-8.")),
    "nested_too_deep": (N_("The JSON is nested too deep"), N_("Send a document with fewer levels.")),
    "file_too_large": (N_("This file is too large"), N_("Send a file of at most 10 MB.")),
    "file_expected": (N_("A file was expected"), N_("Send a form (multipart/form-data) with the file in it.")),
    "file_damaged": (
        N_("This file cannot be opened"),
        N_("What is kept is not what was stored. Tell the office that runs this service: a backup may have it."),
    ),
    "invalid": (
        N_("Some of what was sent cannot be accepted"),
        N_("Correct the fields that are named and send again."),
    ),
}

_STATUS_WORDS: dict[int, tuple[str, str]] = {
    400: (N_("We did not understand this request"), N_("Check the address and what was sent, then try again.")),
    401: (N_("Sign in first"), N_("Sign in and try again.")),
    403: (N_("You may not do this"), N_("Ask your supervisor if you need it for your work.")),
    404: (N_("Not found"), N_("Check the address. What you look for may have moved, or may not be yours to see.")),
    405: (N_("This cannot be done here"), N_("Go back and use the buttons on the page.")),
    409: (N_("This does not fit with what is there now"), N_("Open it again and repeat your change.")),
    412: (N_("Somebody else changed this in the meantime"), N_("Open it again and repeat your change.")),
    413: (N_("This is too large"), N_("Send less at once.")),
    415: (N_("This kind of content is not accepted here"), N_("Send JSON with Content-Type application/json.")),
    422: (N_("Some of what was sent cannot be accepted"), N_("Correct the fields that are named and send again.")),
    428: (N_("Say which version you are changing"), N_("Read it first, then send If-Match with the ETag it had.")),
    429: (N_("Too many attempts"), N_("Wait a while and try again.")),
    500: (N_("Something went wrong on our side"), N_("Nothing you typed was wrong. Try again in a few minutes.")),
    503: (N_("The service is not available right now"), N_("Try again in a moment. What was confirmed is safe.")),
}


class Problem(Exception):
    """Refuses a request.

    `status` is an HTTP status, `code` a stable name in snake_case for programs, `errors` maps fields
    ("children.0.sex", or nested mappings) to lists of messages, `detail` replaces the usual advice, `extra` adds
    members to the JSON (never a name, never free text), `headers` are added to the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        errors: Mapping[Any, Any] | None = None,
        *,
        detail: str | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.errors = flatten(_undotted(errors)) if errors else []
        self.detail = detail
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    @property
    def title(self) -> str:
        """What happened, in the language of the request."""
        return gettext(self._words()[0])

    @property
    def advice(self) -> str:
        """What to do, in the language of the request."""
        return self.detail if self.detail is not None else gettext(self._words()[1])

    def _words(self) -> tuple[str, str]:
        known = _WORDS.get(self.code) or _STATUS_WORDS.get(self.status)
        return known or _STATUS_WORDS[400 if self.status < 500 else 500]

    def response(self) -> Response:
        """The problem+json answer."""
        body: dict[str, Any] = {
            "type": TYPE_PREFIX + self.code.replace("_", "-"),
            "title": self.title,
            "status": self.status,
            "detail": self.advice,
            "instance": f"urn:rujukan:request:{g.get('request_id', '')}",
        }
        if self.errors:
            body["errors"] = [{**error, "message": translate(error["message"])} for error in self.errors[:MOST_ERRORS]]
        body.update(self.extra)
        answer: Response = current_app.response_class(
            current_app.json.dumps(body), status=self.status, mimetype=MEDIA_TYPE
        )
        answer.headers.extend(self.headers)
        return answer


def code_of_status(status: int) -> str:
    """The usual code of a status: 404 -> "not_found"."""
    try:
        return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")
    except ValueError:
        return "error"


def flatten(errors: Any, path: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """marshmallow's nested errors as a list of `{pointer, field, message}`, in order.

    `{"children": {0: {"sex": ["Required."]}}}` gives pointer "/children/0/sex" (RFC 6901) and field "children.0.sex".
    """
    if isinstance(errors, Mapping):
        found: list[dict[str, str]] = []
        for key, value in errors.items():
            # marshmallow files what concerns a whole object under "_schema".
            found += flatten(value, path if key == "_schema" else (*path, str(key)[:LONGEST_FIELD]))
        return found
    if isinstance(errors, Sequence) and not isinstance(errors, str):
        return [error for each in errors for error in flatten(each, path)]
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
    return [{"pointer": pointer, "field": ".".join(path), "message": str(errors)}]


def wants_etag() -> bool:
    """Whether the sender named the version it knows (If-Match)."""
    return "If-Match" in request.headers


def _undotted(errors: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Our own code names a nested field "children.0.sex"; gives it marshmallow's nested form."""
    nested: dict[Any, Any] = {}
    for key, value in errors.items():
        parts = key.split(".") if isinstance(key, str) else [key]
        for part in reversed(parts[1:]):
            value = {part: value}
        if isinstance(nested.get(parts[0]), dict) and isinstance(value, Mapping):
            _merge(nested[parts[0]], value)
        else:
            nested[parts[0]] = value
    return nested


def _merge(into: dict[Any, Any], more: Mapping[Any, Any]) -> None:
    for key, value in more.items():
        if isinstance(into.get(key), dict) and isinstance(value, Mapping):
            _merge(into[key], value)
        else:
            into[key] = value
