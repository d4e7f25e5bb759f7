"""Bad day 8: what cannot be handled is parked with its error, its key waits behind it, and all others go on."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from kafka import KafkaProducer

from shared.events import encode
from shared.foundation import utc_now
from shared.ids import new_id
from shared.worker import operations, parking, positions
from tests.chaos.conftest import World
from tests.support.process import Role
from tests.support.stack import RUJUKAN

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
WORKER = ("worker", "--service", "notifications")


def put(world: World, key: str, value: bytes, readable: bool = True) -> None:
    """Puts version 1 of an agency on directory's topic with a body that directory would never send.

    Without `readable` it has but one header, which is not UTF-8.
    """
    entry = {"_id": "poison", "type": "agency.registered", "stream": key, "version": 1, "epoch": 1, "data": {}}
    entry |= {"schema_version": 1, "occurred_at": utc_now(), "recorded_at": utc_now()}
    headers = encode("directory", {**entry, "actor": "nobody", "correlation_id": "none"}).headers
    producer = KafkaProducer(bootstrap_servers=world.kafka.bootstrap, acks="all")
    producer.send(
        f"{world.prefix}directory.events",
        key=key.encode(),
        value=value,
        headers=headers if readable else [("ce_type", b"\xff\xfe")],
    ).get(timeout=30)
    producer.close()


def parked(world: World) -> list[dict[str, Any]]:
    return operations.parked(world.database("notifications"))


def pauses(worker: Role) -> list[float]:
    """For how many seconds it said that it waits, each time."""
    entries = [json.loads(line) for line in worker.log.splitlines() if line.startswith("{")]
    return [entry["seconds"] for entry in entries if entry["event"] == "waiting"]


def command(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RUJUKAN, *arguments], env=world.environ, capture_output=True, text=True, timeout=60)


def test_08_each_poison_is_parked_with_place_and_error_and_only_its_own_key_waits(world: World) -> None:
    """Seen to fail with parking.waiting_keys giving none: an event overtakes the one of its key that is parked."""
    json_, schema, header, healthy = (new_id("agency") for _ in range(4))
    put(world, json_, b"{not json")
    put(world, schema, b'{"agency_id": 7}')
    put(world, header, b"{}", readable=False)
    worker = world.start(*WORKER)
    worker.wait_for(lambda: len(parked(world)) == 3, "parked")
    # What waits comes later than the poison, in a batch of its own.
    world.write([json_, schema, header, healthy], before=0, events=2)
    relay = world.start("relay", "--service", "directory")
    relay.wait_for(lambda: world.pending("directory") == 0, "sent")
    agencies = world.database("notifications")["agencies"]
    worker.wait_for(lambda: agencies.find_one({"_id": healthy}), "the healthy key goes on")
    worker.wait_for(lambda: len(parked(world)) >= 9, "parked, each with the two behind it")
    heads = {entry["key"]: entry for entry in parked(world) if entry["error"] != parking.BEHIND}
    assert heads.keys() == {json_, schema, header}
    assert heads[json_]["error"] == "the body is not JSON" and heads[json_]["event"] == "poison"
    assert heads[schema]["error"].startswith("the body does not fit its schema")
    assert heads[header]["error"] == "a header is not UTF-8"
    for entry in heads.values():
        assert entry["topic"] == f"{world.prefix}directory.events" and entry["attempts"] == 1
        assert entry["_id"] == f"{entry['topic']}:{entry['partition']}:{entry['offset']}"
    waiting = [(entry["key"], entry["version"]) for entry in parked(world) if entry["error"] == parking.BEHIND]
    assert [version for key, version in waiting if key == header] == [1, 2]
    assert not agencies.find_one({"_id": {"$in": [json_, schema, header]}})
    assert any("notifications" in problem and "parked events" in problem for problem in world.problems())

    assert command(world, "parked", "replay", "notifications", header).returncode == 1
    assert operations.drop(world.foundation("notifications"), heads[header]["_id"])
    replayed = command(world, "parked", "replay", "notifications", header)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert world.database("notifications")["versions"].find_one({"_id": header})["version"] == 2
    assert agencies.find_one({"_id": header})


def test_08_what_cannot_be_parked_is_not_passed_over(world: World) -> None:
    """It is tried again after pauses that grow, though the database answers.

    Seen to fail with the position moved on where parking fails in Processor: the poison is passed over; and with each
    pause beginning anew in Worker._wait_out: they stay as short as the first.
    """
    notifications, key = world.database("notifications"), new_id("agency")
    refuse = {"$jsonSchema": {"required": ["nothing has this"]}}
    notifications.command("collMod", parking.PARKED, validator=refuse)
    put(world, key, b"{not json")
    worker = world.start(*WORKER)
    worker.wait_for(lambda: len(pauses(worker)) >= 3, "tries, and tries again")
    assert pauses(worker)[:3] == [0.5, 1.0, 2.0]
    assert not parked(world) and notifications[positions.POSITIONS].count_documents({}) == 0
    notifications.command("collMod", parking.PARKED, validator={})
    worker.wait_for(lambda: [entry["key"] for entry in parked(world)] == [key], "parked at last")
    assert sum(entry["offset"] for entry in notifications[positions.POSITIONS].find()) == 1
