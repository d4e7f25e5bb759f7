"""The pages of a correction in a real browser: for everybody, on a telephone, in both languages, with their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from shared.foundation import Foundation
from shared.ids import new_id
from tests.support import web
from tests.support.browser import Browser, check_error_state, check_keyboard, check_page, unmarked_texts
from tests.support.reports import a_child, a_report
from tests.support.web import served, signed_in

pytestmark = [pytest.mark.mongo, pytest.mark.browser]


@pytest.fixture
def worker(as_role: Callable[..., web.Browser]) -> web.Browser:
    return as_role("case_worker")


@pytest.fixture
def address(app: Flask, foundation: Foundation, worker: web.Browser) -> Iterator[str]:
    """The address at which a case worker finds intake; the front door's headers are added to each request."""
    with served(signed_in(app, worker.actor)) as address:
        yield address


def test_the_pages_of_a_correction_are_as_every_page_must_be(
    address: str, as_role: Callable[..., web.Browser], worker: web.Browser
) -> None:
    sent = a_report(children=[a_child(name="Budi Contoh", nik="3375010101010001")])
    report = as_role().api("POST", "/api/v1/reports", sent, headers={"Idempotency-Key": new_id("key")}).json
    child = report["children"][0]["child_id"]
    path = f"reports/{report['number']}/children/{child}/correction"
    asked = {"child_id": child, "asked_by": "guardian", "identity_check": "family_card", "kind": "correction"}
    wrong = {"wrong": ["name", "nik", "sex", "age_years", "school_attendance"]}
    request = worker.api("POST", f"/api/v1/reports/{report['number']}/requests", {**asked, **wrong}).json["request_id"]
    with Browser() as browser:
        page = browser.open(f"{address}/id/{path}")
        check_page(page)
        check_keyboard(page)
        check_error_state(page)
        for place in ("reports/requests", f"reports/requests/{request}", path):
            check_page(browser.open(f"{address}/en/{place}"))
            assert unmarked_texts(browser.open(f"{address}/xx/{place}")) == []
        page = browser.open(f"{address}/id/reports/requests/{request}")
        page.locator(f"form[action$='{request}/held'] button").click()
        page.wait_for_url("**/held")
        assert page.input_value("[name=child-name]") == "Budi Contoh"
        check_page(page)
        page.fill("[name=child-nik]", "12")
        correct = f"form[action$='{request}/correction'] button"
        check_error_state(page, correct)
        assert page.input_value("[name=child-nik]") == "12", "what was typed is lost"
        page.fill("[name=child-nik]", "3375010101010002")
        page.locator(correct).click()
        page.wait_for_url(f"**/{request}")
        check_page(page)
        assert page.locator(correct).count() == 0
