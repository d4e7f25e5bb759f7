"""The writes of directory: each is one unit of work, state and event together.

Input has been validated by a schema; who may do it has been decided by the view. Raises `Refused` for what a rule
forbids, `NotFound`, `VersionConflict` when another writer was first, and what the journal raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.directory import model
from services.directory.model import Refused
from services.directory.remembered import forgets
from services.directory.store import COLLECTIONS, INSTANCE, LINKS, Entry, email_digest
from shared.access import Actor
from shared.access.passwords import hash_password, objection
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Command, Duplicate, Unit, VersionConflict


class NotFound(LookupError):
    """There is no entry with this id."""


def register(
    foundation: Foundation,
    actor: Actor,
    thing: str,
    facts: Mapping[str, Any],
    command: Command | None = None,
    identifier: str | None = None,
) -> Mapping[str, Any]:
    """Add an agency or a company (`thing`). Returns its `id` and `version`."""

    entry_id = identifier or new_id(thing)

    def work(unit: Unit) -> dict[str, Any]:
        entry = model.complete(thing, {"_id": entry_id, "version": 1, "demonstration": False, **facts})
        if thing == "agency":
            model.check_agency(entry)
        _write(unit, foundation, thing, None, entry, model.registered(thing, entry))
        return {"id": entry_id, "version": 1}

    return foundation.journal.run(work, command=command, actor=actor)


def change(
    foundation: Foundation,
    actor: Actor,
    thing: str,
    entry_id: str,
    expected_version: int,
    changes: Mapping[str, Any],
    command: Command | None = None,
) -> Mapping[str, Any]:
    """Change fields of an agency or a company. Returns its `id` and new `version`."""

    def work(unit: Unit) -> dict[str, Any]:
        before = _read(unit, foundation, thing, entry_id, expected_version)
        after = {**model.complete(thing, before), **changes, "version": before["version"] + 1}
        if thing == "agency":
            model.check_agency(after)
            if before["active"] and not after["active"]:
                _check_no_accounts(unit, foundation, entry_id)
        _write(unit, foundation, thing, before, after, model.changed(thing, after))
        return {"id": entry_id, "version": after["version"]}

    return foundation.journal.run(work, command=command, actor=actor)


def register_person(
    foundation: Foundation,
    actor: Actor,
    facts: Mapping[str, Any],
    command: Command | None = None,
    identifier: str | None = None,
) -> Mapping[str, Any]:
    """Add a member of staff: `name`, `email`, `agency_id`. Returns `id` and `version`."""

    # Not person-...: that is a child or an adult in a report, whose name lies sealed in the vault.
    person_id = identifier or new_id("staff")

    def work(unit: Unit) -> dict[str, Any]:
        _check_agency(unit, foundation, facts.get("agency_id"))
        entry = {"_id": person_id, "version": 1, "demonstration": False, **facts}
        entry["email_digest"] = email_digest(entry["email"])
        _write(unit, foundation, "person", None, entry, None)
        return {"id": person_id, "version": 1}

    return _unique_email(lambda: foundation.journal.run(work, command=command, actor=actor))


@forgets
def change_person(
    foundation: Foundation,
    actor: Actor,
    person_id: str,
    expected_version: int,
    changes: Mapping[str, Any],
    command: Command | None = None,
) -> Mapping[str, Any]:
    """Change a member of staff, and with them their account, which carries a copy of name, e-mail and agency."""

    def work(unit: Unit) -> dict[str, Any]:
        before = _read(unit, foundation, "person", person_id, expected_version)
        after = {**before, **changes, "version": before["version"] + 1}
        after["email_digest"] = email_digest(after["email"])
        if after["agency_id"] != before["agency_id"]:
            _check_agency(unit, foundation, after["agency_id"])
        _write(unit, foundation, "person", before, after, None)
        account = unit.find_one(foundation.database.accounts, {"person_id": person_id})
        copied = {field: after[field] for field in ("name", "email_digest", "agency_id")}
        if account is not None and any(account[field] != value for field, value in copied.items()):
            _change_account(unit, foundation, account, copied)
        return {"id": person_id, "version": after["version"]}

    return _unique_email(lambda: foundation.journal.run(work, command=command, actor=actor))


def open_account(
    foundation: Foundation,
    actor: Actor,
    facts: Mapping[str, Any],
    command: Command | None = None,
    identifier: str | None = None,
    *,
    demonstration: bool = False,
) -> Mapping[str, Any]:
    """Give a member of staff (`person_id`) an account with a `role`, perhaps `areas`, and a `password` unless they set
    one by a link. Returns `id` and `version`."""
    account_id = identifier or new_id("account")
    password = facts.get("password")
    # The demonstration's password is a known one on purpose; every other is held to the rules.
    if password is not None and not demonstration and (reason := objection(password)):
        raise Refused(password=reason)
    # Before the transaction: it takes a tenth of a second.
    password_hash = None if password is None else hash_password(password)

    def work(unit: Unit) -> dict[str, Any]:
        person = unit.find_one(foundation.database.people, {"_id": facts["person_id"]})
        if person is None:
            raise Refused(person_id="unknown_person")
        if unit.find_one(foundation.database.accounts, {"person_id": person["_id"]}, {"_id": 1}):
            raise Refused(person_id="has_account")
        about = (person["email"], person["name"])
        if password is not None and not demonstration and (reason := objection(password, *about)):
            raise Refused(password=reason)
        model.check_account(facts["role"], person["agency_id"])
        entry = {
            "_id": account_id,
            "version": 1,
            "demonstration": demonstration,
            "person_id": person["_id"],
            "name": person["name"],
            "email_digest": person["email_digest"],
            "agency_id": person["agency_id"],
            "role": facts["role"],
            "areas": list(facts.get("areas", ())),
            "active": True,
            "password_hash": password_hash,
            "sessions_from": foundation.clock(),
        }
        _write(unit, foundation, "account", None, entry, model.account_fact(None, entry))
        return {"id": account_id, "version": 1}

    return foundation.journal.run(work, command=command, actor=actor)


@forgets
def change_account(
    foundation: Foundation,
    actor: Actor,
    account_id: str,
    expected_version: int,
    changes: Mapping[str, Any],
    command: Command | None = None,
) -> Mapping[str, Any]:
    """Change an account's `role`, `areas`, `active` or `password`. Returns `id` and the new `version`."""
    changes = dict(changes)
    password = changes.pop("password", None)
    if password is not None:
        if reason := objection(password):
            raise Refused(password=reason)
        changes["password_hash"] = hash_password(password)

    def work(unit: Unit) -> dict[str, Any]:
        before = _read(unit, foundation, "account", account_id, expected_version)
        person = unit.find_one(foundation.database.people, {"_id": before["person_id"]})
        if password is not None and person and (reason := objection(password, person["email"], person["name"])):
            raise Refused(password=reason)
        after = _change_account(unit, foundation, before, changes)
        return {"id": account_id, "version": after["version"]}

    return foundation.journal.run(work, command=command, actor=actor)


