"""Whether what clients were told is true, once nothing is troubled: `tests.support.ledger`'s verdict on reports, and
here what else the campaign's clients keep a ledger of: steps, subscriptions, counts, messages to an agency.

Every check fails with an AssertionError that names the difference.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pymongo.errors import PyMongoError

from services.notifications.store import CANCELLED, DELIVERED, DUE
from services.reporting import store
from services.reporting.model.facts import MEASURES, Fact, contribution, evolve
from shared.events import Event
from tests.chaos.campaign.clients import Ledger
from tests.support import ledger
from tests.support.receiver import Receiver
from tests.support.stack import Stack

SETTLE_SECONDS = 180.0
"""A process that failed ten times in a row is started again after half a minute, a broken delivery after as long."""
FAR = ("0000-00", "9999-99")
"""Every month."""


@dataclass(frozen=True)
class Before:
    """What there was before the clients came: the reports, and the subscription that lasts all along."""

    reports: frozenset[str]
    subscription: str


def settle(stack: Stack, seconds: float = SETTLE_SECONDS) -> dict[str, Any]:
    """Waits until `rujukan status` has no problem and nothing is under way; returns that status."""
    end = time.monotonic() + seconds
    while True:
        found = _look(stack)
        waits = found["problems"] + [
            f"{each['service']}: {each.get('unpublished')} unpublished, lag {each.get('lag')}"
            for each in found["services"]
            if each.get("unpublished") or (each["service"] in ledger.READERS and each.get("lag") != 0)
        ]
        if not waits:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not settled after {seconds:.0f} s: {'; '.join(waits)}")
        time.sleep(0.5)


def _look(stack: Stack) -> dict[str, Any]:
    try:
        return stack.status()
    except (PyMongoError, OSError) as error:
        return {"problems": [f"no status: {type(error).__name__}"], "services": []}


def verify(stack: Stack, told: Ledger, agency: Receiver, before: Before) -> dict[str, int]:
    """Everything that was acknowledged is there once and in order, and nothing else; nobody waits for an answer.

    Returns what there is: `reports`, `cases`, `events`, `deliveries`, `scheduled` (messages not yet through).
    """
    settle(stack)
    events = ledger.verify(stack, told)
    with stack.database() as databases:
        reports = {each["_id"] for each in databases["intake"]["reports"].find({}, {"_id": 1})}
        twice = reports - before.reports - set(told.accepted.values())
        assert not twice, f"reports that nobody was told of, made twice for one key: {sorted(twice)[:3]}"
        _screened(databases, events, told)
        _subscribed(databases, told, before.subscription)
        _counted(databases, events)
        scheduled = _told_once(databases, events, agency, before.subscription)
        return {
            "reports": len(reports),
            "cases": databases["cases"]["cases"].count_documents({}),
            "events": len(events),
            "deliveries": databases["notifications"]["deliveries"].count_documents({}),
            "scheduled": scheduled,
        }


def _screened(databases: Any, events: Iterable[Event], told: Ledger) -> None:
    """A step that was acknowledged was taken, as it was sent, and no step was taken twice."""
    steps = [event for event in events if event.type == "case.step_taken"]
    twice = [case for case, number in Counter(event.stream for event in steps).items() if number > 1]
    assert not twice, f"screened twice: {twice[:3]}"
    risks = {event.stream: event.data["facts"][0]["value"] for event in steps}
    different = {case: note for case, note in told.screened.items() if risks.get(case) != note["risk"]}
    assert not different, f"screenings lost or changed: {list(different.items())[:3]}"
    last = {event.stream: event.version for event in events if event.stream.startswith("case-")}
    kept = {each["_id"]: each["version"] for each in databases["cases"]["cases"].find({}, {"version": 1})}
    assert kept == last, f"cases and their events differ: {sorted(kept.items() ^ last.items())[:4]}"


def _subscribed(databases: Any, told: Ledger, main: str) -> None:
    """Subscriptions are as they were left, each made once, and their secrets changed as often as was said."""
    there = {each["_id"] for each in databases["notifications"]["subscriptions"].find({}, {"_id": 1})}
    journal = databases["notifications"]["journal"]
    for identifier, note in list(told.subscriptions.items()):
        assert (identifier in there) != note["deleted"], f"{identifier} is not as it was left: {note}"
        types = Counter(entry["type"] for entry in journal.find({"stream": identifier}, {"type": 1}))
        assert types["subscription.created"] == 1 and types["subscription.deleted"] == note["deleted"], (
            f"{identifier}: {dict(types)}"
        )
        rotated = types["subscription.secret_rotated"]
        assert note["rotations"] <= rotated <= note["tried"], f"{identifier}: secret changed {rotated} times, {note}"
    made = Counter(entry["stream"] for entry in journal.find({"type": "subscription.created"}, {"stream": 1}))
    strangers = made.keys() - told.subscriptions.keys() - {main}
    assert not strangers, f"made twice for one key: {sorted(strangers)[:3]}"


def _counted(databases: Any, events: Iterable[Event]) -> None:
    """The dashboard's counts are what the events add up to."""
    facts: dict[str, Fact] = {}
    for event in events:
        facts[event.stream] = evolve(facts.get(event.stream), event)
    wanted: dict[tuple[str, str], Counter[str]] = {}
    for fact in facts.values():
        for cell, counts in contribution(fact).items():
            wanted.setdefault((cell.kecamatan, cell.month), Counter()).update(counts)
    found = {
        cell: Counter({measure: row[measure] for measure in MEASURES if row[measure]})
        for cell, row in store.counts(databases["reporting"], True, FAR).items()
    }
    differ = {
        cell: (wanted.get(cell), found.get(cell))
        for cell in wanted.keys() | found.keys()
        if (wanted.get(cell) or Counter()) != (found.get(cell) or Counter())
    }
    assert not differ, f"counts differ from the events (wanted, found): {list(differ.items())[:2]}"


def _told_once(databases: Any, events: Iterable[Event], agency: Receiver, main: str) -> int:
    """The lasting subscription has one message for each event of a case, with one id; who was told has it, and nobody
    was told anything else. Returns how many messages wait for their next attempt.
    """
    deliveries = list(databases["notifications"]["deliveries"].find({}, {"payload": 0}))
    began = databases["notifications"]["subscriptions"].find_one({"_id": main})["created_at"]
    wanted = {event.id for event in events if event.type.startswith("case.") and event.recorded_at >= began}
    queued = Counter(each["event_id"] for each in deliveries if each["subscription_id"] == main)
    assert set(queued) == wanted, f"messages differ from the events by {sorted(set(queued) ^ wanted)[:3]}"
    assert max(queued.values(), default=0) <= 1, "one event became two messages"
    received = Counter(message.message_id for message in agency.received)
    strangers = received.keys() - {each["_id"] for each in deliveries}
    assert not strangers, f"told of what is not in the queue: {sorted(strangers)[:3]}"
    lost = [each["_id"] for each in deliveries if each["state"] == DELIVERED and each["_id"] not in received]
    assert not lost, f"marked as delivered, and never received: {lost[:3]}"
    given_up = [each for each in deliveries if each["state"] not in (DUE, DELIVERED, CANCELLED)]
    assert not given_up, f"messages were given up: {given_up[:1]}"
    cancelled = [each["_id"] for each in deliveries if each["state"] == CANCELLED and each["subscription_id"] == main]
    assert not cancelled, f"cancelled, though the subscription lasts: {cancelled[:3]}"
    return sum(each["state"] == DUE for each in deliveries)
