"""A foundation of one service in a corner of the real mongod and the real Kafka of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.events import topics
from shared.foundation import Foundation
from shared.settings import Settings, load
from shared.worker import parking
from tests.support.servers import Kafka, Mongo

Make = Callable[[str], Foundation]


@pytest.fixture
def settings_of(mongo: Mongo, prefix: str) -> Callable[..., Settings]:
    """Settings of a service in this test's corner; without Kafka unless its address is given."""

    def make(service: str, **more: str) -> Settings:
        return load(service, mongo.settings_environ(service, prefix, **more))

    return make


@pytest.fixture
def foundation_of(settings_of: Callable[..., Settings]) -> Make:
    """A foundation of a service, its indexes made, without Kafka."""

    def make(service: str, **more: str) -> Foundation:
        foundation = Foundation.start(settings_of(service, **more))
        foundation.journal.ensure_indexes()
        parking.ensure_indexes(foundation.database)
        return foundation

    return make


@pytest.fixture
def connected(foundation_of: Make, kafka: Kafka) -> Make:
    """A foundation of a service with this test's own topics on the real Kafka."""
    made: list[bool] = []

    def make(service: str) -> Foundation:
        foundation = foundation_of(service, KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap)
        if not made:
            topics.ensure(foundation.settings)
            made.append(True)
        return foundation

    return make
