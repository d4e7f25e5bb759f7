"""What a breach exposed is counted from the real audit log: the right openings, every one once, and no identity."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database
from typer.testing import CliRunner

from deploy.cli import main
from shared import mongo as connections
from shared.access import Actor, Audit
from shared.access.exposed import entries, exposure
from shared.foundation import AUDIT, Foundation
from shared.settings import load
from tests.support.servers import Mongo

pytestmark = pytest.mark.mongo

BUDI, ANI, REPORT = (f"{kind}-{digit * 32}" for kind, digit in (("person", "a"), ("person", "b"), ("report", "c")))
CLERK = Actor("account-" + "1" * 32, "intake_clerk", "agency-1", "session-1")
WORKER = Actor("account-" + "2" * 32, "case_worker", "agency-2", "session-2")
NOON = datetime(2026, 3, 2, 5, tzinfo=UTC)
Look = Callable[..., None]


@pytest.fixture
def environ(mongo: Mongo, prefix: str) -> dict[str, str]:
    return mongo.settings_environ("directory", prefix)


@pytest.fixture
def log(environ: dict[str, str]) -> Database[dict[str, Any]]:
    """The audit log, with the rights of a service, in which three openings of an hour and one later stand."""
    base = Foundation.start(load("directory", environ))
    database = connections.database(base.database.client, base.settings.prefix + AUDIT)
    looks = [
        (0, CLERK, BUDI, ["name", "alias"], "report_page"),
        (10, WORKER, BUDI, ["name"], "case_page"),
        (20, WORKER, REPORT, ["narrative"], "case_page"),
        (60, WORKER, ANI, ["name"], "case_page"),
    ]
    for minutes, actor, subject, fields, purpose in looks:
        at = NOON + timedelta(minutes=minutes)
        Audit(database, lambda at=at: at).record(actor, "identity.opened", subject, fields, purpose)  # type: ignore[misc]
    Audit(database, lambda: NOON).record(WORKER, "case.exported", ANI, ["name"], "case_page")
    return database


def within(log: Database[dict[str, Any]], minutes: int, **only: str) -> dict[str, Any]:
    return exposure(entries(log, NOON, NOON + timedelta(minutes=minutes), **only))


def test_persons_fields_and_accounts_are_counted_within_the_hour(log: Database[dict[str, Any]]) -> None:
    """Seen to fail: with `$lte` for the end, Ani is counted; with subjects in a list, Budi is counted twice."""
    found = within(log, 60)
    assert (found["persons"], found["reports"], found["openings"]) == (1, 1, 3)
    assert (found["first"], found["last"]) == (NOON, NOON + timedelta(minutes=20))
    assert {row["field"]: (row["openings"], row["subjects"]) for row in found["fields"]} == {
        "person.name": (2, 1),
        "person.alias": (1, 1),
        "report.narrative": (1, 1),
    }
    assert [(row["account"], row["agency"], row["openings"]) for row in found["accounts"]] == [
        (WORKER.id, "agency-2", 2),
        (CLERK.id, "agency-1", 1),
    ]


def test_one_account_session_or_person_can_be_asked_for(log: Database[dict[str, Any]]) -> None:
    assert within(log, 90, actor=CLERK.id)["openings"] == 1
    assert within(log, 90, session="session-2")["openings"] == 3
    assert [row["role"] for row in within(log, 90, subject=ANI)["accounts"]] == ["case_worker"]
    assert within(log, 90, actor="account-" + "9" * 32)["first"] is None


@pytest.mark.parametrize("form", [[], ["--csv"], ["--json"]])
def test_the_command_prints_counts_and_no_subject(
    form: list[str], log: Database[dict[str, Any]], environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    arguments = ["audit", "exposed", "--since", "2026-03-02", "--until", "2026-03-03", *form]
    answer = CliRunner().invoke(main.app, arguments)
    assert answer.exit_code == 0, answer.output
    assert WORKER.id[:12] in answer.output and "person.name" in answer.output
    for subject in (BUDI, ANI, REPORT):
        assert subject not in answer.output


@pytest.mark.parametrize(
    ("since", "until", "said"), [("soon", "2026-03-03", "--since"), ("2026-03-03", "2026-03-02", "--until")]
)
def test_a_wrong_period_is_named(since: str, until: str, said: str) -> None:
    answer = CliRunner().invoke(main.app, ["audit", "exposed", "--since", since, "--until", until])
    assert answer.exit_code == 1 and said in answer.output
