"""Every page of every service in a real browser: accessible, by keyboard, on a telephone, in Indonesian, strict.

The list of pages is compared with the routes: a page that nobody looks at fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.e2e import places
from tests.e2e.places import IN_STORIES, NO_PAGES, OF_A_PROVIDER, PAGES
from tests.support.browser import (
    TELEPHONE,
    Browser,
    check_error_state,
    check_keyboard,
    check_page,
    require_browser,
    unmarked_texts,
)
from tests.support.routes import routes
from tests.support.stack import ACCOUNTS, Stack

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(600)]

#: role -> forms that are sent empty, with the error state that comes.
FORMS = {None: ["/sign-in"],
         "intake_clerk": ["/reports/new", "/reports/matches", "/reports/{again}/children/{again_child}/separate"],
         "partner_agency": ["/subscriptions/new", "/referrals/{referral}/commands/decline"],
         "administrator": ["/people/new"],
         "supervisor": ["/agencies/new", "/companies/new", "/break-glass/new?case={case}", "/reports/{report}/hold",
                        "/cases/{new_case}/commands/assign_case",
                        "/reports/{report}/children/{child}/erase", "/reports/retention/{proposal}"],
         "case_worker": ["/cases/{new_case}/commands/take_step?about=screen",
                         "/reports/{report}/children/{child}/correction"]}  # fmt: skip


def in_languages(roles: Iterable[str | None]) -> list[Any]:
    """Each role in Indonesian and in English; of English a short run looks at the supervisor's alone, who sees most."""
    indonesian = [pytest.param(role, "id", id=f"{role}-id") for role in roles]
    english = [(role, () if role == "supervisor" else pytest.mark.long) for role in roles]
    return indonesian + [pytest.param(role, "en", id=f"{role}-en", marks=marks) for role, marks in english]


#: Our numbers in the title of a page.
NUMBER = re.compile(r"^[LK]-[0-9A-Z-]+ – Rujukan$")


@pytest.fixture(scope="module")
def things(stack: Stack) -> dict[str, str]:
    """What the addresses of pages name."""
    require_browser()
    return places.things(stack)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def sign_in(browser: Browser, stack: Stack, role: str | None, language: str = "id") -> None:
    if role is not None:
        browser.sign_in(stack.url, ACCOUNTS[role].email, ACCOUNTS[role].password, language)


def test_no_page_is_left_out() -> None:
    """Seen to fail without `/reports/erasures`. Before the routes were asked, nobody looked at some forty pages."""
    there_are = {route.name.removeprefix("/id") for route in routes() if route.is_page and route.method == "GET"}
    looked_at = {route_of(page, there_are) for pages in PAGES.values() for page in pages}
    assert there_are - looked_at == NO_PAGES | IN_STORIES | OF_A_PROVIDER


def route_of(page: str, routes: set[str]) -> str:
    """The route by which a page is found: the one with the fewest names that stand for something."""
    path = page.partition("?")[0]
    fitting = [route for route in routes if re.fullmatch(route.replace("<id>", "[^/]+"), path)]
    assert fitting, f"no route leads to {page}"
    return min(fitting, key=lambda route: route.count("<id>"))


@pytest.mark.parametrize(("role", "language"), in_languages(PAGES))
def test_pages(stack: Stack, browser: Browser, things: dict[str, str], role: str | None, language: str) -> None:
    sign_in(browser, stack, role, language)
    for path in PAGES[role]:
        page = browser.open(f"{stack.url}/{language}{path.format(**things)}", status=200)
        assert page.locator("h1").count() == 1, path
        check_page(page, language)


@pytest.mark.parametrize(("role", "language"), in_languages(FORMS))
def test_forms(stack: Stack, browser: Browser, things: dict[str, str], role: str | None, language: str) -> None:
    sign_in(browser, stack, role, language)
    for path in FORMS[role]:
        page = browser.open(f"{stack.url}/{language}{path.format(**things)}")
        check_keyboard(page)
        if path == "/reports/new":
            for part in ("day", "month", "year"):
                page.fill(f"#received_on-{part}", "")
        check_error_state(page)
        check_page(page, language)


