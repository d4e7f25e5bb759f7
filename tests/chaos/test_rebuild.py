"""Read models made anew while reports come in: killed, resumed, equal, and nobody is told anything twice."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from shared.worker import generations
from tests.e2e.test_way_of_a_report import subscribe
from tests.support.ledger import Load, settle, verify
from tests.support.receiver import Receiver, receiver
from tests.support.stack import RUJUKAN, Stack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
# More events than a rebuild takes in one batch, so that there is a half way.
REPORTS = 600
TABLE = "/api/v1/indicators/reports_received?from=2024-01&to=2026-12"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A city of its own: its reading models are replaced under it."""
    with Stack(tmp_path_factory.mktemp("city"), "--without-clock", "--reports", str(REPORTS)).going(300) as stack:
        settle(stack)
        yield stack


class Reader:
    """A supervisor who looks at the dashboard's number again and again."""

    def __init__(self, city: Stack) -> None:
        self.seen: list[int] = []
        self.wrong: list[str] = []
        self._client = city.client("supervisor")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            answer = self._client.call("GET", TABLE)
            if answer.status == 200:
                self.seen.append(int(answer.json()["total"]["value"]))
            else:
                self.wrong.append(f"{answer.status} {answer.data[:200]!r}")


def replay(city: Stack, service: str, failpoint: str = "") -> subprocess.CompletedProcess[str]:
    """`rujukan replay SERVICE`, killed at a failpoint if one is named."""
    environ = {**os.environ, **city.environment(), "RUJUKAN_FAILPOINTS": f"{failpoint}=kill" if failpoint else ""}
    return subprocess.run([RUJUKAN, "replay", service], env=environ, capture_output=True, text=True, timeout=120)


def killed(city: Stack, failpoint: str) -> None:
    """A rebuild that meets its end there."""
    ended = replay(city, "reporting", failpoint)
    assert ended.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), ended.stderr


def models(city: Stack, number: int) -> dict[str, dict[str, Any]]:
    """All facts and counts of a generation by id."""
    database = generations.view(city.database()["reporting"], number)
    return {name: {entry["_id"]: entry for entry in database[name].find()} for name in ("facts", "cubes")}


def messages(agency: Receiver) -> Counter[str]:
    """How often the agency was told of each case's opening."""
    return Counter(each.json["data"]["case_id"] for each in agency.received if each.json["type"] == "case.opened")


def test_12_a_rebuild_in_live_traffic_killed_and_resumed_is_equal_and_tells_nobody(city: Stack) -> None:
    reporting = city.database()["reporting"]
    with receiver() as agency, Load(city.client("intake_clerk")) as load, Reader(city) as reader:
        subscribe(city, agency.url)
        load.wait_for_more()
        killed(city, "rebuild.batch")
        assert generations.state(reporting) == {"live": 0, "building": 1, "removing": None}
        half = len(models(city, 1)["facts"])
        assert 0 < half < len(models(city, 0)["facts"]), "half way"
        load.wait_for_more()
        killed(city, "rebuild.switched")
        assert generations.state(reporting) == {"live": 1, "building": None, "removing": 0}
        old, new = models(city, 0), models(city, 1)
        assert {key: new["facts"].get(key) for key in old["facts"]} == old["facts"], "nothing that was shown is lost"
        load.wait_for_more()
        ended = replay(city, "reporting")
        assert ended.returncode == 0 and "the old ones are removed" in ended.stdout, ended
        load.wait_for_more()
        seen = len(reader.seen)
        wait_for(lambda: len(reader.seen) > seen + 3, "the dashboard is read after it all")
    assert not reader.wrong, reader.wrong[:3]
    assert reader.seen == sorted(reader.seen), "the dashboard never fell back"
    assert min(reader.seen) >= REPORTS

    verify(city, load)
    assert reporting["facts"].count_documents({}) == reporting["cubes"].count_documents({}) == 0, "removed"
    # Nothing moves any more: what the worker made event by event since the switch, and what is now made anew.
    killed(city, "rebuild.switched")
    assert models(city, 2) == models(city, 1)
    assert replay(city, "reporting").returncode == 0
    assert len(models(city, 2)["facts"]) > 0


def test_12_a_replay_sends_no_message_again(city: Stack) -> None:
    with receiver() as agency:
        subscribe(city, agency.url)
        with Load(city.client("intake_clerk")) as load:
            load.wait_for_more(10)
        settle(city)
        wait_for(lambda: len(messages(agency)) >= len(load.accepted), "the agency is told of all")
        for service in ("notifications", "cases", "reporting"):
            ended = replay(city, service)
            assert ended.returncode == 0, ended
        # A later report comes out at the other end, behind everything that was read again.
        with Load(city.client("intake_clerk")) as more:
            more.wait_for_more(5)
        settle(city)
        told = len(load.accepted) + len(more.accepted)
        wait_for(lambda: len(messages(agency)) >= told, "the agency is told of the later ones too")
        verify(city, more, agency)
    assert set(messages(agency).values()) == {1}, "each case once"
