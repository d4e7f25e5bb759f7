"""The dashboard in a real browser: for everybody, on a telephone, on paper, within the content security policy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from shared.access import Actor
from tests.integration.reporting.conftest import Feed
from tests.integration.reporting.test_dashboard import busy_year, key_figures
from tests.support.browser import Browser, check_error_state, check_keyboard, check_page, unmarked_texts
from tests.support.web import served, signed_in

pytestmark = [pytest.mark.mongo, pytest.mark.browser]

ANALYST = Actor("account-" + "0" * 32, "analyst", session="session-" + "0" * 32, name="Sari Contoh")


@pytest.fixture
def address(app: Flask, feed: Feed) -> Iterator[str]:
    """The address at which an analyst finds reporting, with a year's figures."""
    feed.tell(busy_year().entries)
    with served(signed_in(app, ANALYST)) as address:
        yield address


def test_the_dashboard_is_as_every_page_must_be(address: str) -> None:
    with Browser() as browser:
        page = browser.open(f"{address}/id/dashboard")
        loaded = (
            "() => [...document.querySelectorAll('figure img')].every(image => image.complete && image.naturalWidth)"
        )
        page.wait_for_function(loaded)
        assert page.locator("figure img").count() == 2
        check_page(page)
        check_keyboard(page)
        check_page(browser.open(f"{address}/en/dashboard?from=2025-06&to=2026-11"))
        assert unmarked_texts(browser.open(f"{address}/xx/dashboard")) == []
        page = browser.open(f"{address}/id/dashboard")
        page.fill("input[name=from]", "kapan saja")
        check_error_state(page)


def test_print_shows_the_same_numbers_without_navigation_and_forms(address: str) -> None:
    with Browser() as browser:
        page = browser.open(f"{address}/id/dashboard")
        figures = key_figures(page.content())
        page.emulate_media(media="print")
        assert key_figures(page.content()) == figures and len(figures) == 4
        assert page.locator("#reports_received").is_visible()
        for hidden in ("nav", "form", "button"):
            assert not any(each.is_visible() for each in page.locator(hidden).all()), f"{hidden} is printed"


def test_it_works_without_javascript(address: str) -> None:
    with Browser(javascript=False) as browser:
        page = browser.open(f"{address}/en/dashboard")
        page.fill("input[name=from]", "2026-10")
        page.locator("main form button[type=submit]").click()
        page.wait_for_url(lambda url: "from=2026-10" in url)
        assert page.locator("#reports_received thead th").count() == 4
