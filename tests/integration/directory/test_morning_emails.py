"""The e-mails of the morning, handed to a real mail server: who gets one, and that it is one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from services.directory import commands, store
from services.directory.morning import sending, wishes
from shared import failpoints
from shared.clock import utc_now
from shared.domain.work import Counts, Work
from shared.domain.working_time import add_working_days, is_working_day, start_of_day, wib_date
from shared.foundation import Foundation
from shared.settings import load
from tests.integration.directory.conftest import ADMINISTRATOR
from tests.support.mailbox import Mailbox
from tests.support.receiver import certificate

pytestmark = pytest.mark.mongo

MORNING = add_working_days(start_of_day(wib_date(utc_now())), 1) + timedelta(hours=7, minutes=30)
"""Half past seven in WIB, on a working day to come: MongoDB must not remove what has expired meanwhile."""


@dataclass
class SetClock:
    """A clock that stands where a test sets it."""

    now: datetime = MORNING

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def mailbox():
    with Mailbox() as running:
        yield running


@pytest.fixture
def foundation(mongo, prefix, clock, mailbox):
    """Directory, with a mail server."""
    started = Foundation.start(
        load("directory", mongo.settings_environ("directory", prefix, **mailbox.settings)), clock
    )
    store.ensure_indexes(started.database)
    started.journal.ensure_indexes()
    return started


@pytest.fixture
def office(hire, agency):
    """A case worker, a supervisor and a partner agency's member."""
    return {role: hire(role, agency) for role in ("case_worker", "supervisor", "partner_agency")}


@pytest.fixture
def work(clock, agency):
    """What waits for all three."""
    by_role = {"case_worker": Counts(overdue=3, tasks=1), "supervisor": Counts(overdue=3, due_today=2, awaiting=4)}
    return Work(clock(), by_role, {agency: Counts(unanswered=5, due_today=6)})


@pytest.fixture
def run(foundation, work):
    """One run, as the clock makes it: gives its outcome."""

    def run_once():
        return sending.send(foundation, work, sending.recipients(foundation))

    return run_once


@pytest.fixture
def dies_at():
    """Arms a failpoint at which the process ends; `dies_at(None)` disarms it."""
    yield lambda name: failpoints.configure([f"{name}=raise"] if name else [])
    failpoints.configure([])


def states(foundation):
    return sorted(entry["state"] for entry in foundation.database.morning_emails.find())


def test_each_gets_one_with_their_own_numbers_and_nobody_elses_name(run, office, mailbox, foundation):
    """Seen to fail with `agency_id` left out of Work.of: the partner agency got the office's numbers."""
    assert run().sent == 3
    texts = {str(message["To"]): message.get_content() for message in mailbox.taken}
    worker, supervisor, partner = (texts[office[role].email] for role in office)
    assert "Kasus yang lewat tenggat: 3" in worker and "/id/cases?overdue=true" in worker
    assert "menunggu keputusan Anda" not in worker
    assert "Kasus yang menunggu keputusan Anda: 4" in supervisor and "/id/cases?awaiting=true" in supervisor
    assert "Rujukan yang menunggu jawaban Anda: 5" in partner and "/id/referrals" in partner
    assert "Kasus" not in partner
    for message in mailbox.taken:
        assert "Petugas" not in message.as_string(), "a name"
        assert message["Auto-Submitted"] == "auto-generated"
        assert "07.30 WIB" in message.get_content()
    assert states(foundation) == ["sent"] * 3


def test_however_often_it_runs_and_overlaps_each_gets_one(run, office, mailbox):
    """Seen to fail without the entry (no claim, and no question whether it is still this run's): each got several."""
    meet = threading.Barrier(4)

    def at_once(_):
        meet.wait()
        return run().sent

    with ThreadPoolExecutor(4) as runs:
        sent = list(runs.map(at_once, range(4)))
    assert sum(sent) == 3
    assert run().sent == 0
    assert sorted(mailbox.addresses()) == sorted(person.email for person in office.values())


def test_a_server_that_is_away_is_tried_by_the_next_run_and_by_as_many_as_it_takes(run, office, mailbox):
    """Seen to fail with the claim made before the connection, and counted: after six runs nobody was tried."""
    port = mailbox.port
    mailbox.stop()
    for _ in range(sending.MOST_ATTEMPTS + 1):
        outcome = run()
        assert (outcome.sent, outcome.waiting) == (0, 3)
    mailbox.start(port)
    assert run().sent == 3
    assert len(mailbox.taken) == 3


