"""Fixtures that every test may use: the real mongod, the real Kafka, and a corner of them of its own."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from tests.support.servers import Kafka, Mongo


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run the long campaigns")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        for item in items:
            if "long" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="a long campaign: give --long"))


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A directory outside the work tree that goes with the test run."""
    with tempfile.TemporaryDirectory(prefix="rujukan-test-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def mongo(scratch: Path) -> Iterator[Mongo]:
    """The real mongod, one for the test run. Whoever kills or pauses it starts or resumes it."""
    directory = scratch / "mongod"
    directory.mkdir()
    server = Mongo(directory)
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture(scope="session")
def kafka(scratch: Path) -> Iterator[Kafka]:
    """The real Kafka, one for the test run. Whoever kills or pauses it starts or resumes it."""
    directory = scratch / "kafka"
    directory.mkdir()
    server = Kafka(directory)
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh prefix for the names of databases and topics; what was made in the database under it is dropped."""
    name = f"t{uuid.uuid4().hex[:10]}_"
    yield name
    if "mongo" in request.fixturenames:
        server: Mongo = request.getfixturevalue("mongo")
        for database in server.client().list_database_names():
            if database.startswith(name):
                server.client().drop_database(database)


@pytest.fixture
def database(mongo: Mongo, prefix: str) -> Database[dict[str, Any]]:
    """An empty database of this test alone, with all rights."""
    return mongo.client()[f"{prefix}test"]
