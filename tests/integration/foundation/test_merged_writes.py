"""What a unit says about the same documents again and again is written once, and a refused write is not overlooked."""

from __future__ import annotations

from typing import Any

import pytest

from shared.access.actor import system_actor
from shared.foundation import Foundation
from shared.journal import Duplicate, Unit

pytestmark = pytest.mark.mongo
SOMEBODY = system_actor("test")


@pytest.fixture
def directory(foundation_of: Any) -> Foundation:
    return foundation_of("directory")


def run(foundation: Foundation, work: Any) -> Any:
    return foundation.journal.run(lambda unit: work(unit) or {}, actor=SOMEBODY)


def test_what_was_put_is_seen_by_the_unit_and_the_last_is_written(directory: Foundation) -> None:
    things = directory.database["things"]
    things.insert_one({"_id": "old", "number": 1, "more": True})

    def work(unit: Unit) -> None:
        assert unit.get(things, "new") is None
        assert unit.get(things, "old") == {"number": 1, "more": True}
        for number in (2, 3):
            unit.put(things, "new", {"number": number})
            unit.put(things, "old", {"number": number})
            assert unit.get(things, "new") == {"number": number}

    run(directory, work)
    assert list(things.find(sort=[("_id", 1)])) == [{"_id": "new", "number": 3}, {"_id": "old", "number": 3}]


def test_additions_add_up_also_over_a_flush_and_over_units(directory: Foundation) -> None:
    sums = directory.database["sums"]

    def work(unit: Unit) -> None:
        for number in (1, 5, 2):
            unit.add(sums, "all", {"count": 1, "total": number}, highest={"most": number}, first={"name": "all"})
        unit.flush()
        unit.add(sums, "all", {"count": 1, "total": 4}, highest={"most": 4}, first={"name": "other"})

    run(directory, work)
    run(directory, work)
    assert list(sums.find()) == [{"_id": "all", "count": 8, "total": 24, "most": 5, "name": "all"}]


def test_a_refused_write_stops_the_unit_whole(directory: Foundation) -> None:
    """The command for many updates does not raise by itself: its errors stand in the answer."""
    things = directory.database["unique_things"]
    things.create_index("number", unique=True)

    def work(unit: Unit) -> None:
        unit.put(things, "first", {"number": 1})
        unit.put(things, "second", {"number": 1})

    with pytest.raises(Duplicate) as refused:
        run(directory, work)
    assert refused.value.collection == "unique_things"
    assert things.count_documents({}) == 0


def test_merged_writes_are_not_for_work_that_shares_its_transaction(directory: Foundation) -> None:
    def work(unit: Unit) -> dict[str, Any]:
        unit.put(directory.database["things"], "one", {})
        return {}

    with pytest.raises(RuntimeError):
        directory.journal.add(work, actor=SOMEBODY)
