"""Where a link leads: its owner sets a password. The page itself knows nothing of the link, whose code is posted."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from services.directory import links, schemas
from services.directory.forms import NewPasswordForm
from services.directory.model import Refused
from shared.access import public
from shared.web import current_foundation, page_url

new_password = Blueprint("new_password", __name__, url_prefix="/new-password")


@new_password.route("", methods=["GET", "POST"])
@public
def set_password() -> ResponseReturnValue:
    form = NewPasswordForm()
    typed = form.facts(schemas.NewPassword()) if request.method == "POST" else None
    if typed is not None:
        try:
            links.use(current_foundation(), typed["code"], typed["password"])
        except links.LinkOver:
            form.refuse({"code": "link_over"})
        except Refused as refused:
            form.refuse(refused.errors)
        else:
            flash(gettext("Your password is set. Sign in with it."), "success")
            return redirect(page_url("/sign-in"), 303)
    return render_template("directory/new_password.html", form=form), 422 if request.method == "POST" else 200
