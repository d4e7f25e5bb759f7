"""One report all the way: a clerk's browser, a case, a partner's signed webhook, the dashboard's number."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from tests.support.browser import Browser, require_browser
from tests.support.receiver import receiver
from tests.support.reports import a_report
from tests.support.stack import ACCOUNTS, Client, Stack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
SECONDS = 15


def subscribe(stack: Stack, url: str) -> tuple[Client, str]:
    """The partner agency subscribes a webhook; returns the partner and the secret."""
    partner = stack.client("partner_agency")
    body = {"url": url, "event_types": ["case.opened"], "kecamatans": [], "minimum_severity": "low"}
    answer = partner.call("POST", "/api/v1/subscriptions", body, Idempotency_Key=str(uuid.uuid4()))
    assert answer.status == 201, answer.data
    return partner, answer.json()["secret"]


def reports_received(stack: Stack) -> int:
    """The dashboard's number of reports, as the supervisor reads it."""
    answer = stack.client("supervisor").call("GET", "/api/v1/indicators/reports_received")
    assert answer.status == 200, answer.data
    return int(answer.json()["total"]["value"])


def fill_in(page: Any, name: str) -> None:
    """Fills in the form of a report as a clerk does."""
    page.select_option("#channel", "walk_in")
    page.select_option("#kelurahan", "33.75.03.1002")
    page.select_option("#work_type", "fish_processing")
    page.fill("#children-0-name", name)
    page.fill("#children-0-age_years", "12")
    page.fill("#narrative", "Bekerja di tempat pengolahan ikan.")


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without-javascript"])
def test_a_report_reaches_case_agency_and_dashboard(stack: Stack, javascript: bool) -> None:
    require_browser()
    with receiver() as agency, Browser(javascript=javascript) as browser:
        partner, secret = subscribe(stack, agency.url)
        before = reports_received(stack)
        clerk = ACCOUNTS["intake_clerk"]
        browser.sign_in(stack.url, clerk.email, clerk.password)
        page = browser.open(f"{stack.url}/id/reports/new")
        name = f"Contoh {uuid.uuid4().hex}"
        fill_in(page, name)
        page.locator("main form button[type=submit]").last.click()
        page.wait_for_url(re.compile(r"/id/reports/L-"))
        number = page.url.rsplit("/", 1)[1]

        worker = stack.client("case_worker")
        report = stack.client("intake_clerk").call("GET", f"/api/v1/reports/{number}").json()

        def case() -> Any:
            found = worker.cases_of(report["report_id"])
            return found[0] if found else None

        opened = wait_for(case, "the case", SECONDS)
        assert (opened["kelurahan"], opened["stage"]) == ("33.75.03.1002", "screening")

        def webhook() -> Any:
            return [each for each in agency.received if each.json["data"]["case_id"] == opened["case_id"]]

        [message] = wait_for(webhook, "the webhook", SECONDS)
        assert message.verify(secret)["type"] == "case.opened"
        assert name not in message.body.decode() and name not in str(message.headers)
        wait_for(lambda: reports_received(stack) == before + 1, "the dashboard's number", SECONDS)

        log = partner.call("GET", "/api/v1/deliveries").json()["items"]
        assert any(delivery["state"] == "delivered" for delivery in log)

        # The case worker takes the first step in the browser.
        pendamping = ACCOUNTS["case_worker"]
        browser.context.clear_cookies()
        browser.sign_in(stack.url, pendamping.email, pendamping.password)
        page = browser.open(f"{stack.url}/id/cases/{opened['case_number']}")
        assert name not in page.content()
        page.click("text=Lakukan penapisan")
        page.check("input[name=fact_risk][value=high]")
        page.locator("main form button[type=submit]").last.click()
        page.wait_for_selector(".govuk-notification-banner--success")
        screened = worker.call("GET", f"/api/v1/cases/{opened['case_number']}").json()
        assert (screened["stage"], screened["facts"]) == ("emergency", {"risk": "high"})


def test_a_report_by_api_travels_the_same_way(stack: Stack) -> None:
    with receiver() as agency:
        subscribe(stack, agency.url)
        before = reports_received(stack)
        answer = stack.client("intake_clerk").register(a_report())
        assert answer.status == 201, answer.data
        report = answer.json()["report_id"]
        worker = stack.client("case_worker")
        wait_for(
            lambda: worker.call("GET", f"/api/v1/cases?report_id={report}").json()["total"] == 1, "the case", SECONDS
        )
        wait_for(lambda: agency.received, "the webhook", SECONDS)
        wait_for(lambda: reports_received(stack) == before + 1, "the dashboard's number", SECONDS)
