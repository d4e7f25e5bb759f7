"""The pages of notifications in a real browser: accessible, usable by keyboard and on a telephone, in two languages."""

from __future__ import annotations

import pytest

from services.notifications import actions
from services.notifications.app import create_app
from shared.access import Actor
from tests.integration.notifications.world import (
    PARTNER,
    case_event,
    delivery,
    directory_event,
    hear,
    sending,
    subscribe,
)
from tests.support.browser import (
    Browser,
    check_error_state,
    check_keyboard,
    check_page,
    require_browser,
    unmarked_texts,
)
from tests.support.receiver import receiver
from tests.support.web import served, signed_in

pytestmark = [pytest.mark.mongo, pytest.mark.browser]

SUPERVISOR = Actor("account-" + "3" * 32, "supervisor", session="s2")

# What is left of an agency in a choice, once its kind and place are taken as translated: the beginning of its id.
NAMES = {",  (aaaaaa)"}


@pytest.fixture
def address(foundation):
    """The pages behind a front door that lets a supervisor in."""
    require_browser()
    with served(signed_in(create_app(foundation), SUPERVISOR), "localhost") as address:
        yield address


@pytest.fixture
def world(foundation):
    """An agency with one subscription that works and one that was disabled, and the log of a few messages."""
    facts = {"agency_id": PARTNER.agency_id, "kind": "health_centre", "kecamatan": "33.75.01", "active": True}
    hear(foundation, directory_event("agency.registered", PARTNER.agency_id, **facts))
    with receiver() as agency, sending(foundation, schedule=(0,)):
        works, _ = subscribe(foundation, agency.url, event_types=("case.opened",), kecamatans=("33.75.03",))
        broken, _ = subscribe(foundation, "http://127.0.0.1:9/a-rather-long-path/" + "x" * 60)
        hear(foundation, case_event())
        sent = delivery(foundation, "delivered", subscription_id=works)["_id"]
        failed = delivery(foundation, "failed", subscription_id=broken)["_id"]
    return {"works": works, "broken": broken, "sent": sent, "failed": failed}


def paths(world) -> list[str]:
    works, broken = f"/subscriptions/{world['works']}", f"/subscriptions/{world['broken']}"
    return [
        "/subscriptions",
        "/subscriptions/new",
        works,
        broken,
        f"{works}/edit",
        f"{works}/delete",
        f"{works}/deliveries/{world['sent']}",
        f"{broken}/deliveries/{world['failed']}",
        "/subscriptions/nothing",
    ]


def test_every_page_passes_every_check(address, world):
    with Browser() as browser:
        for path in paths(world):
            check_page(browser.open(f"{address}/id{path}"), "id")
            assert set(unmarked_texts(browser.open(f"{address}/xx{path}"))) <= NAMES
        for path in paths(world)[1:3]:
            check_page(browser.open(f"{address}/en{path}"), "en")
            check_keyboard(browser.open(f"{address}/id{path}"))


def test_an_empty_form_leads_to_its_errors(address, world):
    with Browser() as browser:
        check_error_state(browser.open(f"{address}/id/subscriptions/new"))
        page = browser.open(f"{address}/id/subscriptions/{world['works']}/edit")
        page.fill("#url", "https://10.0.0.1/")
        check_error_state(page)
        assert "jaringan privat" in page.locator(".govuk-error-summary").inner_text()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_supervisor_subscribes_for_an_agency_and_sees_the_secret_once(address, world, foundation, javascript):
    with Browser(javascript=javascript) as browser:
        page = browser.open(f"{address}/en/subscriptions/new")
        page.select_option("#agency_id", PARTNER.agency_id)
        page.fill("#url", "http://127.0.0.1:9/new")
        page.locator("main form button[type=submit]").click()
        assert "whsec_" in page.locator("main").inner_text()
        if javascript:
            check_page(page, "en")
        page.get_by_text("Go to the subscription").click()
        assert "whsec_" not in page.content()
        page.get_by_role("button", name="Disable").click()
        assert "nothing is sent" in page.locator("main").inner_text()
        page.get_by_role("button", name="Enable").click()
        page.get_by_role("button", name="Make a new secret").click()
        assert "whsec_" in page.locator("main").inner_text()
    (made,) = foundation.database.subscriptions.find({"url": "http://127.0.0.1:9/new"})
    assert len(actions.secrets_in_force(foundation, made, foundation.clock())) == 2
