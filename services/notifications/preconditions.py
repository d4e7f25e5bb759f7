"""The request headers by which a sender says what it relies on: If-Match, and Idempotency-Key.

It checks their form and nothing else: whether a version is the current one, and whether a key was used before, the
journal knows.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re

from flask import request

from shared.access import current_actor
from shared.journal import Command
from shared.web import Problem, current_foundation
from shared.web.language import N_

_ETAG = re.compile(r'"([1-9][0-9]{0,8})"')
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def expected_version(*, required: bool) -> int | None:
    """The version that If-Match names (`"3"`), None where there is none and it is not `required`.

    Raises Problem 428 if it is missing (RFC 6585), 422 if it is no version.
    """
    header = request.headers.get("If-Match")
    if header is None:
        if required:
            raise Problem(428, "version_needed", {"If-Match": [N_("Send the ETag of the version that you change.")]})
        return None
    found = _ETAG.fullmatch(header.strip())
    if found is None:
        raise Problem(422, "invalid", {"If-Match": [N_("Send the ETag of the version that you change.")]})
    return int(found[1])


def command() -> Command | None:
    """The command that this request's Idempotency-Key makes of it; None without one. Raises Problem 422."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise Problem(422, "invalid", {"Idempotency-Key": [N_("Use 1 to 200 visible ASCII characters.")]})
    body = json.dumps(request.get_json(silent=True), sort_keys=True)
    return command_of(key, f"{request.method} {request.path} {body}")


def command_of(key: str, content: str) -> Command:
    """A command of the current actor with a key of ours, for a form that may be sent twice."""
    secret = current_foundation().settings.secret_key.encode()
    fingerprint = hmac.new(secret, content.encode(), hashlib.sha256).hexdigest()
    return Command(caller=current_actor().id, key=key, fingerprint=fingerprint)
