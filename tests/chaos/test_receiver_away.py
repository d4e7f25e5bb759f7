"""Bad day 9, the other half: an agency's receiver is out of reach for a while. (Rujukan sends no mail: there is no SMTP
server to be away.)
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from deploy.local.ports import LOOPBACK, free_port
from services.notifications.model import SCHEDULE
from shared.foundation import Foundation
from shared.ids import new_id
from tests.chaos.conftest import World
from tests.integration.notifications.world import PARTNER, case_event, deliveries, hear, make_due, subscribe
from tests.support.receiver import Answer, Receiver, receiver
from tests.support.stack import wait_for

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
MESSAGES = 6
NEVER_SOONER = timedelta(seconds=SCHEDULE[2])


@contextmanager
def refusing(port: int) -> Iterator[None]:
    """Nobody listens there, and nobody else may."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((LOOPBACK, port))
        yield


@contextmanager
def failing(port: int) -> Iterator[None]:
    """It is there, but whatever is behind it is not. Each message came twice, and not more often."""
    with receiver(port=port) as agency:
        agency.answer = Answer(500)
        yield
        assert set(Counter(each.message_id for each in agency.received).values()) == {2}, "a flood"


def failed(foundation: Foundation, subscription: str) -> list[dict[str, Any]]:
    """Messages whose first two attempts have failed: the second follows the first after seconds, a third does not."""
    found = deliveries(foundation, subscription_id=subscription)
    return [each for each in found if [attempt["outcome"] for attempt in each["attempts"]] == ["failed"] * 2]


def told_once(agency: Receiver, foundation: Foundation, subscription: str) -> None:
    """Each message reached the agency, each once."""
    wanted = {each["_id"] for each in deliveries(foundation, subscription_id=subscription)}
    assert Counter(each.message_id for each in agency.received) == Counter(wanted)


@pytest.mark.parametrize("away", [refusing, failing])
def test_09_with_a_receiver_away_the_pauses_grow_others_are_served_and_each_message_comes_once(
    world: World, away: Any
) -> None:
    """The sender goes on by itself; the other agency, which is well, is told all the while.

    Seen to fail with a schedule without pauses: the messages are tried again at once until they are given up; and with
    queue.delivered writing nothing down: they come again.
    """
    foundation, port = world.foundation("notifications"), free_port()
    other = replace(PARTNER, id=new_id("account"), agency_id=new_id("agency"))
    with receiver() as well:
        gone, _ = subscribe(foundation, f"http://{LOOPBACK}:{port}/hook")
        served, _ = subscribe(foundation, well.url, actor=other)
        sender = world.start("sender")
        with away(port):
            for _ in range(MESSAGES):
                hear(foundation, case_event())
            sender.wait_for(lambda: len(failed(foundation, gone)) == MESSAGES, "tried twice", 90)
            waiting = failed(foundation, gone)
            assert all(each["state"] == "due" for each in waiting), "nothing is given up"
            pauses = [each["next_attempt_at"] - each["attempts"][-1]["ended_at"] for each in waiting]
            assert min(pauses) >= NEVER_SOONER and max(pauses) <= NEVER_SOONER * 1.2
            wait_for(lambda: len(well.received) >= MESSAGES, "the other agency is told meanwhile")
        with receiver(port=port) as back:
            for each in waiting:
                make_due(foundation, each["_id"])  # as if the minutes had passed
            back.wait_for(MESSAGES, timeout=60)
            wait_for(lambda: len(deliveries(foundation, state="delivered")) == 2 * MESSAGES, "by itself")
            told_once(back, foundation, gone)
        told_once(well, foundation, served)
    assert sender.alive
