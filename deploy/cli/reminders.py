"""What somebody has to do by the calendar: `rujukan status` reminds of it, which is no fault of any part.

The rules stand in docs/operators.md (After an erasure: older copies).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.domain.working_time import wib_date
from shared.mongo import reachable

if TYPE_CHECKING:
    from shared.foundation import Foundation

KEY_OLD_AFTER = timedelta(days=365)
ERASURE_OPEN_AFTER = timedelta(days=31)


def of_the_vault(since: datetime | None, erased_at: datetime | None, now: datetime) -> list[str]:
    """Why the vault's key should be rotated. `since`: when it was put in place (None: not known); `erased_at`: the
    first erasure after that, if there is one; all aware."""
    found = []
    if since is not None and now - since > KEY_OLD_AFTER:
        found.append(f"the vault's key is of {wib_date(since)}: rotate it once a year (rujukan keys rotate)")
    if erased_at is not None and now - erased_at > ERASURE_OPEN_AFTER:
        day = wib_date(erased_at)
        found.append(f"what was erased on {day} still opens from older copies: rujukan keys rotate, once a month")
    return found


def look(intake: Foundation) -> list[str]:
    """What there is to remember now. Raises Unavailable, KeyFileError."""
    from deploy import processes
    from shared.foundation import ring
    from shared.vault.rotation import since as rotated_at

    keys, store = ring(intake.settings), processes.module("intake", "store")
    if keys is None:
        return []
    with reachable():
        since = rotated_at(intake.sealed.database, keys) or keys.held().get(keys.present_id)
        after = {"erased_at": {"$gt": since}} if since else {}
        first = intake.database[store.ERASURES].find_one(after, {"erased_at": 1}, sort=[("erased_at", 1)])
    return of_the_vault(since, first and first["erased_at"], intake.clock())
