"""No event leaves with a property that is not declared, or with a text that somebody typed (5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared.access.actor import system_actor
from shared.events import CATALOGUE, InvalidEvent, NewEvent
from shared.events.catalogue import produce
from shared.foundation import Foundation
from shared.ids import new_id
from shared.settings import load
from tests.support.events import example
from tests.support.servers import Mongo

TYPED = "Kenari Peristiwa, Krapyak Lor 5"


def changed(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """`data` with one thing that is not declared, at each place where one could be: a property more in each object, a
    typed text in place of each text.
    """
    if isinstance(data, dict):
        yield (*path, "note"), {**data, "note": TYPED}
        for name, value in data.items():
            for where, other in changed(value, (*path, name)):
                yield where, {**data, name: other}
    elif isinstance(data, list):
        for index, value in enumerate(data):
            for where, other in changed(value, (*path, index)):
                yield where, [*data[:index], other, *data[index + 1 :]]
    elif isinstance(data, str):
        yield path, TYPED


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_05_a_property_more_or_a_typed_text_is_refused_and_not_quoted(name: str) -> None:
    """Tried: `unknown` not asked for at producing; a `Code` that takes any text; a `Term` without its pattern."""
    good = example(name)
    produce(name, good)
    places = list(changed(good))
    assert len(places) > 1
    for where, data in places:
        with pytest.raises(InvalidEvent) as refused:
            produce(name, data)
            raise AssertionError(f"{name} takes {where}")
        assert TYPED not in str(refused.value) and "Krapyak" not in str(refused.value)


@pytest.mark.mongo
def test_05_the_journal_keeps_nothing_of_a_refused_event(mongo: Mongo, prefix: str) -> None:
    """Tried: `append` without `produce`: it was committed."""
    intake = Foundation.start(load("intake", mongo.settings_environ("intake", prefix)))
    intake.journal.ensure_indexes()
    report, good = new_id("report"), example("report.registered")

    def work(unit: Any) -> dict[str, Any]:
        unit.insert(intake.database["reports"], {"_id": report})
        unit.append(report, 0, [NewEvent("report.registered", {**good, "narrative": TYPED})])
        return {}

    with pytest.raises(InvalidEvent):
        intake.journal.run(work, actor=system_actor("test"))
    assert intake.database["journal"].count_documents({"stream": report}) == 0
    assert intake.database["reports"].count_documents({"_id": report}) == 0
