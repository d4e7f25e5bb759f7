"""What the engine's bench does on a database, tiny: the bare write writes the very documents that the product does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest

from services.cases import store
from shared.foundation import Foundation
from shared.settings import load
from tests.performance import engine
from tests.support.servers import Mongo

pytestmark = pytest.mark.mongo


@dataclass(frozen=True)
class OnlyMongo:
    """As tests.performance.ground.Ground, without Kafka."""

    mongo: Mongo

    def new_prefix(self) -> str:
        return f"b{uuid.uuid4().hex[:8]}_"

    def foundation(self, service: str, prefix: str) -> Foundation:
        found = Foundation.start(load(service, self.mongo.settings_environ(service, prefix)))
        found.journal.ensure_indexes()
        store.ensure_indexes(found.database)
        return found


@pytest.fixture
def here(mongo: Mongo) -> OnlyMongo:
    return OnlyMongo(mongo)


def test_the_bare_write_leaves_what_the_product_leaves(here: OnlyMongo) -> None:
    """Fails when `recorded` leaves out the updates."""
    product, bare = (here.foundation("cases", here.new_prefix()) for _ in range(2))
    city = engine.City(product)
    with engine.recorded() as transactions:
        assert city.play(engine.Watch())["stage"] == "closed"
    engine.write(bare.database, transactions)
    for name in ("journal", store.CASES, store.REFERRALS):
        ours, theirs = (list(each.database[name].find({}, sort=[("_id", 1)])) for each in (product, bare))
        assert ours == theirs, name
        assert ours


def test_every_figure_of_what_is_stored_is_measured(here: OnlyMongo) -> None:
    figures = engine.stored(here, engine.Sizes(stored=1, rounds=1))
    assert [figure.unit for figure in figures] == [*["a second of one core", "a second"] * 2, "a second"]
    assert all(figure.ratio for figure in figures)
