"""Two relays, two workers, as processes of their own: one is enough, and two do nothing twice.

Reports are written while a process is killed, or stopped past its lease; then reporting's figures are compared with the
journals.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deploy.local import leash
from deploy.local.state import ROOT
from services.reporting.handlers import TOPICS
from shared import relay
from shared.events.topics import topics
from shared.journal.unit import JOURNAL
from tests.chaos.figures import City
from tests.integration.foundation.test_relay_and_worker import wait_for
from tests.integration.reporting.conftest import REPORTS, History
from tests.support.groups import Members, members
from tests.support.servers import Kafka, Mongo

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def city(mongo: Mongo, kafka: Kafka, prefix: str) -> City:
    return City.found(mongo, kafka, prefix)


@pytest.fixture
def start(city: City) -> Iterator[Start]:
    """Starts a role of a service as supervisors do; all end with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(role: str, service: str, instance: str = "") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "deploy.cli", "run", role, "--service", service]
        environ = {**os.environ, **city.environ, "RUJUKAN_INSTANCE": instance}
        process = subprocess.Popen(leash.command(command), env=leash.environment(environ), cwd=ROOT)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(10)


def register(city: City, reports: int = 5) -> None:
    history = History()
    for _ in range(reports):
        history.report()
    city.write(*[entry for entry in history.entries if entry.topic == REPORTS])


def pending(city: City) -> int:
    return city.intake.database[JOURNAL].count_documents({"pending": True})


def leader(city: City) -> Any:
    return relay.lease.leader(city.intake.database, relay.LEASE)


def lead_by(city: City, process: subprocess.Popen[bytes]) -> bool:
    found = leader(city)
    return found is not None and f":{process.pid}:" in found["holder"]


def group(city: City) -> Members:
    return members(city.reporting.settings)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_of_two_relays_the_other_takes_over(city: City, start: Start, end: signal.Signals) -> None:
    """Killed, or stopped past its lease and continued: then it is fenced, and stands by.

    Fails with a lease that nobody else can take: what is written waits for ever.
    """
    first = start("relay", "intake")
    wait_for(lambda: lead_by(city, first), "the first leads")
    second = start("relay", "intake")
    register(city)
    wait_for(lambda: pending(city) == 0, "the first publishes")
    token = leader(city)["token"]
    first.send_signal(end)
    register(city)
    wait_for(lambda: lead_by(city, second), "the second takes over")
    wait_for(lambda: pending(city) == 0, "the second publishes")
    if end == signal.SIGSTOP:
        first.send_signal(signal.SIGCONT)
        register(city)
        wait_for(lambda: pending(city) == 0, "published while both run")
        assert first.poll() is None, "the one that was fenced stands by"
    assert lead_by(city, second) and leader(city)["token"] == token + 1
    with city.working():
        city.read_all()
        wait_for(lambda: city.figures() == city.wanted(), "every report once")


def test_two_workers_share_the_partitions_and_one_is_enough(city: City, start: Start) -> None:
    """A killed worker that is back within the session's time-out goes on where it was, under the same name; one that
    stays away is stood in for by the other.

    Fails with the members without names: a restart gives a member of another name, and moves partitions.
    """
    whole = {(city.reporting.settings.prefix + topic, number) for topic, number in _partitions()}
    processes = {name: start("worker", "reporting", name) for name in ("one", "two")}

    def shared() -> bool:
        found = group(city)
        parts = [found.get(name, set()) for name in processes]
        return set(found) == set(processes) and all(parts) and not parts[0] & parts[1] and parts[0] | parts[1] == whole

    wait_for(shared, "each partition has one of the two")
    register(city, 10)
    city.publish()
    city.read_all()
    assert city.figures() == city.wanted()

    for name in ("one", "two"):  # one of them leads the group
        before = group(city)
        processes[name].kill()
        processes[name].wait(10)
        processes[name] = start("worker", "reporting", name)
        register(city, 10)
        city.publish()
        city.read_all()
        wait_for(shared, "both share again")
        assert group(city) == before, "nobody's partitions moved"
        wait_for(lambda: city.figures() == city.wanted(), "every report once")

    processes["one"].kill()
    register(city, 10)
    city.publish()
    wait_for(lambda: group(city) == {"two": whole}, "the other stands in for the one that stays away")
    city.read_all()
    wait_for(lambda: city.figures() == city.wanted(), "every report once")


def test_a_worker_stopped_past_its_session_is_driven_out_and_comes_back(city: City, start: Start) -> None:
    """Continued, it writes nothing that the other has written, and takes part again.

    It does not fail with the comparison of positions alone taken out: the versions absorb what would come twice.
    """
    first = start("worker", "reporting", "one")
    wait_for(lambda: "one" in group(city), "the first has joined")
    start("worker", "reporting", "two")
    wait_for(
        lambda: all(group(city).values()) and len(group(city)) == 2,
        "both share",
    )
    first.send_signal(signal.SIGSTOP)
    register(city, 20)
    city.publish()
    wait_for(lambda: set(group(city)) == {"two"}, "the first is out")
    city.read_all()
    first.send_signal(signal.SIGCONT)
    register(city, 20)
    city.publish()
    wait_for(
        lambda: all(group(city).values()) and len(group(city)) == 2,
        "both share again",
    )
    city.read_all()
    wait_for(lambda: city.figures() == city.wanted(), "every report once")


def _partitions() -> list[tuple[str, int]]:
    return [(topic.name, number) for topic in topics() if topic.name in TOPICS for number in range(topic.partitions)]
