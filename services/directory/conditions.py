"""What a JSON request says besides its body: the version it knows (If-Match) and that it may come twice
(Idempotency-Key). It decides nothing about the entry itself.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

from flask import request
from flask_babel import gettext

from shared.access import current_actor
from shared.journal import Command
from shared.web import Problem, current_foundation

_ETAG = re.compile(r'"?([0-9]{1,9})"?')
_KEY = re.compile(r"[\x21-\x7e]{1,100}")

#: For the OpenAPI document.
IF_MATCH: dict[str, Any] = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "The ETag of the version that you know.",
    "schema": {"type": "string", "pattern": '^"?[0-9]{1,9}"?$'},
}
IDEMPOTENCY_KEY: dict[str, Any] = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "A key of your own. The same request with the same key is carried out once.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,100}$"},
}


def etag(version: int) -> dict[str, str]:
    """The header that carries an entry's version."""
    return {"ETag": f'"{version}"'}


def expected_version() -> int:
    """The version in If-Match. Raises Problem 428 without one, 400 for one that is no version of ours."""
    given = request.headers.get("If-Match")
    if given is None:
        raise Problem(428, "precondition_required", detail=gettext("Send If-Match with the ETag that you read."))
    found = _ETAG.fullmatch(given.strip())
    if found is None:
        raise Problem(400, "bad_request", errors={"If-Match": [gettext("Send the ETag as you read it.")]})
    return int(found.group(1))


def command() -> Command | None:
    """The command of this request if it has an Idempotency-Key, else None. Raises Problem 400 for an unfit key."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        message = gettext("Use 1 to 100 letters, digits or signs without spaces.")
        raise Problem(400, "bad_request", errors={"Idempotency-Key": [message]})
    return Command(current_actor().id, key, _fingerprint(request.get_data(cache=True)))


def command_of_form(request_key: str) -> Command | None:
    """The command of a page's form, so that a second click on its button changes nothing.

    The fingerprint is part of the key: going back and sending something else is another command, and no mistake.
    """
    if not _KEY.fullmatch(request_key):
        return None
    sent = sorted((name, value) for name, value in request.form.items(multi=True) if name != "csrf_token")
    fingerprint = _fingerprint(repr(sent).encode())
    return Command(current_actor().id, f"{request_key}-{fingerprint}", fingerprint)


def _fingerprint(body: bytes) -> str:
    """A keyed hash of the request: a plain one could be guessed back into what was sent."""
    whole = b"\n".join((request.method.encode(), request.path.encode(), body))
    return hmac.new(current_foundation().settings.secret_key.encode(), whole, hashlib.sha256).hexdigest()
