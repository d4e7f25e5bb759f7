"""Every failure becomes an answer that says what to do: problem+json for JSON, a page in the layout for pages.

Nothing of an exception's text is shown or logged: a driver's message may quote a value.
"""

from __future__ import annotations

import traceback

import structlog
from flask import Flask, Response, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from pymongo.errors import PyMongoError
from werkzeug.exceptions import HTTPException

from shared import journal
from shared.mongo import is_unreachable
from shared.web.language import is_page
from shared.web.problem import Problem, code_of_status, flatten, wants_etag

RETRY_AFTER = 5
_KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")

log = structlog.get_logger(__name__)


def install(app: Flask) -> None:
    """Registers the handlers on `app`. Flask's debug pages and flask-smorest's own format are replaced by them."""
    app.register_error_handler(Problem, answer)
    app.register_error_handler(CSRFError, lambda error: answer(Problem(403, "csrf")))
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(journal.VersionConflict, _version_conflict)
    app.register_error_handler(journal.KeyReused, lambda error: answer(Problem(422, "key_reused")))
    app.register_error_handler(journal.Duplicate, lambda error: answer(Problem(409, "already_exists")))
    app.register_error_handler(journal.Mismatch, lambda error: answer(Problem(409, "version_conflict")))
    app.register_error_handler(journal.Unavailable, lambda error: answer(_unavailable(error.retry_after)))
    app.register_error_handler(PyMongoError, _mongo)
    app.register_error_handler(Exception, _unexpected)


def answer(problem: Problem) -> ResponseReturnValue:
    """The answer to a problem: a page for a page, problem+json for everything else."""
    if not is_page():
        return problem.response()
    try:
        body = render_template("web/error.html", problem=problem, request_id=g.get("request_id", ""))
        response = make_response(body, problem.status)
    except Exception as error:  # noqa: BLE001 (the last page there is must not fail as well)
        log.error("error_page_failed", **describe(error))
        response = Response(
            f"{problem.status} {problem.title}\n{problem.advice}\n", problem.status, mimetype="text/plain"
        )
    response.headers.extend(problem.headers)
    return response


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    status = error.code or 500
    if status < 400:
        return error  # a redirect
    data = getattr(error, "data", None) or {}
    headers = {name: value for name, value in error.get_headers() if name in _KEPT_HEADERS}
    headers.update(data.get("headers") or {})
    # webargs and flask-smorest carry what marshmallow found here, under the place it was found in.
    found = data.get("messages") or data.get("errors") or {}
    if status == 422:
        return answer(_invalid(found, headers))
    return answer(Problem(status, code_of_status(status), headers=headers))


def _invalid(found: dict, headers: dict[str, str]) -> Problem:
    problem = Problem(422, "invalid", headers=headers)
    for place, errors in found.items():
        if place in ("json", "form", "files"):
            problem.errors += flatten(errors)
        elif place in ("query", "querystring", "headers", "path", "view_args", "cookies"):
            # Not in the body: a JSON pointer would point nowhere.
            problem.errors += [
                {"field": error["field"], "in": place.replace("querystring", "query"), "message": error["message"]}
                for error in flatten(errors)
            ]
        else:
            problem.errors += flatten({place: errors})
    return problem


def _version_conflict(error: journal.VersionConflict) -> ResponseReturnValue:
    status = 412 if wants_etag() else 409
    extra = {} if error.current is None else {"current_version": error.current}
    return answer(Problem(status, "version_conflict", extra=extra))


def _unavailable(retry_after: int = RETRY_AFTER) -> Problem:
    return Problem(503, "service_unavailable", headers={"Retry-After": str(retry_after)})


def _mongo(error: PyMongoError) -> ResponseReturnValue:
    if is_unreachable(error) or error.timeout:
        log.warning("database_unreachable", error_type=type(error).__name__)
        return answer(_unavailable())
    return _unexpected(error)


def _unexpected(error: Exception) -> ResponseReturnValue:
    log.error("unexpected_error", endpoint=request.endpoint, method=request.method, **describe(error))
    return answer(Problem(500, "internal_server_error"))


def describe(error: BaseException) -> dict[str, object]:
    """What may be logged of an exception: its type and the places it passed, never its text."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return {
        "error_type": f"{type(error).__module__}.{type(error).__qualname__}",
        "where": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
