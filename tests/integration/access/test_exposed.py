"""What a breach exposed is counted from the real audit log: the right openings, every one once, and no identity."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
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

BUDI, ANI, REPORT, PHOTOGRAPH = (
    f"{kind}-{digit * 32}" for kind, digit in (("person", "a"), ("person", "b"), ("report", "c"), ("attachment", "d"))
)
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


def photographed(log: Database[dict[str, Any]]) -> None:
    """A case worker opens a photograph of the report in which Budi is, half an hour after the first opening."""
    audit = Audit(log, lambda: NOON + timedelta(minutes=30))
    audit.record(WORKER, "identity.opened", PHOTOGRAPH, ["content"], "attachment_page", concerns=[REPORT, BUDI])


def test_a_file_that_was_opened_counts_for_its_report(log: Database[dict[str, Any]]) -> None:
    """Seen to fail: with the entry's subject for `_told_of(entry)`, two reports are counted."""
    photographed(log)
    found = within(log, 60)
    assert (found["reports"], found["openings"]) == (1, 4)
    [report] = [row for row in found["subjects"] if row["subject"] == REPORT]
    assert report["fields"] == ["attachment.content", "report.narrative"]
    assert within(log, 60, subject=BUDI)["openings"] == 3, "the photograph may show Budi"


@pytest.fixture
def handed_over(
    log: Database[dict[str, Any]],
    environ: dict[str, str],
    mongo: Mongo,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder for the data protection officer, of a day in which Budi, his report and Ani were opened."""
    photographed(log)
    children = [{"person_id": BUDI, "erased_at": NOON}, {"person_id": ANI}]
    mongo.client()[f"{prefix}intake"]["reports"].insert_one({"_id": REPORT, "number": "LP-1", "children": children})
    joined = [{"person_id": ANI, "report_id": "report-" + "8" * 32}]
    cases = [
        {"case_number": "KS-1", "person_id": BUDI, "report_id": REPORT},
        {"case_number": "KS-2", "person_id": "person-" + "9" * 32, "report_id": None, "joined": joined},
    ]
    mongo.client()[f"{prefix}cases"]["cases"].insert_many(cases)
    for name, value in (
        environ | mongo.settings_environ("intake", prefix) | mongo.settings_environ("cases", prefix)
    ).items():
        monkeypatch.setenv(name, value)
    period = ["--since", "2026-03-02", "--until", "2026-03-03"]
    to = ["--folder", str(tmp_path / "breach"), "--discovered", "2026-03-03T23:30"]
    answer = CliRunner().invoke(main.app, ["audit", "exposed", *period, *to])
    assert answer.exit_code == 0, answer.output
    assert BUDI not in answer.output, "ids stand in the files alone"
    again = CliRunner().invoke(main.app, ["audit", "exposed", *period, *to])
    assert again.exit_code == 1 and "choose a new one" in again.output
    return tmp_path / "breach"


def test_the_officer_gets_a_list_of_who_is_concerned_by_their_numbers(handed_over: Path) -> None:
    """Seen to fail: without `joined.` in cases' numbers_of, Ani has no case; with 0o644 others can read it."""
    whole = json.loads((handed_over / "exposed.json").read_text(encoding="utf-8"))
    assert (whole["persons"], whole["reports"]) == (2, 1)
    rows = {row["subject"]: row for row in csv.DictReader((handed_over / "exposed.csv").open(encoding="utf-8"))}
    assert {each["subject"] for each in whole["subjects"]} == set(rows) == {BUDI, ANI, REPORT}
    numbers = {subject: (row["report_number"], row["case_numbers"], row["erased"]) for subject, row in rows.items()}
    assert numbers == {
        BUDI: ("LP-1", "KS-1", "True"),
        ANI: ("LP-1", "KS-2", "False"),
        REPORT: ("LP-1", "KS-1", "False"),
    }
    assert rows[BUDI]["accounts"] == f"{CLERK.id} {WORKER.id}"
    assert rows[REPORT]["fields"] == "attachment.content report.narrative"
    assert {file.stat().st_mode & 0o777 for file in handed_over.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pemberitahuan.md", ["6 Maret 2026 23.30 WIB", "2 Maret 2026 13.00 WIB", "- Nama anak: 2", "terdampak: 2"]),
        ("notice.md", ["6 March 2026 23.30 WIB", "2 March 2026 13.00 WIB", "Name of the child: 2", "concerned: 2"]),
    ],
)
def test_the_notice_has_the_facts_its_deadline_and_nobody(name: str, said: list[str], handed_over: Path) -> None:
    """Seen to fail with `hours=72 + 7` for WITHIN, and with moments in UTC."""
    text = (handed_over / name).read_text(encoding="utf-8")
    for words in said:
        assert words in text, f"{words} is not in {text}"
    assert "$" not in text
    for identifier in (BUDI, ANI, REPORT, WORKER.id, "LP-1", "KS-1"):
        assert identifier not in text


def test_a_folder_without_the_moment_of_discovery_is_refused(tmp_path: Path) -> None:
    period = ["--since", "2026-03-02", "--until", "2026-03-03"]
    answer = CliRunner().invoke(main.app, ["audit", "exposed", *period, "--folder", str(tmp_path / "new")])
    assert answer.exit_code == 1 and "--discovered" in answer.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("since", "until", "said"), [("soon", "2026-03-03", "--since"), ("2026-03-03", "2026-03-02", "--until")]
)
def test_a_wrong_period_is_named(since: str, until: str, said: str) -> None:
    answer = CliRunner().invoke(main.app, ["audit", "exposed", "--since", since, "--until", until])
    assert answer.exit_code == 1 and said in answer.output
