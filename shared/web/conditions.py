"""What a request says besides its body: the version it knows (If-Match) and that it may come twice (Idempotency-Key).

It checks their form; whether a version is the current one, and whether a key was used before, the journal knows.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from flask import request
from flask_babel import gettext

from shared.access import current_actor
from shared.journal import Command
from shared.web.problem import Problem

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
IDEMPOTENCY_KEY_REQUIRED: dict[str, Any] = {**IDEMPOTENCY_KEY, "required": True}


def etag(version: int) -> dict[str, str]:
    """The header that carries a version."""
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


def command(secret: str, *, required: bool = False) -> Command | None:
    """The command of this request if it has an Idempotency-Key, else None. `secret` keys the fingerprint of its body.

    Raises Problem 400 for an unfit key, and for none where one is `required`.
    """
    key = required_key() if required else request.headers.get("Idempotency-Key")
    return None if key is None else command_of(secret, key, request.get_data(cache=True))


def required_key() -> str:
    """The Idempotency-Key of this request. Raises Problem 400 for none."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        message = gettext("Send a key of your own, so that a repeated request is carried out once.")
        raise Problem(400, "bad_request", errors={"Idempotency-Key": [message]})
    return key


def command_of(secret: str, key: str, content: bytes | Mapping[str, Any]) -> Command:
    """The command with this key and content, sent to this address by this actor. Raises Problem 400.

    The fingerprint is keyed: a plain hash of a report would be a guessable identity.
    """
    if not _KEY.fullmatch(key):
        message = gettext("Use 1 to 100 letters, digits or signs without spaces.")
        raise Problem(400, "bad_request", errors={"Idempotency-Key": [message]})
    if not isinstance(content, bytes):
        content = json.dumps(content, sort_keys=True, default=str).encode()
    whole = b"\n".join((request.method.encode(), request.path.encode(), content))
    # (Not `hmac.digest`: it lets other threads go first, however short the text, and waits for its turn again.)
    return Command(current_actor().id, key, hmac.new(secret.encode(), whole, "sha256").hexdigest())
