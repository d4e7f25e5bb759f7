"""`rujukan digest`, and what the clock runs: cases counts, directory sends, each from its own database."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from deploy import processes
from deploy.cli.main import app as command_line
from services.cases import definitions
from shared import clock as system_clock
from shared.clock import utc_now
from shared.domain.working_time import add_working_days, start_of_day, wib_date
from tests.support.mailbox import Mailbox

pytestmark = pytest.mark.mongo
OPENING = add_working_days(start_of_day(wib_date(utc_now())), 1) + timedelta(hours=7, minutes=30)


@pytest.fixture
def mailbox():
    with Mailbox() as running:
        yield running


@pytest.fixture
def environ(mongo, prefix, mailbox, tmp_path):
    """The instance, on a working day to come; `at` sets its time from the opening of the offices on."""
    file = tmp_path / "offset"
    services = ("cases", "directory")
    found = {}
    for service in services:
        found |= mongo.settings_environ(service, prefix, **mailbox.settings, RUJUKAN_CLOCK_FILE=str(file))

    def at(after_opening=timedelta()):
        file.write_text(str((OPENING + after_opening - utc_now()).total_seconds() + 60))

    at()
    found["at"] = at
    yield found
    system_clock.configure(None)


@pytest.fixture
def digest(environ):
    """`rujukan digest ... --json` of the instance: its answer."""

    def run(*arguments, **changes):
        variables = {name: value for name, value in {**environ, **changes}.items() if name != "at"}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            done = CliRunner().invoke(command_line, ["digest", *arguments, "--json"])
        system_clock.configure(None)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


@pytest.fixture
def waiting(environ, hire):
    """A task waits in a case, and a supervisor and a clerk are there."""
    variables = {name: value for name, value in environ.items() if name != "at"}
    base = processes.foundation("cases", variables)
    system_clock.configure(None)
    stored = {"workflow": definitions.current().id, "awaited": None, "referrals": [], "deadlines": []}
    base.database["cases"].insert_one({"_id": "case-1", "tasks": [{"task_id": "task-1"}], **stored})
    hire("intake_clerk")
    return hire("supervisor")


def test_a_preview_shows_what_waits_and_sends_nothing(digest, waiting, mailbox):
    """Seen to fail with a preview that claimed what it showed: afterwards nothing was sent."""
    row = {"agency_id": None, "overdue": 0, "due_today": 0, "awaiting": 0, "tasks": 1, "unanswered": 0}
    shown = {"queues": [{"role": role, **row} for role in ("case_worker", "supervisor")], "recipients": 1}
    assert digest("--dry-run") == shown
    assert mailbox.taken == []
    assert digest() == {"sent": 1, "nothing": 0, "waiting": 0, "unsure": 0}
    assert mailbox.addresses() == [waiting.email]
    assert digest()["sent"] == 0
    assert digest("--dry-run") == {**shown, "recipients": 0}


def test_before_the_opening_nothing_is_sent_and_late_on_the_same_day_it_is(digest, waiting, environ, mailbox):
    environ["at"](timedelta(hours=-1))
    assert digest() == {"not_sent": "not_now"}
    environ["at"](timedelta(hours=16))
    assert digest()["sent"] == 1
    assert len(mailbox.taken) == 1


def test_without_a_mail_server_nothing_is_counted_as_sent(digest, waiting, mailbox):
    assert digest(RUJUKAN_SMTP="") == {"not_sent": "no_mail_server"}
    assert digest()["sent"] == 1


def test_the_clock_runs_it_every_ten_minutes_and_one_at_a_time():
    """Seen to fail without its deployment, and without its limit."""
    from deploy import flows

    [found] = [each for each in flows.deployments() if each.flow_name == "morning e-mails"]
    assert [str(each.schedule.cron) for each in found.schedules] == ["*/10 0-16 * * *"]
    assert found.concurrency_limit == 1
