"""Access at the edge of HTTP: who sends a request, the rule of every view, and the answers to those it refuses.

Every view says its rule with `@requires("action")` or `@public`; a view without one is refused to everybody. Tokens
come from the front door; this module makes none and keeps no session.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Flask, current_app, g, redirect, request
from joserfc.jwk import OKPKey
from werkzeug.wrappers import Response

from shared.access.actor import ANONYMOUS, Actor
from shared.access.rights import Decision, may
from shared.access.tokens import HEADER, TokenError, Verifier

PUBLIC = "public"
#: The attribute by which a view carries its rule; `functools.wraps` copies it, so the order of decorators is free.
ATTRIBUTE = "__rujukan_action__"

# A path of ours in one of our languages; no second host, no backslash, no dot segment, no control character.
_SAFE_NEXT = re.compile(r"/[a-z]{2}(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?(\?[A-Za-z0-9._~%&=+-]*)?")

View = TypeVar("View", bound=Callable[..., Any])


def requires(action: str) -> Callable[[View], View]:
    """Declare the action of rights.yaml that a view carries out. Raises `UnknownAction` at import for one it lacks."""
    may(ANONYMOUS, action)

    def declare(view: View) -> View:
        setattr(view, ATTRIBUTE, action)
        return view

    return declare


def public(view: View) -> View:
    """Declare a view open to everybody, signed in or not."""
    setattr(view, ATTRIBUTE, PUBLIC)
    return view


def declared_action(view: Callable[..., Any], method: str = "GET") -> str | None:
    """The rule of a view for an HTTP method: an action, "public", or None where none was declared."""
    view_class = getattr(view, "view_class", None)
    if view_class is None:
        return getattr(view, ATTRIBUTE, None)
    handler = getattr(view_class, method.lower(), None)
    if handler is None and method == "HEAD":
        handler = getattr(view_class, "get", None)
    return getattr(handler, ATTRIBUTE, None) or getattr(view_class, ATTRIBUTE, None)


def install(app: Flask, public_key: OKPKey) -> None:
    """Make every request of `app` carry a verified actor and obey the rule of its view.

    The rule is checked before a body is read, so that a stranger cannot make us parse one.
    """

    verifier = Verifier(public_key)

    @app.before_request
    def identify_and_check() -> Response | None:
        g.actor = _actor_of_request(verifier)
        return _refusal()

    @app.after_request
    def name_the_scheme(response: Response) -> Response:
        if response.status_code == 401 and "WWW-Authenticate" not in response.headers:
            response.headers["WWW-Authenticate"] = 'Bearer realm="rujukan"'
        return response


def current_actor() -> Actor:
    """The actor of this request; `ANONYMOUS` when nobody is signed in."""
    actor: Actor = g.actor
    return actor


def permit(action: str, record: Mapping[str, Any]) -> Decision:
    """Refuse this request unless its actor may do `action` to `record`, else return the decision.

    A record beyond the actor's scope is answered 404, as one that does not exist would be: the difference would tell
    that it exists. A role without the right at all gets 403.
    """
    from shared.web import Problem

    decision = may(current_actor(), action, record)
    if decision:
        return decision
    if decision.reason == "unauthenticated":
        raise Problem(401, "unauthenticated")
    if decision.reason == "out_of_scope":
        raise Problem(404, "not_found")
    raise Problem(403, "forbidden")


def safe_next(target: str | None) -> str | None:
    """`target` if it is a path of one of our own pages, else None: sign-in must not send people to another site."""
    if target and len(target) <= 500 and _SAFE_NEXT.fullmatch(target):
        return target
    return None


def _actor_of_request(verifier: Verifier) -> Actor:
    token = request.headers.get(HEADER)
    if not token:
        return ANONYMOUS
    try:
        return verifier.verify(token)
    except TokenError:
        return ANONYMOUS


def _refusal() -> Response | None:
    """None if the request may go on, else the redirect to sign-in; raises a Problem for the other refusals."""
    asked = request._get_current_object()  # type: ignore[attr-defined]
    endpoint, method = asked.endpoint, asked.method
    if asked.url_rule is None or endpoint is None or method == "OPTIONS":
        return None  # Flask answers 404, 405 or the list of methods by itself
    action = declared_action(current_app.view_functions[endpoint], method)
    if action == PUBLIC or endpoint == "static" or endpoint.endswith(".static"):
        return None
    decision = None if action is None else may(current_actor(), action)
    if decision:
        return None

    from shared.web import Problem
    from shared.web.language import is_page, language_of_request

    if decision is None or decision.reason != "unauthenticated":
        raise Problem(403, "forbidden")
    if not is_page():
        raise Problem(401, "unauthenticated")
    return _to_sign_in(language_of_request())


def _to_sign_in(language: str) -> Response:
    address = f"/{language}/sign-in"
    # Only a page that can be fetched again is a place to come back to.
    here = safe_next(request.full_path.rstrip("?")) if request.method in ("GET", "HEAD") else None
    if here:
        address += "?" + urlencode({"next": here})
    return redirect(address, 302)
