"""What a person chose of the morning's e-mail: its language, or none. Who chose nothing gets it in Indonesian."""

from __future__ import annotations

from collections.abc import Iterable

from services.directory.store import WISHES
from shared.foundation import Foundation
from shared.mongo import reachable
from shared.web.routes import LANGUAGES

NONE = "none"
CHOICES = (*LANGUAGES, NONE)
"""A language, or no e-mail."""


def wish(foundation: Foundation, account_id: str) -> str:
    """One of CHOICES."""
    return wishes(foundation, [account_id]).get(account_id, LANGUAGES[0])


def wishes(foundation: Foundation, account_ids: Iterable[str]) -> dict[str, str]:
    """The choices of those of the accounts that chose something."""
    with reachable():
        found = foundation.database[WISHES].find({"_id": {"$in": list(account_ids)}})
        return {each["_id"]: each["wish"] for each in found}


def choose(foundation: Foundation, account_id: str, chosen: str) -> None:
    """Keeps a choice, one of CHOICES. The e-mail of the next morning goes by it."""
    with reachable():
        foundation.database[WISHES].update_one({"_id": account_id}, {"$set": {"wish": chosen}}, upsert=True)
