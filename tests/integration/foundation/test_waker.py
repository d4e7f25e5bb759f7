"""What wakes relay and sender: it goes on where a restore drops the journal, and ends with it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from deploy.local.ports import wait_until
from shared.foundation import Foundation
from shared.journal.unit import JOURNAL
from shared.relay import relay
from shared.waker import Waker

pytestmark = pytest.mark.mongo


def wakers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "journal-waker"}


def test_it_wakes_again_after_the_journal_was_dropped(foundation_of: Callable[..., Foundation]) -> None:
    """As `mongorestore --drop` does beside a running relay.

    Seen to fail with a loop that asks the closed stream again: it woke nobody any more, and took a whole core for that.
    """
    journal = foundation_of("directory").database[JOURNAL]
    with Waker(journal, relay.GROWN, "a-waker") as waker:

        def wakes() -> bool:
            """Whether it does soon; the stream may not be open yet."""
            waker.clear()
            journal.insert_one({"stream": "agency-1", "version": journal.estimated_document_count() + 1})
            return waker.wait(0.5)

        wait_until(wakes, 15, "the first waking")
        journal.drop()
        wait_until(wakes, 15, "a waking after the drop")


def test_it_ends_with_a_relay_that_ends_with_an_error(
    foundation_of: Callable[..., Foundation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to fail with a waker that goes on until the process is told to stop."""
    before = wakers()

    def stuck(*_: object) -> None:
        raise relay.RelayStuck("as with a broker that does not answer")

    monkeypatch.setattr(relay.Relay, "_lead", stuck)
    with pytest.raises(relay.RelayStuck):
        relay.Relay(foundation_of("directory"), "directory.events").run(threading.Event())
    wait_until(lambda: wakers() <= before, 15, "the end of the waker")
