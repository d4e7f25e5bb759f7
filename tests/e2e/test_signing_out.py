"""What ends is over at the next request, whichever of the web server's workers answers it.

Seen to fail with the workers' shared memory made private (`services/directory/remembered.py`): the other worker let the
session in for two seconds more.
"""

from __future__ import annotations

import pytest
import urllib3

from tests.support.stack import Client, Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
CONNECTIONS = 40  # that all of them come to one of two workers happens once in a million million


def answers(client: Client) -> set[int]:
    """What everybody says who is asked, over connections of their own, who is signed in."""
    found = set()
    for _ in range(CONNECTIONS):
        with urllib3.PoolManager(retries=False) as pool:
            asked = pool.request(
                "GET", f"{client.url}/api/v1/sessions/current", headers={"Authorization": f"Bearer {client.token}"}
            )
            found.add(asked.status)
    return found


def test_a_session_that_was_ended_is_over_in_every_worker(stack: Stack) -> None:
    clerk = stack.client("intake_clerk")
    assert answers(clerk) == {200}, "every worker has seen the session, and remembers it"
    assert clerk.call("DELETE", "/api/v1/sessions/current").status == 204
    assert answers(clerk) == {401}


def test_a_closed_account_is_out_in_every_worker(stack: Stack) -> None:
    analyst, administrator = stack.client("analyst"), stack.client("administrator")
    assert answers(analyst) == {200}
    account = analyst.call("GET", "/api/v1/sessions/current").json()["account_id"]
    address = f"/api/v1/accounts/{account}"
    version = administrator.call("GET", address).headers["ETag"]
    closed = administrator.call("PATCH", address, {"active": False}, If_Match=version)
    assert closed.status == 200, closed.data
    try:
        assert answers(analyst) == {401}
    finally:
        again = administrator.call("PATCH", address, {"active": True}, If_Match=closed.headers["ETag"])
    assert again.status == 200
