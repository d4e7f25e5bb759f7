"""The first steps of a new instance: whether it is a demonstration or a real city's, and its first administrator.

An instance is one or the other for good: invented reports beside real ones would be counted as real.
"""

from __future__ import annotations

from marshmallow import ValidationError

from services.directory import commands, store
from services.directory.model import Refused
from services.directory.schemas import PersonFacts
from shared.access import system_actor
from shared.access.passwords import objection
from shared.foundation import Foundation
from shared.mongo import reachable

DEMONSTRATION = "demonstration"
LIVE = "live"
MODES = (DEMONSTRATION, LIVE)

SETUP = system_actor("directory.setup")


class MixedData(Exception):
    """The instance is of the other kind already. The message says what to do."""


def mode(foundation: Foundation) -> str | None:
    """What this instance is: "demonstration", "live", or None when it was never set up."""
    with reachable():
        found = foundation.database[store.INSTANCE].find_one({"_id": "instance"})
    return found["mode"] if found else None


def set_mode(foundation: Foundation, wanted: str) -> None:
    """Make the instance a demonstration or a live one; no effect if it is that already. Raises MixedData."""
    if wanted not in MODES:
        raise ValueError(f"a mode is one of {', '.join(MODES)}")
    with reachable():
        # Of two who set up at the same moment the first decides; the other finds out here.
        first = {"$setOnInsert": {"mode": wanted}}
        foundation.database[store.INSTANCE].update_one({"_id": "instance"}, first, upsert=True)
    if mode(foundation) == wanted:
        return
    if wanted == LIVE:
        raise MixedData("demonstration data are here: start a real city in an empty state directory and database")
    raise MixedData("this is a real city's instance: demonstration data are not loaded into it")


def create_first_administrator(foundation: Foundation, email: str, name: str, password: str) -> str:
    """Make the instance live and open its first administrator's account; returns the account's id.

    Raises Refused (with codes by field) when an administrator is there already or the e-mail, name or password will
    not do, and MixedData on a demonstration.
    """
    try:
        facts = PersonFacts().load({"name": name, "email": email.strip()})
    except ValidationError as error:
        raise Refused(**dict.fromkeys(error.normalized_messages(), "invalid")) from None
    # Asked before anything is written: a refused password must not leave half a set-up behind.
    if reason := objection(password, email, name):
        raise Refused(password=reason)
    with reachable():
        there = foundation.database.accounts.find_one({"role": "administrator", "active": True}, {"_id": 1})
    if there:
        raise Refused(email="administrator_exists")
    set_mode(foundation, LIVE)
    with reachable():
        known = foundation.database.people.find_one({"email_digest": store.email_digest(email)})
    person_id = known["_id"] if known else commands.register_person(foundation, SETUP, facts)["id"]
    account = {"person_id": person_id, "role": "administrator", "password": password}
    return str(commands.open_account(foundation, SETUP, account)["id"])
