"""What directory keeps in MongoDB: its indexes and its questions. Writes go through commands.py and sessions.py.

E-mail addresses are found by their digest: the database's own log quotes the values of slow or failed operations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from services.directory.model import complete, normal_email
from shared.mongo import find_surely

#: The collection of each kind of entry.
COLLECTIONS = {"agency": "agencies", "company": "companies", "person": "people", "account": "accounts"}
SESSIONS = "sessions"
CHALLENGES = "challenges"
SECOND_FACTORS = "second_factors"
LINKS = "links"
FLOWS = "provider_flows"
IDENTITIES = "provider_identities"
MORNING_EMAILS = "morning_emails"
WISHES = "morning_wishes"
INSTANCE = "instance"
COUNTERS = "sign_in_counters"

Entry = dict[str, Any]


def ensure_indexes(database: Database) -> None:
    """Create the indexes of this service. Safe to repeat."""
    for collection in ("agencies", "companies", "people", "accounts"):
        database[collection].create_index([("name", ASCENDING), ("_id", ASCENDING)], name="by_name")
    database.people.create_index("email_digest", unique=True, name="one_person_per_email")
    database.accounts.create_index("email_digest", unique=True, name="one_account_per_email")
    database.accounts.create_index("person_id", unique=True, name="one_account_per_person")
    database.accounts.create_index([("agency_id", ASCENDING), ("active", ASCENDING)], name="by_agency")
    database.accounts.create_index([("role", ASCENDING), ("active", ASCENDING)], name="by_role")
    # MongoDB removes a session some time after it expired; whether it is live is decided when it is used.
    database[SESSIONS].create_index("expires_at", expireAfterSeconds=0, name="expiry")
    database[SESSIONS].create_index("account_id", name="by_account")
    database[CHALLENGES].create_index("expires_at", expireAfterSeconds=0, name="expiry")
    database[FLOWS].create_index("expires_at", expireAfterSeconds=0, name="expiry")
    # One account for one name at the provider is the id; one name for one account is this:
    database[IDENTITIES].create_index(
        [("account_id", ASCENDING), ("issuer", ASCENDING)], unique=True, name="one_subject_per_account"
    )
    database[LINKS].create_index("expires_at", expireAfterSeconds=0, name="expiry")
    database[LINKS].create_index("token", name="by_token")
    database[MORNING_EMAILS].create_index("expires_at", expireAfterSeconds=0, name="expiry")
    database[COUNTERS].create_index("expireAt", expireAfterSeconds=0, name="expiry")


def email_digest(email: str) -> str:
    """The key by which an e-mail address is found. Not a secret: it only keeps addresses out of logs."""
    return hashlib.sha256(normal_email(email).encode()).hexdigest()


def get(database: Database, thing: str, identifier: str) -> Entry | None:
    """One entry by its id, or None."""
    entry = find_surely(database[COLLECTIONS[thing]], {"_id": identifier})
    return None if entry is None else complete(thing, entry)


def page(
    database: Database, thing: str, question: Mapping[str, Any], number: int, size: int
) -> tuple[list[Entry], int]:
    """The entries of one page (numbered from 1) by name, and how many there are in all."""
    collection = database[COLLECTIONS[thing]]
    found = collection.find(question).sort([("name", ASCENDING), ("_id", ASCENDING)])
    entries = [complete(thing, entry) for entry in found.skip((number - 1) * size).limit(size)]
    return entries, collection.count_documents(question)


def agency_names(database: Database, only_active: bool = False) -> dict[str, str]:
    """The name of every agency by its id, in the order of names: a city has dozens."""
    question = {"active": True} if only_active else {}
    return {entry["_id"]: entry["name"] for entry in database.agencies.find(question, {"name": 1}).sort("name")}


def account_of_person(database: Database, person_id: str) -> Entry | None:
    """The account of a person, or None."""
    return database.accounts.find_one({"person_id": person_id})


def colleagues(database: Database, account: Mapping[str, Any]) -> list[Entry]:
    """The other open accounts of an account's agency, by name; none without an agency."""
    if account["agency_id"] is None:
        return []
    others = {"agency_id": account["agency_id"], "active": True, "_id": {"$ne": account["_id"]}}
    return list(database.accounts.find(others).sort("name"))


def account_by_email(database: Database, email: str) -> Entry | None:
    """The account that signs in with this e-mail address, or None."""
    return database.accounts.find_one({"email_digest": email_digest(email)})
