"""intake's application on the real mongod, and somebody in each role who uses it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from services.intake import store
from services.intake.app import create_app
from shared.access import Actor
from shared.foundation import Foundation
from shared.ids import new_id
from shared.settings import load
from tests.support.servers import Mongo
from tests.support.web import Browser


@pytest.fixture
def foundation(mongo: Mongo, prefix: str) -> Foundation:
    found = Foundation.start(load("intake", mongo.settings_environ("intake", prefix, RUJUKAN_DEMONSTRATION="true")))
    found.journal.ensure_indexes()
    store.ensure_indexes(found.database)
    return found


@pytest.fixture
def app(foundation: Foundation) -> Flask:
    return create_app(foundation)


@pytest.fixture
def as_role(app: Flask) -> Callable[..., Browser]:
    def make(role: str | None = "intake_clerk") -> Browser:
        actor = Actor(new_id("account"), role, new_id("agency"), "session", "Petugas (contoh)") if role else None
        return Browser(app, actor)

    return make
