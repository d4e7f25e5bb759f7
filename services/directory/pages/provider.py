"""Signing in by the office's own provider: the way there, the way back, and the page for whom nobody here knows.

The way there is a link and no form: a browser would hold a form's redirect to another site against our policy. The way
back only leads on, to a page in the language that the sign-in was begun in.
"""

from __future__ import annotations

from flask import Blueprint, current_app, flash, g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from services.directory import provider_sign_in, sessions, signing_in
from services.directory.pages.second_step import lead_on, signed_in
from services.directory.provider import NotProved, Provider, ProviderAway
from shared.access import public
from shared.access.web import safe_next
from shared.web import Problem, current_foundation, page_url
from shared.web.language import known_languages, language_of_request

provider = Blueprint("provider", __name__, url_prefix="/sign-in")
#: Without a language in its path; registered beside the pages.
callback = Blueprint("provider_callback", __name__)

#: The secret of a sign-in that waits for the provider. It stands for nobody, and is good for ten minutes.
COOKIE = "__Host-rujukan-provider"
#: The provider among the extensions of directory's application; None where none is set.
PROVIDER = "rujukan.provider"
#: Characters; no provider's code is near it.
LONGEST = 4096


def configured() -> Provider | None:
    """The provider of this instance, if it has one."""
    found: Provider | None = current_app.extensions[PROVIDER]
    return found


@provider.get("/provider")
@public
def leave_for_provider() -> ResponseReturnValue:
    target = safe_next(request.args.get("next")) or page_url("/")
    used = _needed()
    try:
        begun = provider_sign_in.begin(current_foundation(), used, target, language_of_request())
    except ProviderAway:
        return _away(used)
    answer = redirect(begun.address, 303)
    seconds = int(provider_sign_in.FLOW_LASTS.total_seconds())
    answer.set_cookie(COOKIE, begun.token, max_age=seconds, secure=True, httponly=True, samesite="Lax", path="/")
    return answer


@callback.get(provider_sign_in.CALLBACK)
@public
def return_from_provider() -> ResponseReturnValue:
    used, foundation = _needed(), current_foundation()
    try:
        flow = provider_sign_in.take(foundation, request.cookies.get(COOKIE, "")[: sessions.LONGEST_TOKEN])
        if flow.language in known_languages():
            g.language = flow.language
        if "error" in request.args:
            raise NotProved("refused_there")
        begun = provider_sign_in.finish(
            foundation,
            used,
            flow,
            request.args.get("state", "")[:LONGEST],
            request.args.get("code", "")[:LONGEST],
            previous=request.cookies.get(sessions.COOKIE),
            user_agent=request.user_agent.string,
        )
    except signing_in.SecondFactorNeeded as needed:
        answer = lead_on(needed, flow.target)
    except provider_sign_in.NobodyHere:
        answer = redirect(page_url("/sign-in/no-account"), 303)
    except ProviderAway:
        return _away(used)
    except (provider_sign_in.FlowOver, NotProved):
        flash(gettext("Signing in with %(provider)s was not finished. Begin again.", provider=used.name), "warning")
        answer = redirect(page_url("/sign-in"), 303)
    else:
        answer = signed_in(redirect(safe_next(flow.target) or page_url("/"), 303), begun)
    answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Lax", path="/")
    return answer


@provider.get("/no-account")
@public
def no_account() -> ResponseReturnValue:
    return render_template("directory/no_account.html", provider=_needed().name), 403


def _needed() -> Provider:
    found = configured()
    if found is None:
        raise Problem(404, "not_found")
    return found


def _away(used: Provider) -> ResponseReturnValue:
    text = gettext(
        "%(provider)s does not answer now. Sign in with your password, or try again later.", provider=used.name
    )
    flash(text, "warning")
    return redirect(page_url("/sign-in"), 303)
