"""The words of the morning's e-mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.directory.morning.message import OF_CASES, OF_REFERRALS, Recipient, message, texts
from shared.domain.work import Counts

AT = datetime(2026, 11, 27, 0, 30, tzinfo=UTC)
SUPERVISOR = Recipient("account-" + "1" * 32, "supervisor", None, "penyelia@kantor.test", "en")
BASE = "https://rujukan.example.go.id"


def written(counts, to=SUPERVISOR, at=AT):
    return message(to, counts, at, BASE, "rujukan@example.go.id")


def test_it_says_what_was_counted_and_nothing_that_was_not():
    text = written(Counts(overdue=2, tasks=7)).get_content()
    assert text == (
        "This waits for you in Rujukan. Counted on 27 November 2026 at 07.30 WIB:\n\n"
        f"Cases that are overdue: 2\nOpen the list (you sign in first):\n{BASE}/en/cases?overdue=true\n\n"
        f"Cases with a task to see to: 7\nOpen the list (you sign in first):\n{BASE}/en/cases?stage=\n\n"
        "You get this e-mail on working days on which something waits for you. Choose its language, or none:\n"
        f"{BASE}/en/morning-email\n"
    )


def test_its_head_names_nobody_and_is_the_same_for_the_same_day():
    made = written(Counts(overdue=2))
    assert (made["To"], made["From"]) == ("penyelia@kantor.test", "Rujukan <rujukan@example.go.id>")
    assert made["Subject"] == "What waits for you, 27 November 2026"
    assert made["Message-ID"] == written(Counts(tasks=1), at=AT + timedelta(hours=3))["Message-ID"]
    assert made["Message-ID"] != written(Counts(overdue=2), at=AT + timedelta(days=1))["Message-ID"]
    assert made.as_bytes().isascii(), "every mail server takes it"


@pytest.mark.parametrize("role", ["supervisor", "partner_agency"])
def test_every_line_is_in_indonesian_too(role):
    to = replace(SUPERVISOR, role=role, language="id")
    everything = Counts(1, 2, 3, 4, 5)
    text = written(everything, to).get_content()
    english = [line.label for line in (*OF_CASES, *OF_REFERRALS)]
    assert not any(line in text for line in english)
    expected = OF_REFERRALS if role == "partner_agency" else OF_CASES
    for line in expected:
        assert f"{texts('id').gettext(line.label)}: {getattr(everything, line.count)}" in text
    assert written(everything, to)["Subject"] == "Yang menunggu Anda, 27 November 2026"