def test_a_connection_that_breaks_before_the_content_is_tried_again(run, office, mailbox):
    """Seen to fail with the entry left as if it were sent: one never got theirs."""
    mailbox.breaks_at.add(office["supervisor"].email)
    outcome = run()
    assert outcome.waiting >= 1 and outcome.sent + outcome.waiting == 3
    mailbox.breaks_at.clear()
    assert run().sent == outcome.waiting
    assert len(set(mailbox.addresses())) == len(mailbox.taken) == 3


@pytest.mark.parametrize("answer", ["450 4.2.1 Try later", "550 5.1.1 No such mailbox", "421 4.7.0 Too busy"])
def test_whom_the_server_refuses_keeps_nobody_waiting_and_is_tried_again(run, office, mailbox, answer):
    """Seen to fail with the connection kept after a refusal: the next message met "nested MAIL command"."""
    refused = office["case_worker"].email
    mailbox.refuses[refused] = answer
    outcome = run()
    assert (outcome.sent, outcome.waiting) == (2, 1)
    assert refused not in mailbox.addresses()
    mailbox.refuses.clear()
    assert run().sent == 1
    assert mailbox.addresses().count(refused) == 1


def test_an_address_that_is_always_refused_is_left_for_the_day(run, office, mailbox, foundation):
    """Seen to fail without MOST_ATTEMPTS: every run of the day knocked again."""
    mailbox.refuses[office["case_worker"].email] = "550 5.1.1 No such mailbox"
    outcomes = [run().waiting for _ in range(sending.MOST_ATTEMPTS + 2)]
    assert outcomes == [1] * sending.MOST_ATTEMPTS + [0, 0]


def test_one_that_dies_before_anything_was_given_is_followed_up(run, office, mailbox, clock, dies_at):
    """Seen to fail with a claim that lasts for ever: the first of the three got nothing that day."""
    dies_at("morning.claimed")
    with pytest.raises(failpoints.Crash):
        run()
    dies_at(None)
    assert run().sent == 2
    clock.now += sending.CLAIM_LASTS
    assert run().sent == 1
    assert len(set(mailbox.addresses())) == len(mailbox.taken) == 3


def test_a_run_that_was_overtaken_hands_nothing_over(run, office, mailbox, clock, monkeypatch):
    """Seen to fail without the question in `before` whether the e-mail is still this run's: one got two."""
    others = []

    def overtake(_):
        if not others:
            clock.now += sending.CLAIM_LASTS
            others.append(None)
            others.append(run().sent)

    monkeypatch.setitem(failpoints.ACTIONS, "overtake", overtake)
    failpoints.configure(["morning.claimed=overtake"])
    try:
        assert run().sent + others[1] == 3
    finally:
        failpoints.configure([])
    assert len(set(mailbox.addresses())) == len(mailbox.taken) == 3


@pytest.mark.parametrize("moment", ["morning.handed", "morning.taken"])
def test_one_that_dies_when_it_may_have_been_given_sends_nothing_twice(run, office, mailbox, clock, dies_at, moment):
    """Seen to fail without the state `handed` (the entry stayed `claimed`): killed at `taken`, one got two."""
    dies_at(moment)
    with pytest.raises(failpoints.Crash):
        run()
    dies_at(None)
    clock.now += timedelta(hours=2)
    assert run().sent == 2
    assert len(mailbox.taken) == (3 if moment == "morning.taken" else 2)
    assert len(set(mailbox.addresses())) == len(mailbox.taken)


def test_a_connection_that_breaks_after_the_content_sends_nothing_twice(run, office, mailbox, foundation):
    """Seen to fail with Unsure taken for Unreachable: one got two."""
    mailbox.hangs_up.add(office["supervisor"].email)
    outcome = run()
    assert (outcome.sent, outcome.unsure) == (2, 1)
    mailbox.hangs_up.clear()
    assert run().sent == 0
    assert mailbox.addresses().count(office["supervisor"].email) == 1
    assert states(foundation) == ["handed", "sent", "sent"]


def test_who_wants_none_is_closed_or_has_no_queue_gets_none(run, office, hire, agency, mailbox, foundation):
    """Seen to fail without the question for `wishes.NONE`, and without that for `active`."""
    hire("analyst")
    hire("administrator")
    hire("intake_clerk")
    wishes.choose(foundation, office["supervisor"].account_id, "none")
    wishes.choose(foundation, office["partner_agency"].account_id, "en")
    commands.change_account(foundation, ADMINISTRATOR, office["case_worker"].account_id, 1, {"active": False})
    assert run().sent == 1
    [message] = mailbox.taken
    assert "Referrals that wait for your answer: 5" in message.get_content()
    assert "/en/referrals" in message.get_content() and message["Content-Language"] == "en"
    wishes.choose(foundation, office["supervisor"].account_id, "id")
    assert run().sent == 1


