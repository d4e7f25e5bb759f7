"""The rules of the directory: what an entry may be, which event a change is, what ends a person's sessions.

Pure: no web, no database. Entries are plain mappings as stored; errors are codes that the edges put into words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.domain import agency_kinds, areas_served

#: What an event tells of an entry: codes only. Names, telephone numbers and addresses stay in directory.
PUBLISHED = {
    "agency": ("kind", "kecamatan", "active", "services", "areas", "capacity"),
    "company": ("partnership", "kecamatan", "active"),
    "account": ("agency_id", "role", "active", "areas"),
}

#: A session ends when it was not used for this long, and at the latest this long after signing in.
SESSION_IDLE = timedelta(hours=12)
SESSION_LONGEST = timedelta(days=7)
#: How often a session in use is written down as used; finer would cost a write with every request.
SESSION_TOUCH = timedelta(minutes=10)


class Refused(Exception):
    """A command that a rule forbids. `errors` maps a field to the code of the reason."""

    def __init__(self, **errors: str) -> None:
        super().__init__(", ".join(f"{field}: {code}" for field, code in errors.items()))
        self.errors = errors


@dataclass(frozen=True)
class Fact:
    """One event to be: its type and its data."""

    type: str
    data: Mapping[str, Any]


def normal_email(email: str) -> str:
    """An e-mail address as it is compared: without spaces around it, case folded."""
    return email.strip().casefold()


def complete(thing: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with every field of its kind: what was stored before agencies had `services`, `areas` and `capacity` is
    read as it was meant. `areas` is the kecamatan of that time, none for the whole city. An account from before had
    none."""
    if thing == "account":
        return {"areas": [], **entry}
    if thing != "agency":
        return dict(entry)
    return {"services": [], "areas": list(areas_served(entry)), "capacity": None, **entry}


def check_agency(entry: Mapping[str, Any]) -> None:
    """Raises Refused for a service that no agency of its kind gives. A kind without services leaves it to each."""
    possible = agency_kinds()[entry["kind"]].services
    if possible and not set(entry["services"]) <= set(possible):
        raise Refused(services="not_of_this_kind")


def registered(thing: str, entry: Mapping[str, Any]) -> Fact:
    """The event of a new agency or company."""
    return Fact(f"{thing}.registered", _published(thing, entry))


def changed(thing: str, after: Mapping[str, Any]) -> Fact:
    """The event of a changed agency or company. It is one even when nothing published changed: versions have no gap."""
    return Fact(f"{thing}.changed", _published(thing, after))


def account_fact(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Fact:
    """The event of a new or changed account: opened, closed or changed. A closed account that returns is opened."""
    was_active = before is not None and before["active"]
    if after["active"] and not was_active:
        kind = "account.opened"
    elif was_active and not after["active"]:
        kind = "account.closed"
    else:
        kind = "account.changed"
    return Fact(kind, _published("account", after))


def check_account(role: str, agency_id: str | None) -> None:
    """Raises Refused when a role needs an agency: a partner agency's rights end at its own agency's records."""
    if role == "partner_agency" and agency_id is None:
        raise Refused(agency_id="agency_needed")


def removes_administrator(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether the change takes an administrator away; the last one must stay, or nobody could open accounts again."""

    def is_administrator(account: Mapping[str, Any]) -> bool:
        return bool(account["active"]) and account["role"] == "administrator"

    return is_administrator(before) and not is_administrator(after)


def ends_sessions(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether sessions begun before the change must end: the account was closed or its password is another one.

    A changed role or agency, or other areas, need no end: the next token already carries them.
    """
    return (before["active"] and not after["active"]) or before["password_hash"] != after["password_hash"]


def session_is_live(session: Mapping[str, Any], account: Mapping[str, Any] | None, now: datetime) -> bool:
    """Whether a session may still be exchanged for a token."""
    return (
        account is not None
        and bool(account["active"])
        and session["created_at"] >= account["sessions_from"]
        and now < session["expires_at"]
        and now < session["created_at"] + SESSION_LONGEST
    )


def session_expiry(created_at: datetime, now: datetime) -> datetime:
    """When a session used now ends if it is not used again."""
    return min(now + SESSION_IDLE, created_at + SESSION_LONGEST)


def _published(thing: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{thing}_id": entry["_id"], **{field: entry[field] for field in PUBLISHED[thing]}}
