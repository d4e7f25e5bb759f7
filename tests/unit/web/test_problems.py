"""Every failure has one form: problem+json for programs, a page for people, in their language, with nothing leaked."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.support.web import Browser

REPORTS = "/api/v1/reports/"


def fields(answer: Any) -> dict[str, str]:
    return {error["field"]: error["message"] for error in answer.json["errors"]}


def test_a_refused_body_names_every_field_in_the_language_of_the_sender(clerk: Browser) -> None:
    body = {"hours": 99, "children": [{"sex": "x", "name": "n" * 11, "extra": 1}], "$ne": None}
    english = clerk.api("POST", REPORTS, body, headers={"Accept-Language": "en"})
    assert english.status_code == 422
    assert english.mimetype == "application/problem+json"
    assert fields(english) == {
        "hours": "Must be greater than or equal to 0 and less than or equal to 24.",
        "children.0.sex": "Must be one of: female, male.",
        "children.0.name": "Longer than maximum length 10.",
        "children.0.extra": "Unknown field.",
        "$ne": "Unknown field.",
    }
    assert {error["pointer"] for error in english.json["errors"]} >= {"/children/0/sex", "/hours"}
    assert english.json["instance"].endswith(english.headers["X-Request-Id"])
    indonesian = clerk.api("POST", REPORTS, body, headers={"Accept-Language": "id-ID,id;q=0.9,en;q=0.5"})
    assert fields(indonesian)["hours"] == "Harus antara 0 dan 24."
    assert fields(indonesian)["children.0.sex"] == "Harus salah satu dari: female, male."
    assert not set(fields(indonesian).values()) & set(fields(english).values())


def test_an_error_outside_the_body_says_where(clerk: Browser) -> None:
    answer = clerk.api("GET", REPORTS + "?page=many")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "page"
    assert answer.json["errors"][0]["in"] == "query"
    assert "pointer" not in answer.json["errors"][0]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"hours": NaN}', "application/json", 400),
        (b'{"hours": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b'{"a": "\xff"}', "application/json", 400),
        (b"[" * 100_000 + b"]" * 100_000, "application/json", 400),
        (b'{"a":' * 900 + b"1" + b"}" * 900, "application/json", 400),
        (b"{}" + b" " * 1024 * 1024, "application/json", 413),
        (b"<report/>", "application/xml", 415),
        (b"hours=3", "application/x-www-form-urlencoded", 415),
        (b"[]", "application/json", 422),
        (b'"text"', "application/json", 422),
        (b"null", "application/json", 422),
        (b"", "application/json", 422),
        (b'{"children": "all"}', "application/json", 422),
        (b'{"children": {"$ne": null}}', "application/json", 422),
        (b'{"children": [], "hours": "3"}', "application/json", 422),
        (b'{"children": [], "a.b": 1}', "application/json", 422),
        (b'{"children": [{"sex": "male", "name": "a\\u0000"}]}', "application/json", 422),
        (b'{"children": [{"sex": "male", "name": "\\ud800"}]}', "application/json", 422),
        (b'{"children": [], "hours": 99999999999999999999}', "application/json", 422),
        (b'{"children": [], "hours": 1e999}', "application/json", 422),
    ],
)
def test_bad_bodies_are_refused_never_a_500(clerk: Browser, body: bytes, content_type: str, status: int) -> None:
    answer = clerk.client.post(REPORTS, data=body, headers=clerk.headers("bearer", **{"Content-Type": content_type}))
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == status


def test_a_character_that_cannot_be_stored_is_named_with_its_field(clerk: Browser) -> None:
    answer = clerk.api("POST", REPORTS, {"children": [{"sex": "male", "name": "a\x00"}]})
    assert answer.json["errors"][0]["pointer"] == "/children/0/name"


@pytest.mark.parametrize("path", ["/id/reports/form?q=%00", "/id/reports/wrong/%00", "/api/v1/reports/?page=%00"])
def test_nul_in_an_address_is_refused(clerk: Browser, path: str) -> None:
    assert clerk.get(path).status_code == 400


def test_two_writers_on_one_version(clerk: Browser) -> None:
    assert clerk.api("GET", REPORTS + "wrong/conflict").status_code == 409
    answer = clerk.api("PUT", REPORTS + "wrong/conflict", headers={"If-Match": '"3"'})
    assert answer.status_code == 412
    assert answer.json["current_version"] == 4


@pytest.mark.parametrize("kind", ["unavailable", "unreachable"])
def test_a_database_out_of_reach_asks_for_patience(clerk: Browser, kind: str) -> None:
    for path in (REPORTS, "/id/reports/"):
        answer = clerk.get(path + "wrong/" + kind)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert "Contoh refused" not in answer.text
        assert "secret-host" not in answer.text


def test_a_fault_of_ours_says_nothing_of_itself(clerk: Browser) -> None:
    for path in (REPORTS, "/id/reports/"):
        with capture_logs() as heard:
            answer = clerk.get(path + "wrong/bug")
        assert answer.status_code == 500
        assert "Budi" not in answer.text.replace("Sari Contoh", "")
        assert "ValueError" not in answer.text
        [fault] = [line for line in heard if line["event"] == "unexpected_error"]
        assert fault["error_type"] == "builtins.ValueError"
        assert fault["endpoint"] in ("reports.wrong", "pages.wrong_page")
        assert "Budi" not in str(heard), "the text of an exception was logged"


def test_a_request_is_found_again_by_its_id(clerk: Browser) -> None:
    answer = clerk.get("/id/reports/form", headers={"X-Request-Id": "from-the-front-door-1"})
    assert answer.headers["X-Request-Id"] == "from-the-front-door-1"
    forged = clerk.get("/id/nothing", headers={"X-Request-Id": 'a"} injected'})
    assert "injected" not in forged.headers["X-Request-Id"]
    assert forged.headers["X-Request-Id"] in forged.text
    with capture_logs(processors=[merge_contextvars]) as heard:
        clerk.get("/id/reports/form?name=Budi", headers={"X-Request-Id": "request-2"})
    [line] = [line for line in heard if line["event"] == "request"]
    assert (line["request_id"], line["service"], line["status"]) == ("request-2", "intake", 200)
    assert "Budi" not in str(heard), "an address may hold what a person typed"


def test_a_reused_key_and_our_own_problems(clerk: Browser) -> None:
    assert clerk.api("GET", REPORTS + "wrong/reused").status_code == 422
    answer = clerk.api("GET", REPORTS + "wrong/problem")
    assert answer.json["type"] == "urn:rujukan:problem:already-closed"
    assert answer.json["errors"][0]["pointer"] == "/children/0/sex"


@pytest.mark.parametrize(("language", "title"), [("id", "Tidak ditemukan"), ("en", "Not found")])
def test_pages_fail_as_pages(clerk: Browser, language: str, title: str) -> None:
    answer = clerk.get(f"/{language}/nothing")
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert f"<title>{title} – Rujukan</title>" in answer.text
    assert f'<html lang="{language}"' in answer.text


def test_a_wrong_method_says_which_are_right(clerk: Browser) -> None:
    answer = clerk.api("DELETE", REPORTS)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert answer.mimetype == "application/problem+json"


def test_who_is_not_signed_in(stranger: Browser) -> None:
    assert stranger.get(REPORTS).status_code == 401
    assert stranger.get(REPORTS).mimetype == "application/problem+json"
    assert stranger.get("/id/reports/form").headers["Location"].startswith("/id/sign-in")
