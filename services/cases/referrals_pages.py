"""The pages of referrals: an agency's queue, a referral with the answers that can be given to it, and who is meant."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from services.cases import command_pages, commands, definitions, lateness, records, rows, store, words
from services.cases.engine.state import OPEN
from shared.access import current_actor, may, requires
from shared.vault import NotHeld
from shared.web import PAGE_SIZE, Page, current_foundation, page_number

blueprint = Blueprint("referrals", __name__, url_prefix="/referrals")


@blueprint.get("")
@requires("referral.read")
def index() -> ResponseReturnValue:
    """The queue: what is open, or with `ended` what is over."""
    foundation = current_foundation()
    ended = request.args.get("ended") == "yes"
    own = records.own_agency("referral.read")
    number, now = page_number(), foundation.clock()
    found, total = store.referrals(foundation.database, number, PAGE_SIZE, {"agency_id": own, "open": not ended})
    return render_template(
        "cases/referrals.html",
        page=Page(found, number, total),
        rows=rows.of_referrals(found),
        ended=ended,
        clock=lateness.look(foundation.database, now),
        now=now,
    )


@blueprint.get("/<referral_id>")
@requires("referral.read")
def show(referral_id: str) -> ResponseReturnValue:
    """A referral without identities."""
    return _page(records.referral(referral_id, "referral.read"))


@blueprint.route("/<referral_id>/commands/<command>", methods=["GET", "POST"])
@requires("referral.answer")
def give(referral_id: str, command: str) -> ResponseReturnValue:
    """An answer to the referral: its form, and what came of it."""
    found = records.referral(referral_id, "referral.answer")
    foundation, actor = current_foundation(), current_actor()
    asked = command_pages.Asked(
        command,
        found["_id"],
        records.known_to_agency(found),
        found["version"],
        records.possible_on_referral(found),
        url_for(".show", referral_id=found["_id"]),
        lambda version, order, sent: commands.answer(foundation, actor, found, version, order, sent),
    )
    return command_pages.give(asked, request.method == "POST")


@blueprint.post("/<referral_id>/identities")
@requires("referral.read_identity")
def identities(referral_id: str) -> ResponseReturnValue:
    """A referral with what it tells of the child; the reading is audited before it is shown."""
    found = records.referral(referral_id, "referral.read_identity")
    try:
        opened = records.referred(found, "referral_page")
    except NotHeld:
        flash(_("What identifies the people in this case was erased."))
        return redirect(url_for(".show", referral_id=referral_id), 303)
    return _page(found, opened)


def _page(found: dict[str, Any], opened: Any = None) -> str:
    foundation, actor = current_foundation(), current_actor()
    now = foundation.clock()
    answers = bool(may(actor, "referral.answer", found))
    possible = records.possible_on_referral(found) if answers and found["state"] in OPEN else []
    return render_template(
        "cases/referral.html",
        **words.of(definitions.of(found["workflow"])),
        referral=found,
        shown=records.known_to_agency(found),
        possible=[each for each in possible if each.now],
        mine=found["claimed_by"] == actor.id,
        identities=opened,
        may_open=bool(may(actor, "referral.read_identity", found)) and found["state"] in records.GIVES_SERVICE,
        may_see_case=bool(may(actor, "case.read")),
        clock=lateness.look(foundation.database, now),
        now=now,
    )
