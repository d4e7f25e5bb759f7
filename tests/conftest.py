"""Fixtures that every test may use: the real mongod, the real Kafka, and a corner of them of its own."""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from pymongo.database import Database
from xdist.scheduler import LoadScopeScheduling

from tests.support import examples
from tests.support.browser import NO_BROWSER
from tests.support.scanner import NO_CLAMD
from tests.support.servers import Kafka, Mongo
from tests.support.templates import compile_once

examples.use(long=False)
compile_once()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run the long campaigns, and try fresh examples")


def pytest_configure(config: pytest.Config) -> None:
    examples.use(long=config.getoption("--long"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "long" in item.keywords and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="a long campaign: give --long"))


class Together(LoadScopeScheduling):
    """What two test processes share the work by: a file stays in one of them, for the servers that it starts, and a
    folder does whose files need one running product. (By file alone the long folders would be started in both.)"""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.split("::")[0])
        return str(file.parent if file.parent.name in ("e2e", "local", "chaos") else file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Says loudly, where the eye falls last, that pages were not looked at, or that no real scanner was asked."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = [report for report in skipped if isinstance(report.longrepr, tuple) and NO_BROWSER in report.longrepr[2]]
    if left_out:
        terminalreporter.section("browser tests left out", sep="!", bold=True, yellow=True)
        terminalreporter.line(
            f"{len(left_out)} tests of pages were LEFT OUT: {NO_BROWSER} (sudo apt install chromium)",
            bold=True,
            yellow=True,
        )
    if any(isinstance(report.longrepr, tuple) and NO_CLAMD in report.longrepr[2] for report in skipped):
        terminalreporter.section("the real scanner left out", sep="!", bold=True, yellow=True)
        terminalreporter.line(f"{NO_CLAMD} (sudo apt install clamav-daemon)", bold=True, yellow=True)


def usual_logs() -> None:
    """Logs go to standard error: a thread of an earlier test's service may write a line while a command's answer is
    read, and the audit log's keepers do when all is over."""
    structlog.reset_defaults()
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


usual_logs()


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command called within the test process sets how logs are written; the next test has them as usual."""
    yield
    usual_logs()


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A directory outside the work tree that goes with the test run.

    The audit log's keepers are threads that may write there while it goes: what they leave is no test's failure.
    """
    with tempfile.TemporaryDirectory(prefix="rujukan-test-", ignore_cleanup_errors=True) as directory:
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


def _new_prefix() -> str:
    return f"t{uuid.uuid4().hex[:10]}_"


@pytest.fixture(scope="session")
def usual_prefix() -> str:
    """The prefix of all tests that leave nothing on Kafka: giving every service its rights takes a second each time."""
    return _new_prefix()


@pytest.fixture
def prefix(request: pytest.FixtureRequest, usual_prefix: str) -> Iterator[str]:
    """A prefix for the names of databases and topics, under which nothing is there yet."""
    own = "kafka" in request.fixturenames
    name = _new_prefix() if own else usual_prefix
    yield name
    if "mongo" in request.fixturenames:
        server: Mongo = request.getfixturevalue("mongo")
        for database in server.client().list_database_names():
            if database.startswith(name):
                _clear(server.client()[database], drop=own)


def _clear(database: Database[dict[str, Any]], drop: bool) -> None:
    """Leaves nothing: indexes neither where the database goes, but where it is used again."""
    if drop:
        database.client.drop_database(database.name)
        return
    for collection in database.list_collection_names():
        if database[collection].find_one() is not None:
            database[collection].delete_many({})


@pytest.fixture
def database(mongo: Mongo, prefix: str) -> Database[dict[str, Any]]:
    """An empty database of this test alone, with all rights."""
    return mongo.client()[f"{prefix}test"]
