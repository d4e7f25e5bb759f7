"""What a killed or absent part does to a running city: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.test_way_of_a_report import subscribe
from tests.support.ledger import Load, settle, verify
from tests.support.receiver import receiver
from tests.support.reports import a_report
from tests.support.stack import Stack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
DOWN_SECONDS = 30


@pytest.fixture(autouse=True)
def all_is_well_again(stack: Stack) -> Iterator[None]:
    """Each test leaves a product that runs."""
    yield
    wait_for(lambda: not stack.status()["problems"], "all is well again", 90)


def test_every_process_killed_once_under_load(stack: Stack) -> None:
    with receiver() as agency:
        subscribe(stack, agency.url)
        with Load(stack.client("intake_clerk")) as load:
            for process in ("web", "relay", "worker", "sender", "mongod", "kafka"):
                load.wait_for_more()
                before = stack.pid(process)
                stack.kill(process)
                wait_for(lambda p=process, b=before: stack.pid(p) not in (0, b), f"{process} is started again", 60)
            load.wait_for_more()
        assert len(load.accepted) > 20
        verify(stack, load)
        wait_for(lambda: len(agency.received) >= len(load.accepted), "the agency is told of all", 60)
        verify(stack, load, agency)


def test_with_kafka_down_intake_accepts_and_everything_arrives_later(stack: Stack) -> None:
    with Load(stack.client("intake_clerk")) as load:
        load.wait_for_more()
        with stack.without("kafka"):
            began, before = time.monotonic(), len(load.accepted)
            load.wait_for_more(20)
            status = stack.status()
            assert any("Kafka does not answer" in problem for problem in status["problems"]), status["problems"]
            wait_for(lambda: time.monotonic() > began + DOWN_SECONDS, "half a minute", DOWN_SECONDS + 1)
            assert len(load.accepted) >= before + 20
    verify(stack, load)


def test_with_mongo_down_the_answer_is_503_and_recovery_needs_no_restart(stack: Stack) -> None:
    clerk = stack.client("intake_clerk")
    ours = {process: stack.pid(process) for process in ("web", "worker", "sender")}
    settle(stack)
    held = stack.database()["intake"]["journal"].count_documents({})
    with stack.without("mongod"):
        answer = clerk.register(a_report(), "during-the-outage")
        assert answer.status == 503
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert int(answer.headers["Retry-After"]) > 0
        assert clerk.call("GET", "/readyz").status == 503
        assert "mongo" in clerk.call("GET", "/readyz").data.decode().lower()
    wait_for(lambda: clerk.call("GET", "/readyz").status == 200, "ready again", 60)
    assert stack.database()["intake"]["journal"].count_documents({}) == held, "a half-written report"
    assert clerk.register(a_report(), "during-the-outage").status == 201
    assert {process: stack.pid(process) for process in ours} == ours
    settle(stack)


def test_a_key_gives_its_answer_after_a_restart_too(stack: Stack) -> None:
    clerk, key = stack.client("intake_clerk"), str(uuid.uuid4())
    first = clerk.register(a_report(), key)
    assert first.status == 201
    before = stack.pid("web")
    stack.kill("web")
    wait_for(lambda: stack.pid("web") not in (0, before), "the web is started again")

    def again() -> str | None:
        try:
            return clerk.register(a_report(), key).json()["number"]
        except OSError:
            return None

    wait_for(lambda: clerk_answers(clerk), "the web answers")
    assert again() == first.json()["number"]


def clerk_answers(clerk: object) -> bool:
    from urllib3.exceptions import HTTPError

    try:
        return clerk.call("GET", "/healthz").status == 200  # type: ignore[attr-defined]
    except HTTPError:
        return False


@pytest.mark.parametrize("process", ["relay", "worker", "sender"])
def test_a_stopped_part_is_named_by_status(stack: Stack, process: str) -> None:
    with stack.without(process):
        wait_for(lambda: any(process in problem for problem in stack.status()["problems"]), f"{process} is named", 20)
