"""Bad day 1: intake is killed between the journal's commit and the answer."""

from __future__ import annotations

import pytest
import urllib3
from urllib3.exceptions import HTTPError

from shared.access.tokens import HEADER, issue, load_private_key
from tests.chaos.conftest import CLERK, World
from tests.support.process import Role
from tests.support.reports import a_report

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]


def send(world: World, web: Role, key: str) -> urllib3.BaseHTTPResponse:
    private = load_private_key(world.directory.settings.token_private_key_file)
    headers = {HEADER: issue(private, CLERK), "X-Rujukan-Auth": "bearer", "Idempotency-Key": key}
    pool = urllib3.PoolManager(retries=False, timeout=20)
    return pool.request("POST", f"http://127.0.0.1:{web.port}/api/v1/reports", json=a_report(), headers=headers)


def ready(web: Role) -> bool:
    try:
        return urllib3.request("GET", f"http://127.0.0.1:{web.port}/intake/healthz", retries=False).status > 0
    except HTTPError:
        return False


def test_01_killed_between_commit_and_answer_the_repetition_finds_the_report_of_the_first_time(world: World) -> None:
    """Seen to fail with the record of the command left out of Journal._whole: the repetition makes a second report."""
    killed = world.start("web", "--service", "intake", failpoints="journal.committed=kill")
    killed.wait_for(lambda: ready(killed), "listens")
    with pytest.raises(HTTPError):
        send(world, killed, "the-key-of-an-offline-phone")
    [report] = world.database("intake")["reports"].find()
    killed.end()

    web = world.start("web", "--service", "intake")
    web.wait_for(lambda: ready(web), "listens")
    for _ in range(2):
        answer = send(world, web, "the-key-of-an-offline-phone")
        assert (answer.status, answer.json()["report_id"]) == (201, report["_id"])
    assert world.database("intake")["reports"].count_documents({}) == 1
    assert world.database("intake")["journal"].count_documents({}) == 1
