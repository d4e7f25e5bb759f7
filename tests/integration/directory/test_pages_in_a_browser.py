"""Directory's pages in a real browser: accessible, usable by keyboard and on a telephone, in both languages."""

import pytest

from services.directory import seed
from services.directory.seed import DEMONSTRATION_ACCOUNTS, DEMONSTRATION_PASSWORD
from services.directory.sessions import COOKIE
from tests.support.browser import (
    Browser,
    check_error_state,
    check_keyboard,
    check_page,
    require_browser,
    unmarked_texts,
)
from tests.support.web import served

pytestmark = [pytest.mark.mongo, pytest.mark.browser]

ADMINISTRATOR = next(account.email for account in DEMONSTRATION_ACCOUNTS if account.role == "administrator")


@pytest.fixture
def address(foundation, door):
    """The front door at a real address, with the demonstration's directory behind it."""
    require_browser()
    seed.seed(foundation)
    with served(door) as address:
        yield address


def ids(foundation):
    """One entry of each kind."""
    return {
        "agency": seed.agency_id("education_office"),
        "company": foundation.database.companies.find_one()["_id"],
        "person": foundation.database.people.find_one()["_id"],
        "account": foundation.database.accounts.find_one()["_id"],
    }


FORMS = [
    "/agencies/new",
    "/companies/new",
    "/people/new",
]
PAGES = [
    "/",
    "/sign-out",
    "/sessions",
    "/second-factor",
    "/new-password",
    "/agencies",
    "/agencies/{agency}",
    "/agencies/{agency}/edit",
    "/companies",
    "/companies/{company}",
    "/companies/{company}/edit",
    "/people",
    "/people/{person}",
    "/people/{person}/edit",
    "/accounts",
    "/accounts/{account}",
    "/accounts/{account}/edit",
    "/accounts/{account}/leaving",
    "/directory/api-docs",
    "/nothing/here",
]


@pytest.mark.parametrize("language", ["id", pytest.param("en", marks=pytest.mark.long)])
def test_every_page_and_its_error_state_is_fit_for_everybody(address, foundation, language):
    known = ids(foundation)
    with Browser() as browser:
        page = browser.open(f"{address}/{language}/sign-in")
        check_page(page)
        check_keyboard(page)
        check_error_state(page)
        browser.sign_in(address, ADMINISTRATOR, DEMONSTRATION_PASSWORD, language)
        for path in PAGES:
            check_page(browser.open(f"{address}/{language}{path.format(**known)}"))
        for path in FORMS:
            page = browser.open(f"{address}/{language}{path}")
            check_page(page)
            check_error_state(page)


def test_the_browser_keeps_the_session_to_itself(address):
    """Chromium takes the `__Host-` cookie from loopback without TLS, and shows it to no script."""
    with Browser() as browser:
        page = browser.sign_in(address, ADMINISTRATOR, DEMONSTRATION_PASSWORD)
        (cookie,) = [cookie for cookie in browser.context.cookies() if cookie["name"] == COOKIE]
        assert cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "Lax"
        assert COOKIE not in page.evaluate("document.cookie")
        page.locator("header form button[type=submit]").click()
        page.wait_for_url("**/id/sign-in")
        assert COOKIE not in [cookie["name"] for cookie in browser.context.cookies()]
        assert "/id/sign-in" in browser.open(f"{address}/id/agencies").url


def test_no_text_escapes_translation(address, foundation):
    known = ids(foundation)
    with Browser() as browser:
        browser.open(f"{address}/xx/sign-in")
        assert unmarked_texts(browser.page) == []
        browser.sign_in(address, ADMINISTRATOR, DEMONSTRATION_PASSWORD, "xx")
        for path in (*PAGES, *FORMS):
            if "api-docs" in path:
                continue  # texts of the API itself are in English
            page = browser.open(f"{address}/xx{path.format(**known)}")
            assert [text for text in unmarked_texts(page) if not is_data(text)] == [], path


def is_data(text):
    """Names of the demonstration, of places and of codes: data, which no catalogue holds."""
    from shared.domain import agency_kinds, codes, kecamatans

    names = {kind.names["en"] for kind in agency_kinds().values()} | {place.name for place in kecamatans().values()}
    names |= {entry.names["en"] for entry in codes("partnership").values()}
    invented = "(contoh)" in text or text.endswith("@contoh.rujukan.test")
    return invented or text in names or all(part.strip() in names for part in text.split(","))
