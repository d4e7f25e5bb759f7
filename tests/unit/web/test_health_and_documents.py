"""Health by name, and the OpenAPI document that programs and people read."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from pymongo.errors import OperationFailure

from shared.web import add_check
from tests.support.web import Browser
from tests.unit.web.conftest import build


def test_alive_and_ready(stranger: Browser) -> None:
    assert stranger.get("/intake/healthz").json == {"status": "alive", "service": "intake"}
    answer = stranger.get("/intake/readyz")
    assert answer.status_code == 200
    assert answer.json["checks"] == {"mongodb": {"ok": True}}


def test_a_dependency_that_fails_is_named_and_nothing_more(keys: Path) -> None:
    class Refusing:
        def command(self, name: str) -> None:
            raise OperationFailure("user intake, password hunter2: authentication failed")

    app = build(keys, database=Refusing())
    add_check(app, "vault", lambda: None)
    browser = Browser(app)
    answer = browser.get("/intake/readyz")
    assert answer.status_code == 503
    assert answer.json["checks"] == {"mongodb": {"ok": False, "error": "OperationFailure"}, "vault": {"ok": True}}
    assert browser.get("/intake/healthz").status_code == 200, "alive is not ready"
    assert "hunter2" not in answer.text


def test_the_document_says_how_errors_look_and_who_may_call(stranger: Browser) -> None:
    document = stranger.get("/intake/openapi.json").json
    assert document["openapi"].startswith("3.1")
    register = document["paths"]["/api/v1/reports/"]["post"]
    assert register["responses"]["422"] == {"$ref": "#/components/responses/Problem"}
    assert register["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
    assert "security" not in register
    assert document["security"] == [{"bearer": []}, {"session": []}]
    assert document["paths"]["/api/v1/reports/open"]["post"]["security"] == []
    assert "application/problem+json" in document["components"]["responses"]["Problem"]["content"]
    assert "Error" not in document["components"]["schemas"]
    assert stranger.get("/intake/openapi.json").json == document, "asking twice must not change it"


def test_the_document_is_valid_openapi(app: Flask, stranger: Browser) -> None:
    import schemathesis

    document = stranger.get("/intake/openapi.json").json
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    assert sum(1 for _operation in schema.get_all_operations()) == 5


def test_the_page_shows_every_operation(stranger: Browser) -> None:
    html = stranger.get("/id/intake/api-docs").text
    for text in ("/api/v1/reports/", "Register a report", "children[].sex", "female, male", "Wajib"):
        assert text in html
