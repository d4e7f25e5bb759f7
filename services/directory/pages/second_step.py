"""The second step of signing in: the code of an account that has a second factor, or setting one up where it is needed.

Whoever comes here has given the right password or was signed in by the provider. The browser proves it by a cookie that
is good for these pages only.
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.wrappers import Response

from services.directory import second_factor, sessions, signing_in
from services.directory.forms import CodeForm
from services.directory.pages.second_factor import codes_page, refused, set_up_page
from services.directory.throttle import TooManyAttempts
from shared.access import public
from shared.access.web import safe_next
from shared.web import current_foundation, page_url

second_step = Blueprint("second_step", __name__, url_prefix="/sign-in")

#: The challenge's secret in a browser.
COOKIE = "__Host-rujukan-challenge"
LONGEST = 200


def lead_on(needed: signing_in.SecondFactorNeeded, target: str | None) -> Response:
    """From the first step to the second, and from there to `target`, as the address named it."""
    session.clear()
    answer = redirect(_with_next("/sign-in/set-up" if needed.set_up else "/sign-in/second-factor", target), 303)
    answer.set_cookie(COOKIE, needed.challenge, secure=True, httponly=True, samesite="Lax", path="/")
    return answer


def signed_in(answer: Response, begun: sessions.SignedIn) -> Response:
    """Gives the browser its session. What was bound to the visitor before (the CSRF token) does not carry over."""
    session.clear()
    answer.set_cookie(sessions.COOKIE, begun.token, secure=True, httponly=True, samesite="Lax", path="/")
    if COOKIE in request.cookies:
        answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Lax", path="/")
    return answer


@second_step.route("/second-factor", methods=["GET", "POST"])
@public
def ask_code() -> ResponseReturnValue:
    form, foundation, challenge = CodeForm(), current_foundation(), _challenge()
    status, headers = 200, dict[str, str]()
    try:
        signing_in.challenged(foundation, challenge, set_up=False)
        if request.method == "POST" and form.validate_on_submit():
            begun = signing_in.answer(
                foundation,
                challenge,
                str(form.code.data),
                request.remote_addr or "",
                previous=request.cookies.get(sessions.COOKIE),
            )
            return signed_in(redirect(_target(), 303), begun)
        status = 422 if request.method == "POST" else 200
    except signing_in.ChallengeOver:
        return _begin_again()
    except (second_factor.WrongCode, TooManyAttempts) as error:
        status, headers = refused(form, error)
    return render_template("directory/second_step.html", form=form), status, headers


@second_step.route("/set-up", methods=["GET", "POST"])
@public
def set_up() -> ResponseReturnValue:
    form, foundation, challenge = CodeForm(), current_foundation(), _challenge()
    status, headers = 200, dict[str, str]()
    try:
        _, account = signing_in.challenged(foundation, challenge, set_up=True)
        actor = signing_in.actor_of(account)
        if second_factor.proposed(foundation, actor.id, actor.name) is None:
            second_factor.propose(foundation, actor.id)
        elif request.method == "POST" and form.validate_on_submit():
            previous = request.cookies.get(sessions.COOKIE)
            begun, codes = signing_in.set_up(foundation, challenge, str(form.code.data), previous=previous)
            return signed_in(Response(codes_page(codes, _target()), mimetype="text/html"), begun)
        status = 422 if request.method == "POST" else 200
    except signing_in.ChallengeOver:
        return _begin_again()
    except second_factor.WrongCode as error:
        status, headers = refused(form, error)
    page = set_up_page(form, actor, page_url("/sign-in"), action=request.full_path.rstrip("?"))
    return (page, status, headers) if isinstance(page, str) else page


def _challenge() -> str:
    return request.cookies.get(COOKIE, "")[:LONGEST]


def _target() -> str:
    return safe_next(request.args.get("next")) or page_url("/")


def _with_next(path: str, wanted: str | None) -> str:
    target = safe_next(wanted)
    return page_url(path) + ("?" + urlencode({"next": target}) if target else "")


def _begin_again() -> ResponseReturnValue:
    flash(gettext("This sign-in took too long or is finished. Begin again."), "warning")
    return redirect(page_url("/sign-in"), 303)
