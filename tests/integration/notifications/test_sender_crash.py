"""The sender is killed or stopped at the worst moment: a message comes twice at most, with one id, never not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from services.notifications import sender
from tests.integration.notifications.world import case_event, deliveries, delivery, hear, sending, subscribe, wait_until
from tests.support.receiver import Answer, receiver

pytestmark = pytest.mark.mongo

PROCESS = """
import signal, sys, threading
from services.notifications.sender import Sender
from shared.foundation import Foundation
from shared.settings import load

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
Sender(Foundation.start(load("notifications")), lease=float(sys.argv[1])).run(stop)
"""


@pytest.fixture
def start_sender(mongo, prefix):
    """Starts a sender as a process of its own, with failpoints if named."""
    running = []

    def start(lease: float, *failpoints: str) -> subprocess.Popen[bytes]:
        environ = mongo.settings_environ("notifications", prefix, RUJUKAN_FAILPOINTS=",".join(failpoints))
        process = subprocess.Popen([sys.executable, "-c", PROCESS, str(lease)], env={**os.environ, **environ})
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait(10)


def test_killed_between_sending_and_writing_it_down_the_message_is_sent_again_with_its_id(foundation, start_sender):
    with receiver() as agency:
        _, secret = subscribe(foundation, agency.url)
        hear(foundation, case_event())
        assert start_sender(2.0, "sender.sent=kill").wait(30) == -signal.SIGKILL
        (left,) = deliveries(foundation)
        assert (left["state"], [attempt["outcome"] for attempt in left["attempts"]]) == ("due", ["unknown"])

        start_sender(2.0)
        first, second = agency.wait_for(2, timeout=30)
        assert first.message_id == second.message_id == left["_id"]
        second.verify(secret)
        done = delivery(foundation, "delivered")
    assert [attempt["outcome"] for attempt in done["attempts"]] == ["unknown", "ok"]


def test_a_stopped_sender_ends_in_time_and_what_hung_is_sent_again(foundation, start_sender):
    with receiver() as agency:
        subscribe(foundation, agency.url)
        agency.answer = Answer(hang=True)
        hear(foundation, case_event())
        process = start_sender(12.0)
        agency.wait_for(1, timeout=30)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 10
        agency.answer = Answer(200)
        with sending(foundation):
            first, second = agency.wait_for(2)
        assert first.message_id == second.message_id


def test_an_attempt_under_way_is_finished_before_the_sender_ends(foundation):
    with receiver() as agency:
        subscribe(foundation, agency.url)
        agency.answer = Answer(hang=True)
        stop = threading.Event()
        thread = threading.Thread(target=sender.run, args=(foundation, stop), daemon=True)
        thread.start()
        hear(foundation, case_event())
        agency.wait_for(1)
        stop.set()
        agency.release()
        thread.join(10)
        assert not thread.is_alive()
        assert [found["state"] for found in deliveries(foundation)] == ["delivered"]


def test_two_senders_do_not_send_the_same_message_twice(foundation):
    with receiver() as agency:
        subscribe(foundation, agency.url)
        for _ in range(40):
            hear(foundation, case_event())
        with sending(foundation), sending(foundation):
            wait_until(lambda: len(deliveries(foundation, state="delivered")) == 40, "40 deliveries")
        assert len(agency.received) == len({request.message_id for request in agency.received}) == 40


def test_the_database_is_away_for_a_while_and_the_sender_goes_on_by_itself(foundation, mongo):
    with receiver() as agency, sending(foundation):
        subscribe(foundation, agency.url)
        hear(foundation, case_event())
        agency.wait_for(1)
        mongo.kill()
        mongo.start()
        hear(foundation, case_event())
        agency.wait_for(2, timeout=40)
        wait_until(lambda: len(deliveries(foundation, state="delivered")) == 2, "both written down", timeout=40)
