"""A rolling restart under load: `rujukan restart`, with --long twice, and nobody meets anything but an answer.

Seen to fail: with gunicorn listening on the port itself, connections are refused while the web is away; with a web that
is killed instead of told to end, kept-alive connections are cut; without the relief nobody is answered until the new
web has loaded.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import leash
from deploy.local.state import State
from tests.chaos.campaign import oracle
from tests.chaos.campaign.campaign import before_all
from tests.chaos.campaign.clients import Clients
from tests.support.ledger import Load
from tests.support.receiver import receiver
from tests.support.stack import RUJUKAN, Stack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(480)]
OURS = ("worker", "relay", "sender", "web")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("rolling"), "--without-clock").going() as stack:
        yield stack


def test_everything_is_restarted_and_nobody_notices(stack: Stack, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    rounds = 2 if pytestconfig.getoption("--long") else 1
    with receiver() as agency:
        before = before_all(stack, agency)
        clients = Clients(stack, agency.url, seed=1)
        with Load(stack.client("intake_clerk"), clients=6, pause=0.1) as load:
            clients.go()
            for round_ in range(rounds):
                load.wait_for_more()
                pids = {name: stack.pid(name) for name in OURS}
                answered = restart(stack, load, tmp_path / f"restart-{round_}")
                assert not load.unanswered, load.unanswered[:3]
                assert len(answered) > 1, "reports are accepted while the web that was restarted loads"
                assert not [name for name in OURS if stack.pid(name) in (0, pids[name])]
            load.wait_for_more()
            clients.rest()
        clients.end()
        assert not load.unanswered
        assert not clients.ledger.unanswered, clients.ledger.unanswered[:3]
        clients.ledger.accepted |= load.accepted
        clients.ledger.unexpected += load.unexpected
        oracle.verify(stack, clients.ledger, agency, before)
    assert not stack.status()["problems"]


def test_a_web_that_cannot_start_is_found_while_the_old_one_serves(stack: Stack) -> None:
    """Seen to fail without the relief: the old web is gone by then."""
    before, key = stack.pid("web"), stack.state / "keys" / "vault" / "vault.json"
    away = key.rename(key.with_suffix(".away"))
    try:
        done = stack.command("restart", "web", seconds=150)
    finally:
        away.rename(key)
    assert done.returncode == 1 and "web-relief does not start" in done.stderr
    assert "vault.json" in (stack.state / "logs" / "web-relief.log").read_text()
    assert stack.pid("web") == before
    with Load(stack.client("intake_clerk")) as load:
        load.wait_for_more()
    assert not load.unanswered
    assert not stack.status()["problems"], "what was tried and failed is no part of the product"


def test_what_cannot_be_restarted_alone_is_named(stack: Stack) -> None:
    done = stack.command("restart", "kafka")
    assert done.returncode == 1
    assert "There is no kafka that can be restarted alone: choose from worker, relay, sender, web" in done.stderr


def restart(stack: Stack, load: Load, output: Path) -> set[int]:
    """Restarts everything. Returns the numbers of reports that had been accepted whenever the new web was not ready."""
    first, serving = stack.pid("web"), State(stack.state).serving
    answered: set[int] = set()
    with output.open("wb") as out:
        command = leash.command([RUJUKAN, "restart", "--state", str(stack.state)])
        usual = {name: value for name, value in os.environ.items() if not name.startswith("RUJUKAN_")}
        process = subprocess.Popen(command, env=leash.environment(usual), stdout=out, stderr=subprocess.STDOUT)

        def over() -> bool:
            web = stack.pid("web")
            if web != first and not (serving / str(web)).exists():
                answered.add(len(load.accepted))
            return process.poll() is not None

        wait_for(over, "the restart ends", 240)
    assert process.returncode == 0, output.read_text() + stack.logs()
    return answered