@forgets
def set_password(foundation: Foundation, actor: Actor, link: Entry, password: str) -> bool:
    """Set the password of the actor's own account by a `link`, which is used up. False when it was used meanwhile."""
    if reason := objection(password):
        raise Refused(password=reason)
    password_hash = hash_password(password)

    def work(unit: Unit) -> dict[str, Any]:
        links = foundation.database[LINKS]
        before = unit.find_one(foundation.database.accounts, {"_id": actor.id})
        if before is None or unit.find_one(links, {"token": link["token"]}, {"_id": 1}) is None:
            return {"done": False}
        person = unit.find_one(foundation.database.people, {"_id": before["person_id"]})
        if person is not None and (reason := objection(password, person["email"], person["name"])):
            raise Refused(password=reason)
        unit.delete(links, {"token": link["token"]})
        _change_account(unit, foundation, before, {"password_hash": password_hash})
        return {"done": True}

    return bool(foundation.journal.run(work, actor=actor)["done"])


def _change_account(unit: Unit, foundation: Foundation, before: Entry, changes: Mapping[str, Any]) -> Entry:
    after = {**model.complete("account", before), **changes, "version": before["version"] + 1}
    model.check_account(after["role"], after["agency_id"])
    if model.removes_administrator(before, after):
        others = {"role": "administrator", "active": True, "_id": {"$ne": before["_id"]}}
        if unit.find_one(foundation.database.accounts, others, {"_id": 1}) is None:
            raise Refused(role="last_administrator")
        # Two administrators who remove each other at the same moment would each see the other: this shared document
        # makes one of the two transactions fail and look again.
        unit.update(foundation.database[INSTANCE], {"_id": "administrators"}, {"$inc": {"removed": 1}}, upsert=True)
    if model.ends_sessions(before, after):
        after["sessions_from"] = foundation.clock()
    _write(unit, foundation, "account", before, after, model.account_fact(before, after))
    return after


def _check_no_accounts(unit: Unit, foundation: Foundation, agency_id: str) -> None:
    if unit.find_one(foundation.database.accounts, {"agency_id": agency_id, "active": True}, {"_id": 1}):
        raise Refused(active="agency_has_accounts")


def _check_agency(unit: Unit, foundation: Foundation, agency_id: str | None) -> None:
    if agency_id is not None and not unit.find_one(
        foundation.database.agencies, {"_id": agency_id, "active": True}, {"_id": 1}
    ):
        raise Refused(agency_id="unknown_agency")


def _read(unit: Unit, foundation: Foundation, thing: str, entry_id: str, expected_version: int) -> Entry:
    entry = unit.find_one(foundation.database[COLLECTIONS[thing]], {"_id": entry_id})
    if entry is None:
        raise NotFound(entry_id)
    if entry["version"] != expected_version:
        raise VersionConflict(entry_id, expected_version, entry["version"])
    return entry


def _write(
    unit: Unit,
    foundation: Foundation,
    thing: str,
    before: Entry | None,
    after: Entry,
    fact: model.Fact | None,
) -> None:
    collection = foundation.database[COLLECTIONS[thing]]
    if fact is not None:
        version = before["version"] if before else 0
        unit.append(after["_id"], expected_version=version, events=[NewEvent(fact.type, dict(fact.data))])
    if before is None:
        unit.insert(collection, after)
    else:
        unit.update(
            collection,
            {"_id": after["_id"], "version": before["version"]},
            {"$set": {field: value for field, value in after.items() if field != "_id"}},
            must_match=True,
        )


def _unique_email(run: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    try:
        return run()
    except Duplicate:
        raise Refused(email="email_taken") from None