def test_the_first_page_says_that_glass_is_broken(stack: Stack, browser: Browser, things: dict[str, str]) -> None:
    """Seen to fail without the piece in home.html, and without its code in app.js."""
    sign_in(browser, stack, "supervisor")
    page = browser.open(f"{stack.url}/id/", status=200)
    told = page.locator("[data-piece] .govuk-inset-text")
    told.wait_for()
    assert "Akses darurat sedang terbuka: " in told.inner_text()
    assert told.get_by_role("link").get_attribute("href") == "/id/break-glass"
    check_page(page, "id")
    browser.context.clear_cookies()
    sign_in(browser, stack, "case_worker")
    assert browser.open(f"{stack.url}/id/", status=200).locator("[data-piece]").count() == 0


def test_error_pages(stack: Stack, browser: Browser) -> None:
    sign_in(browser, stack, "analyst")
    for path, title in (("/id/none", 404), ("/id/cases", 403), ("/en/reports", 403)):
        answer = browser.page.goto(stack.url + path)
        assert answer is not None and answer.status == title
        check_page(browser.page, path[1:3])


def test_no_text_of_a_page_is_left_out_of_the_catalogues(
    stack: Stack, browser: Browser, things: dict[str, str]
) -> None:
    """The pseudo-language brackets every text that is marked for translation: what has none is not marked."""
    names = _names(stack)
    unmarked: dict[str, list[str]] = {}
    for role in PAGES:
        browser.context.clear_cookies()
        sign_in(browser, stack, role)
        for path in PAGES[role]:
            if "api-docs" in path:
                continue  # what an API calls its fields is not translated
            page = browser.open(f"{stack.url}/xx{path.format(**things)}")
            if found := [text for text in unmarked_texts(page) if not _is_data(text, names)]:
                unmarked[path] = found
    assert not unmarked, "\n".join(f"{path}: {texts[:8]}" for path, texts in unmarked.items())


def test_on_a_telephone_the_navigation_waits_behind_a_button(stack: Stack) -> None:
    """Nine links above each page were half of the screen. Without JavaScript there is no button, and all of them.

    Seen to fail with a byte order mark in app.css: the first rule, which says how wide a telephone is, was dropped.
    """
    supervisor = ACCOUNTS["supervisor"]
    for javascript in (True, False):
        with Browser(javascript=javascript, viewport=TELEPHONE) as browser:
            page = browser.sign_in(stack.url, supervisor.email, supervisor.password)
            links = page.locator(".govuk-service-navigation__list")
            if javascript:
                assert not links.is_visible()
                page.get_by_role("button", name="Menu").click()
                check_page(page, "id")
            assert links.is_visible()


def test_printing_shows_no_navigation_and_no_button(stack: Stack, browser: Browser, things: dict[str, str]) -> None:
    sign_in(browser, stack, "supervisor")
    page = browser.open(f"{stack.url}/id/dashboard")
    page.emulate_media(media="print")
    for selector in ("nav", "button", ".govuk-skip-link", "footer"):
        for element in page.locator(selector).all():
            assert not element.is_visible(), f"{selector} is printed"


def _names(stack: Stack) -> list[str]:
    """What agencies, companies and people are called: no language translates that."""
    administrator, found = stack.client("administrator"), []
    for kind in ("agencies", "companies", "people", "accounts"):
        items = administrator.call("GET", f"/api/v1/{kind}?page_size=100").json()["items"]
        found += [item[field] for item in items for field in ("name", "email", "phone") if item.get(field)]
    return found


def _is_data(text: str, names: list[str]) -> bool:
    """Whether a text is a number of ours, or the name of an agency, a company or a person."""
    words = " ".join(text.split())
    return bool(NUMBER.search(words)) or any(" ".join(name.split()) in words for name in names)
