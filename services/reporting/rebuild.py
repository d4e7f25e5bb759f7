"""Making the read models again from the log: `rujukan replay reporting`.

Everything goes in one transaction, the positions first: a worker that commits at the same moment conflicts with it and
one of the two gives way whole. The running worker then finds its position gone and reads the log from its beginning.
Killed half way, nothing has changed. Until the worker is where it was, the dashboard says that it is being rebuilt.
"""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from services.reporting import store
from shared.access import system_actor
from shared.foundation import Foundation
from shared.journal import Context, Unit
from shared.mongo import reachable
from shared.worker import parking, positions

BUDGET_SECONDS = 120.0


def rebuild(foundation: Foundation) -> None:
    """Empties the read models and what the worker has seen. Raises Unavailable; then nothing has changed.

    Parked events go too: they are in the log, and are parked again if they still cannot be handled.
    """

    def work(unit: Unit) -> None:
        database = unit.database
        reached = {entry["_id"]: entry for entry in unit.find(database[positions.POSITIONS], {})}
        earlier = unit.find_one(database[store.STATE], {"_id": store.REBUILD}) or {"targets": {}}
        targets = {
            # A rebuild within a rebuild still has to come as far as the first one was to.
            name: max(reached.get(name, {}).get("offset", 0), earlier["targets"].get(name, 0))
            for name in {**reached, **earlier["targets"]}
        }
        for name in (
            positions.POSITIONS,
            positions.VERSIONS,
            parking.PARKED,
            parking.QUEUES,
            store.CUBES,
            store.FACTS,
        ):
            database[name].delete_many({}, session=unit.session)
        unit.update(
            database[store.STATE],
            {"_id": store.REBUILD},
            {"$set": {"started_at": foundation.clock(), "targets": targets}},
            upsert=True,
        )

    context = Context(system_actor("reporting.rebuild").id)
    foundation.journal.transact(work, context, BUDGET_SECONDS)


def rebuilding(database: Database[dict[str, Any]]) -> bool:
    """Whether a rebuild is under way: some partition is not yet where it was when the rebuild began."""
    with reachable():
        note = database[store.STATE].find_one({"_id": store.REBUILD})
        if note is None:
            return False
        reached = {entry["_id"]: entry["offset"] for entry in database[positions.POSITIONS].find()}
    return any(reached.get(name, 0) < offset for name, offset in note["targets"].items())
