"""What a browser is told, and what a foreign page cannot do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Blueprint, Flask

from shared.web import create_app, finish
from tests.support.web import ORIGIN, Browser, csrf_token, foundation

FORM = "/id/reports/form"
SAFE = {"name": "Budi", "sex": "f"}


def test_every_answer_has_the_headers(clerk: Browser) -> None:
    for path in (FORM, "/id/nothing", "/api/v1/reports/", "/intake/healthz", "/intake/openapi.json"):
        headers = clerk.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_the_session_cookie_is_locked_to_this_host(clerk: Browser, stranger: Browser) -> None:
    cookie = stranger.get("/id/intake/api-docs").headers.get("Set-Cookie")
    assert cookie is None, "a page without a form needs no session"
    cookie = clerk.get(FORM).headers["Set-Cookie"]
    assert cookie.startswith("__Host-intake=")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie


def test_no_page_has_a_script_or_a_style_of_its_own(clerk: Browser) -> None:
    for path in (FORM, "/id/nothing", "/id/intake/api-docs"):
        html = clerk.get(path).text
        assert not re.search(r"<style|style=|<script(?![^>]*src=)|\son\w+=|javascript:", html)


def test_static_files_are_kept_for_ever_under_the_name_of_their_content(clerk: Browser) -> None:
    address = re.search(r'href="(/intake/static/shared/app\.css\?v=\w+)"', clerk.get(FORM).text)
    assert address
    assert "immutable" in clerk.get(address.group(1)).headers["Cache-Control"]
    assert clerk.get("/intake/static/shared/app.css").headers["Cache-Control"] == "no-cache"


def test_our_own_form_is_accepted(clerk: Browser) -> None:
    assert clerk.post(FORM, SAFE).json == {"name": "Budi", "seen_on": "None"}


@pytest.mark.parametrize(
    ("headers", "title"),
    [
        ({"Origin": "https://elsewhere.example"}, "datang dari situs lain"),
        ({"Origin": "null"}, "datang dari situs lain"),
        ({"Origin": "https://localhost:8443"}, "datang dari situs lain"),
        ({"Origin": "http://[::1"}, "datang dari situs lain"),
        ({"Sec-Fetch-Site": "cross-site"}, "datang dari situs lain"),
        ({}, "datang dari situs lain"),
    ],
)
def test_a_foreign_or_missing_origin_is_refused(clerk: Browser, headers: dict[str, str], title: str) -> None:
    token = csrf_token(clerk.get(FORM).text)
    ours = clerk.headers()
    del ours["Origin"]
    answer = clerk.client.post(FORM, data={**SAFE, "csrf_token": token}, headers={**ours, **headers}, base_url=ORIGIN)
    assert answer.status_code == 403
    assert title in answer.text


@pytest.mark.parametrize("token", ["", "wrong", None])
def test_a_form_without_our_token_is_refused(clerk: Browser, token: str | None) -> None:
    clerk.get(FORM)
    data = SAFE if token is None else {**SAFE, "csrf_token": token}
    answer = clerk.client.post(FORM, data=data, headers=clerk.headers(), base_url=ORIGIN)
    assert answer.status_code == 403
    assert "Asal formulir ini" in answer.text


def test_json_by_cookie_needs_the_token_and_json_by_bearer_does_not(clerk: Browser) -> None:
    body = {"children": []}
    by_cookie = clerk.headers("cookie")
    refused = clerk.client.post("/api/v1/reports/", json=body, headers=by_cookie, base_url=ORIGIN)
    assert refused.status_code == 403
    assert refused.json["type"] == "urn:rujukan:problem:csrf"
    # A missing header of the front door is no way around it.
    del by_cookie["X-Rujukan-Auth"]
    assert clerk.client.post("/api/v1/reports/", json=body, headers=by_cookie, base_url=ORIGIN).status_code == 403
    token = {"X-CSRFToken": csrf_token(clerk.get(FORM).text)}
    headers = clerk.headers("cookie") | token
    assert clerk.client.post("/api/v1/reports/", json=body, headers=headers, base_url=ORIGIN).status_code == 201
    assert clerk.api("POST", "/api/v1/reports/", body).status_code == 201


def test_json_without_a_session_may_not_come_from_a_foreign_page(stranger: Browser) -> None:
    path = "/api/v1/reports/open"
    assert stranger.api("POST", path, {}).status_code == 200
    assert stranger.api("POST", path, {}, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert stranger.client.post(path, json={}, base_url=ORIGIN).status_code == 200


def test_the_sign_out_form_of_any_service_is_accepted_where_sign_out_lives(clerk: Browser) -> None:
    html = clerk.get(FORM).text
    token = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', html)[0]
    fresh = clerk.client.application.test_client()  # the service that signs out has no session of its own yet
    headers = clerk.headers()

    def send(path: str, value: str) -> int:
        return fresh.post(path, data={"csrf_token": value}, headers=headers, base_url=ORIGIN).status_code

    assert send("/id/sign-out", token) == 200
    assert send("/id/sign-out", "wrong") == 403
    assert send("/id/sign-out", "é") == 403
    assert send("/id/reports/sign-out", token) == 403, "the token is good for nothing else"
    assert fresh.post(FORM, data={**SAFE, "csrf_token": token}, headers=headers, base_url=ORIGIN).status_code == 403


def test_a_route_that_says_no_rule_stops_the_build(keys: Path) -> None:
    pages = Blueprint("pages", __name__)

    @pages.get("/forgotten")
    def forgotten() -> str:
        return "open to all?"

    app: Flask = create_app(foundation(keys), __name__, pages=[pages])
    with pytest.raises(RuntimeError, match=r"GET /<lang:lang>/forgotten \(pages.forgotten\)"):
        finish(app)
