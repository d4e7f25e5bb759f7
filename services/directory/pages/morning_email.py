"""One's own choice of the e-mail of the morning: its language, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from services.directory import schemas
from services.directory.forms import MorningEmailForm, filled
from services.directory.morning import wishes
from services.directory.pages.parts import form_page
from shared.access import current_actor, requires
from shared.journal import Command
from shared.web import current_foundation

morning_email = Blueprint("morning_email", __name__, url_prefix="/morning-email")


@morning_email.route("", methods=["GET", "POST"])
@requires("morning_email.choose")
def choose() -> ResponseReturnValue:
    foundation, actor = current_foundation(), current_actor()
    form = filled(MorningEmailForm, {"wish": wishes.wish(foundation, actor.id), "version": 0})

    def save(facts: Mapping[str, Any], _: Command | None) -> str:
        wishes.choose(foundation, actor.id, facts["wish"])
        return "/morning-email"

    caption = "" if foundation.settings.mail else gettext("This office sends no e-mail yet.")
    return form_page(
        form, schemas.MorningWish(), save, title=gettext("E-mail of the morning"), back="/", caption=caption
    )
