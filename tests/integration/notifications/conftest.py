"""A notifications service on the real mongod."""

from __future__ import annotations

import pytest

from services.notifications import store
from shared.foundation import Foundation
from shared.settings import load
from tests.support.servers import Mongo


@pytest.fixture
def foundation(mongo: Mongo, prefix: str) -> Foundation:
    """The foundation of notifications, as its processes make it, in local mode."""
    made = Foundation.start(load("notifications", mongo.settings_environ("notifications", prefix)))
    made.journal.ensure_indexes()
    store.ensure_indexes(made.database)
    return made
