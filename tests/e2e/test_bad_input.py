"""Bad input of every kind, through the front door: a 4xx that says what is wrong, in both languages, never a 500."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support.reports import a_report
from tests.support.stack import ACCOUNTS, Client, Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
DEEP = 100_000


@pytest.fixture
def clerk(stack: Stack) -> Client:
    return stack.client("intake_clerk")


def send(clerk: Client, body: bytes, content_type: str = "application/json", language: str = "id") -> Any:
    headers = {
        "Authorization": f"Bearer {clerk.token}",
        "Idempotency-Key": "bad-input",
        "Content-Type": content_type,
        "Accept-Language": language,
    }
    return clerk.pool.request("POST", f"{clerk.url}/api/v1/reports", body=body, headers=headers)


BODIES: dict[str, tuple[bytes, str, int, str | None]] = {
    "not json": (b"{", "application/json", 400, None),
    "not utf-8": (b'{"channel": "\xff"}', "application/json", 400, None),
    "an array": (b"[]", "application/json", 422, None),
    "a number": (b"7", "application/json", 422, None),
    "nothing": (b"", "application/json", 422, None),
    "too deep": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "application/json", 400, None),
    "too deep in a list": (b"[" * DEEP + b"]" * DEEP, "application/json", 400, None),
    "ten megabytes": (b'{"narrative": "' + b"a" * 10_000_000 + b'"}', "application/json", 413, None),
    "a form": (b"channel=walk_in", "application/x-www-form-urlencoded", 415, None),
    "xml": (b"<report/>", "application/xml", 415, None),
    "an operator": (json.dumps(a_report(channel={"$ne": None})).encode(), "application/json", 422, "channel"),
    "a dotted key": (json.dumps(a_report(**{"a.b": 1})).encode(), "application/json", 422, "a.b"),
    "a dollar key": (json.dumps(a_report(**{"$where": "1"})).encode(), "application/json", 422, "$where"),
    "a wrong type": (json.dumps(a_report(children="one")).encode(), "application/json", 422, "children"),
    "a huge number": (
        json.dumps(a_report(work={"hours_per_day": 10**400})).encode(),
        "application/json",
        422,
        "work.hours_per_day",
    ),
    "not a number": (b'{"work": {"hours_per_day": NaN}}', "application/json", 400, None),
}


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_with_words(clerk: Client, name: str, language: str) -> None:
    body, content_type, status, field = BODIES[name]
    answer = send(clerk, body, content_type, language)
    assert answer.status == status, answer.data[:300]
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["title"] and problem["detail"]
    other = send(clerk, body, content_type, "en" if language == "id" else "id").json()
    assert problem["title"] != other["title"], "the words are in one language only"
    if field:
        assert field in {error["field"] for error in problem["errors"]}


@pytest.mark.parametrize("query", ["?page=0", "?page=-1", "?page=x", "?page_size=100000", "?kecamatan=$ne", "?x=1"])
def test_a_bad_question_is_refused(clerk: Client, query: str) -> None:
    answer = clerk.call("GET", f"/api/v1/reports{query}")
    assert answer.status in (400, 422), answer.data[:300]
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    "path",
    ["/", "/id", "/en/", "/xx/none", "/id/none", "/api/v1/none", "/api/v2/reports", "/%00", "/id/reports/%00",
     "/api/v1/reports/..%2f..%2fetc", "/id/reports/L-00000-00000-0", "/directory/internal/exchange",
     "/api/v1/reports/" + "a" * 3000, "/intake/static/../app.py", "/api/v1/reports/%ff%fe"],
)  # fmt: skip
def test_a_strange_address_is_no_server_error(clerk: Client, path: str) -> None:
    answer = clerk.pool.request("GET", clerk.url + path, redirect=False)
    assert answer.status < 500, answer.data[:300]
    if "internal" in path or "static" in path:
        assert answer.status == 404


def test_a_form_without_its_token_or_from_elsewhere_is_refused(stack: Stack) -> None:
    account = ACCOUNTS["intake_clerk"]
    pool = stack.client("intake_clerk").pool
    page = pool.request("GET", f"{stack.url}/id/sign-in")
    cookies = [value.partition(";")[0] for value in page.headers.getlist("Set-Cookie")]
    token = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', page.data.decode())[-1]
    fields = {"email": account.email, "password": account.password}

    def sign_in(token: str | None, origin: str | None) -> Any:
        headers = {"Cookie": "; ".join(cookies)} | ({"Origin": origin} if origin else {})
        sent = fields | ({"csrf_token": token} if token else {})
        return pool.request(
            "POST", f"{stack.url}/id/sign-in", fields=sent, headers=headers, encode_multipart=False, redirect=False
        )

    assert sign_in(None, stack.url).status == 403
    assert sign_in("forged", stack.url).status == 403
    assert sign_in(token, "https://elsewhere.example").status == 403
    assert sign_in(token, None).status == 403
    assert sign_in(token, stack.url).status in (302, 303)


def test_a_session_cookie_alone_does_not_let_another_site_write(stack: Stack) -> None:
    clerk = stack.client("intake_clerk")
    headers = {
        "Cookie": f"__Host-rujukan={clerk.token}",
        "Content-Type": "application/json",
        "Idempotency-Key": "cross-site",
        "Origin": "https://elsewhere.example",
    }
    answer = clerk.pool.request("POST", f"{stack.url}/api/v1/reports", body=json.dumps(a_report()), headers=headers)
    assert answer.status == 403
    assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_another_agencys_subscription_is_not_there(stack: Stack) -> None:
    supervisor, partner = stack.client("supervisor"), stack.client("partner_agency")
    agencies = supervisor.call("GET", "/api/v1/agencies?page_size=100").json()["items"]
    mine = {item["agency_id"] for item in partner.call("GET", "/api/v1/subscriptions").json()["items"]}
    other = next(item["id"] for item in agencies if item["id"] not in mine and item["kind"] == "police_ppa")
    body = {"agency_id": other, "url": "http://127.0.0.1:9/hook", "event_types": ["case.opened"]}
    made = supervisor.call("POST", "/api/v1/subscriptions", body, Idempotency_Key="another-agency")
    assert made.status == 201, made.data
    path = f"/api/v1/subscriptions/{made.json()['id']}"
    assert supervisor.call("GET", path).status == 200
    assert partner.call("GET", path).status == 404
    assert partner.call("PATCH", path, {"event_types": []}, If_Match='"1"').status == 404
    assert partner.call("DELETE", path, If_Match='"1"').status == 404
