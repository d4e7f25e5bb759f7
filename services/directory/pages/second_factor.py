"""One's own second factor: turning it on and off, new recovery codes. The second step of signing in is in front.py."""

from __future__ import annotations

from collections.abc import Callable

import segno
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from markupsafe import Markup

from services.directory import second_factor as factor
from services.directory import sessions
from services.directory.forms import CodeForm
from services.directory.pages.parts import leave
from services.directory.texts import WRONG_CODE
from services.directory.throttle import TooManyAttempts
from shared.access import Actor, current_actor, requires
from shared.web import current_foundation, page_url

second_factor = Blueprint("second_factor", __name__, url_prefix="/second-factor")


@second_factor.get("")
@requires("second_factor.manage")
def show() -> ResponseReturnValue:
    foundation, actor = current_foundation(), current_actor()
    return render_template(
        "directory/second_factor.html",
        on=factor.is_on(foundation, actor.id),
        left=factor.recovery_codes_left(foundation, actor.id),
    )


@second_factor.post("")
@requires("second_factor.manage")
def start() -> ResponseReturnValue:
    foundation, actor = current_foundation(), current_actor()
    if factor.is_on(foundation, actor.id):
        return redirect(page_url("/second-factor"), 303)
    factor.propose(foundation, actor.id)
    return redirect(page_url("/second-factor/set-up"), 303)


@second_factor.route("/set-up", methods=["GET", "POST"])
@requires("second_factor.manage")
def set_up() -> ResponseReturnValue:
    foundation, actor = current_foundation(), current_actor()
    form = CodeForm()

    def finish(code: str) -> ResponseReturnValue:
        codes = factor.confirm(foundation, actor, code)
        sessions.only_this_session(foundation, actor)
        return codes_page(codes, page_url("/second-factor"))

    return _with_code(form, finish, lambda: set_up_page(form, actor, page_url("/second-factor")))


@second_factor.route("/recovery-codes", methods=["GET", "POST"])
@requires("second_factor.manage")
def renew() -> ResponseReturnValue:
    form = CodeForm()

    def finish(code: str) -> ResponseReturnValue:
        codes = factor.renew_recovery_codes(current_foundation(), current_actor(), code, request.remote_addr or "")
        return codes_page(codes, page_url("/second-factor"))

    title, text = gettext("New recovery codes"), gettext("The earlier recovery codes are good for nothing then.")
    return _with_code(form, finish, lambda: _confirm_page(form, title, text))


@second_factor.route("/off", methods=["GET", "POST"])
@requires("second_factor.manage")
def turn_off() -> ResponseReturnValue:
    form = CodeForm()

    def finish(code: str) -> ResponseReturnValue:
        foundation, actor = current_foundation(), current_actor()
        factor.check(foundation, actor.id, code, request.remote_addr or "")
        factor.remove(foundation, actor, actor.id)
        sessions.sign_out_everywhere(foundation, actor, actor.id)
        return leave(gettext("The second factor is off. Sign in again."))

    title = gettext("Turn the second factor off")
    text = gettext("You are signed out everywhere. Do this also before you change to another telephone.")
    return _with_code(form, finish, lambda: _confirm_page(form, title, text))


def set_up_page(form: CodeForm, actor: Actor, start_again: str, action: str = "") -> ResponseReturnValue:
    """The page with the QR code of the secret that waits, and a field for the first code."""
    proposal = factor.proposed(current_foundation(), actor.id, actor.name)
    if proposal is None:
        return redirect(start_again, 303)
    drawing = segno.make(proposal.address, error="m").svg_inline(
        scale=5, border=4, light="#fff", svgclass=None, lineclass=None
    )
    secret = " ".join(proposal.secret[start : start + 4] for start in range(0, len(proposal.secret), 4))
    return render_template(
        "directory/second_factor_set_up.html",
        form=form,
        action=action,
        drawing=Markup(drawing),  # noqa: S704 (drawn by us)
        secret=secret,
    )


def codes_page(codes: list[str], onward: str) -> str:
    """The page that shows the recovery codes, once."""
    return render_template("directory/recovery_codes.html", codes=codes, onward=onward)


def refused(form: CodeForm, error: Exception) -> tuple[int, dict[str, str]]:
    """Says at the field why a code was not taken; returns the status and the headers of the page."""
    if isinstance(error, TooManyAttempts):
        minutes = -(-error.retry_after // 60)
        form.code.errors = [gettext("Too many wrong attempts. Try again in %(minutes)s minutes.", minutes=minutes)]
        return 429, {"Retry-After": str(error.retry_after)}
    form.code.errors = [gettext(WRONG_CODE)]
    return 422, {}


def _with_code(
    form: CodeForm, finish: Callable[[str], ResponseReturnValue], page: Callable[[], ResponseReturnValue]
) -> ResponseReturnValue:
    """`finish` with the code that was sent, or `page` to ask for one (again)."""
    if request.method != "POST":
        return page()
    if not form.validate_on_submit():
        return _answer(page(), 422, {})
    try:
        return finish(str(form.code.data))
    except (factor.WrongCode, TooManyAttempts) as error:
        status, headers = refused(form, error)
        return _answer(page(), status, headers)


def _answer(page: ResponseReturnValue, status: int, headers: dict[str, str]) -> ResponseReturnValue:
    # A redirect to the beginning stays what it is.
    return (page, status, headers) if isinstance(page, str) else page


def _confirm_page(form: CodeForm, title: str, text: str) -> ResponseReturnValue:
    foundation, actor = current_foundation(), current_actor()
    if not factor.is_on(foundation, actor.id):
        return redirect(page_url("/second-factor"), 303)
    return render_template("directory/second_factor_confirm.html", form=form, title=title, text=text)