def test_accounts_of_the_demonstration_get_none(run, office, mailbox, foundation):
    """Seen to fail without the question for `demonstration`."""
    foundation.database.accounts.update_many({}, {"$set": {"demonstration": True}})
    assert run().sent == 0 and mailbox.taken == []


def test_who_has_nothing_in_the_morning_hears_nothing_that_day(office, mailbox, foundation, clock):
    """Seen to fail without the entry `nothing`: an e-mail followed at noon."""
    work = Work(
        clock(), {"supervisor": Counts(awaiting=1)}, proposed={("supervisor", office["supervisor"].account_id): 1}
    )
    outcome = sending.send(foundation, work, sending.recipients(foundation))
    assert (outcome.sent, outcome.nothing) == (0, 3)
    clock.now += timedelta(hours=4)
    later = Work(clock(), {"supervisor": Counts(overdue=1)})
    assert sending.recipients(foundation) == []
    assert sending.send(foundation, later, []).sent == 0
    assert mailbox.taken == []


def test_it_is_time_from_the_opening_on_a_working_day_until_midnight(clock):
    """Seen to fail without the question for a working day, and for the hour."""
    day = timedelta(days=1)
    off = next(MORNING + number * day for number in range(8) if not is_working_day(wib_date(MORNING + number * day)))
    hours = {0: True, -1 / 60: False, 5: True, 16: True, 17: False}
    assert {hour: sending.is_time(MORNING + timedelta(hours=hour)) for hour in hours} == hours
    assert not sending.is_time(off) and not sending.is_time(off + timedelta(hours=5))


def test_what_was_counted_yesterday_is_never_sent_today(run, office, mailbox, clock, foundation, work):
    """Seen to fail without the comparison of days in `send`."""
    clock.now = start_of_day(wib_date(MORNING)) + timedelta(days=1, seconds=1)
    assert run().sent == 0 and mailbox.taken == []
    clock.now = add_working_days(MORNING, 1)
    again = Work(clock(), work.by_role, work.by_agency)
    assert sending.send(foundation, again, sending.recipients(foundation)).sent == 3


def test_a_day_later_everybody_gets_one_again(run, office, mailbox, foundation, clock, work):
    assert run().sent == 3
    clock.now = add_working_days(MORNING, 1)
    work.counted_at = clock()
    assert run().sent == 3
    ids = [message["Message-ID"] for message in mailbox.taken]
    assert len(set(ids)) == 6


def test_it_is_encrypted_and_says_who_it_is(mongo, prefix, clock, office, work, tmp_path):
    """Seen to fail with a context that trusts everybody: the stranger was given the e-mails, and the password."""
    with Mailbox(certificate=certificate(tmp_path, "127.0.0.1")) as locked:
        right = mongo.settings_environ("directory", prefix, **locked.settings)
        (tmp_path / "other").mkdir()
        stranger = {**right, "RUJUKAN_SMTP_CA_FILE": str(certificate(tmp_path / "other", "127.0.0.1"))}
        wrong = {**right, "RUJUKAN_SMTP_PASSWORD": "kata sandi lain"}  # pragma: allowlist secret
        for environ in (stranger, wrong):
            base = Foundation.start(load("directory", environ), clock)
            outcome = sending.send(base, work, sending.recipients(base))
            assert (outcome.sent, outcome.waiting, locked.taken) == (0, 3, [])
        base = Foundation.start(load("directory", right), clock)
        assert sending.send(base, work, sending.recipients(base)).sent == 3


def test_no_address_comes_into_a_log_or_an_entry(run, office, mailbox, foundation, capsys, caplog):
    """Seen to fail with the server's own words in the line of a refusal: aiosmtpd's quoted the address."""
    for person in office.values():
        mailbox.refuses[person.email] = f"550 5.1.1 <{person.email}> is unknown"
    run()
    mailbox.refuses.clear()
    run()
    captured = capsys.readouterr()
    seen = captured.out + captured.err + caplog.text + repr(list(foundation.database.morning_emails.find()))
    assert "morning_email_refused" in seen
    for person in office.values():
        assert person.email not in seen
