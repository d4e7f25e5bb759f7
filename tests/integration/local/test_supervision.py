"""The supervisor and its monitor, with small programs of ours: what dies is started again, and everything ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.ports import wait_until
from deploy.local.programs import STORES, WEB, Program
from deploy.local.state import State
from deploy.local.supervision import Monitor, Supervision

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
TEACHER = "import os, pathlib, time; pathlib.Path({!r}).write_text(os.environ['LESSON']); time.sleep(600)"
LESSON = "100 % 'sure', of a b=c; d\\e"


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state")
    state.prepare()
    return state


@pytest.fixture
def supervision(state: State) -> Iterator[Supervision]:
    supervision = Supervision(state.socket())
    yield supervision
    supervision.stop(30)


def process(supervision: Supervision, name: str):
    return next(one for one in supervision.processes() if one.name == name)


def test_a_killed_program_comes_back_and_the_monitor_says_so(state: State, supervision: Supervision):
    supervision.start(state, [Program("sleeper", STORES, SLEEPER, 5)])
    monitor = Monitor(supervision)
    supervision.launch("sleeper", STORES)
    wait_until(lambda: process(supervision, "sleeper").state == "RUNNING", 15, "the program")
    assert monitor.look() == []
    first = process(supervision, "sleeper").pid
    os.kill(first, signal.SIGKILL)
    lines: list[str] = []
    wait_until(lambda: bool(lines.extend(monitor.look()) or lines), 15, "a line about the restart")
    assert "sleeper ended and was started again" in lines[0]
    assert process(supervision, "sleeper").pid not in (0, first)


def test_a_program_that_cannot_start_is_named_and_not_given_up_for_ever(state: State, supervision: Supervision):
    broken = state.directory / "broken"
    supervision.start(state, [Program("broken", STORES, [sys.executable, str(broken)], 5)])
    monitor = Monitor(supervision)
    monitor.PAUSE_AFTER_GIVING_UP = 0.2
    # Eleven tries in a row, each a second later than the one before, is too long for a test: as if they were over.
    supervision._rpc.supervisor.startProcess(f"{STORES}:broken", False)
    wait_until(lambda: process(supervision, "broken").state == "BACKOFF", 15, "a failure")
    supervision._rpc.supervisor.stopProcess(f"{STORES}:broken")
    given_up = process(supervision, "broken")
    lines = monitor._give_another_try(given_up)
    assert "broken keeps failing" in lines[0]
    broken.write_text("import time; time.sleep(600)")

    def started() -> bool:
        one = process(supervision, "broken")
        if one.state == "STOPPED":
            monitor._give_another_try(one)
        return one.state == "RUNNING"

    wait_until(started, 15, "another try")


def test_variables_reach_their_program_as_they_are_and_no_other(state: State, supervision: Supervision):
    heard, silent = state.directory / "heard", state.directory / "silent"
    supervision.start(
        state,
        [
            Program("pupil", STORES, [sys.executable, "-c", TEACHER.format(str(heard))], 5, {"LESSON": LESSON}),
            Program("other", STORES, [sys.executable, "-c", TEACHER.format(str(silent))], 5, {"LESSON": "none"}),
        ],
    )
    for name in ("pupil", "other"):
        supervision.launch(name, STORES)
    wait_until(lambda: heard.exists() and silent.exists(), 15, "both programs")
    wait_until(lambda: (heard.read_text(), silent.read_text()) == (LESSON, "none"), 5, "their variables")


def test_programs_added_later_are_started_and_all_stop_in_the_opposite_order(state: State, supervision: Supervision):
    stores = [Program("store", STORES, SLEEPER, 5)]
    supervision.start(state, stores)
    supervision.launch("store", STORES)
    supervision.add(state, [*stores, Program("page", WEB, SLEEPER, 5)])
    supervision.launch("page", WEB)
    wait_until(lambda: all(one.state == "RUNNING" for one in supervision.processes()), 15, "both programs")
    processes = [psutil.Process(one.pid) for one in supervision.processes()]
    assert supervision.stop(30)
    assert not [one for one in processes if one.is_running()]
    log = (state.logs / "supervisord.log").read_text()
    assert log.index("stopped: page") < log.index("stopped: store")


def test_the_instance_s_ports_stay_unless_taken(state: State):
    import socket

    first = state.ports()
    assert state.ports() == first
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first.kafka))
        taken.listen()
        moved = state.ports()
    assert moved.kafka != first.kafka
    assert moved.mongod == first.mongod


def test_a_long_state_path_still_gets_a_socket(tmp_path: Path):
    state = State(tmp_path / ("deep" * 30))
    assert len(str(state.socket())) <= 100


@pytest.mark.mongo
def test_data_stay_when_mongod_moves_to_another_port(tmp_path: Path):
    from deploy.local.ports import free_port
    from tests.support.servers import Mongo

    server = Mongo(tmp_path)
    try:
        server.start()
        server.client().city.reports.insert_one({"_id": "report-1"})
        server.client().close()
        server.stop_signal()
        moved = Mongo(tmp_path)
        moved.port = free_port()
        server = moved.start()
        assert server.client().city.reports.find_one() == {"_id": "report-1"}
    finally:
        server.kill()
