"""Signing in by the office's own provider in a real browser, on a telephone: the way there and back, and the pages of
whoever comes back with nothing. What is proved, and what is not, is in tests/security/test_oidc.py.

The provider is of another site than we (127.0.0.1 and localhost), and its page leads back, as in an office: what a
browser holds back from another site's pages is held back here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from deploy.local.ports import free_port
from services.directory import store
from services.directory.sessions import COOKIE
from shared.foundation import Foundation
from shared.settings import load
from tests.integration.directory.conftest import Staff
from tests.support.browser import TELEPHONE, Browser, check_keyboard, check_page, require_browser
from tests.support.provider import EMAIL, Provider
from tests.support.web import served

pytestmark = [pytest.mark.mongo, pytest.mark.browser]
BUTTON, YES = "Masuk dengan Masuk Kota", "Lanjutkan"
SIGN_IN, NO_ACCOUNT = "/id/sign-in", "/id/sign-in/no-account"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(says_yes_at=YES) as found:
        yield found


@pytest.fixture
def port() -> int:
    require_browser()
    return free_port()


@pytest.fixture
def foundation(mongo, prefix, clock, provider: Provider, port: int) -> Foundation:
    """Directory's, which knows the provider, and the address at which a browser finds it."""
    own = {"RUJUKAN_BASE_URL": f"http://localhost:{port}"}
    started = Foundation.start(
        load("directory", mongo.settings_environ("directory", prefix, **own, **provider.environ())), clock
    )
    store.ensure_indexes(started.database)
    started.journal.ensure_indexes()
    return started


@pytest.fixture
def address(door, port: int) -> Iterator[str]:
    with served(door, "localhost", port) as address:
        yield address


@pytest.fixture
def clerk(hire: Callable[..., Staff], agency: str) -> Staff:
    return hire("intake_clerk", agency_id=agency, email=EMAIL)


@pytest.fixture
def telephone() -> Iterator[Browser]:
    with Browser(viewport=TELEPHONE) as browser:
        yield browser


def press(browser: Browser, provider: Provider) -> str:
    """Goes by the button of the sign-in page to the provider, says yes there; gives the path to which that leads.

    The browser may ask nothing else elsewhere, and may not complain of the page."""
    said: list[str] = []
    browser.page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    browser.page.get_by_role("button", name=BUTTON).click()
    browser.page.get_by_role("link", name=YES).click()
    browser.page.wait_for_url(f"{browser.origin}/**")
    left = [each for each in browser.foreign if urlsplit(each).path != "/authorize"]
    assert left == [] and all(each.startswith(provider.issuer) for each in browser.foreign)
    browser.foreign.clear()
    # Chromium tells of a page that answers 403, as the one for whom nobody knows does.
    assert [each for each in said if "status of 403" not in each] == []
    return urlsplit(browser.page.url).path


def is_signed_in(browser: Browser) -> bool:
    return COOKIE in [cookie.get("name") for cookie in browser.context.cookies()]


def test_the_button_leads_to_the_provider_and_home(telephone: Browser, address: str, clerk: Staff, provider) -> None:
    """Seen to fail with `Strict` for the session's cookie, and for the one of the flow: a browser that comes from
    another site sends neither, and was at sign-in again."""
    page = telephone.open(f"{address}{SIGN_IN}", 200)
    check_page(page)
    check_keyboard(page)
    assert press(telephone, provider) == "/id/"
    assert is_signed_in(telephone) and len(provider.asked) == 1
    assert "Petugas intake_clerk" in page.locator("header").inner_text()
    check_page(page)


def test_who_comes_back_with_nothing_is_told_what_to_do(telephone: Browser, address: str, clerk, provider) -> None:
    """No account here, then an answer that proves nothing. Seen to fail with the way to sign-in for whom nobody knows,
    without the advice on the page, with a word on it that is wider than a telephone, with a picture that is not
    there, and without the text of what was not finished."""
    page = telephone.open(f"{address}{SIGN_IN}", 200)

    def told(*words: str) -> None:
        text = page.locator("main").inner_text()
        assert [each for each in words if each not in text] == [] and not is_signed_in(telephone)
        check_page(page)

    provider.person["email"] = "orang.lain@kantor.test"
    assert press(telephone, provider) == NO_ACCOUNT
    told(
        "Anda tidak memiliki akun di sini",
        "Masuk Kota mengenal Anda, tetapi tidak ada akun Rujukan yang terbuka atas nama Anda.",
        "Tanyakan kepada administrator kantor Anda.",
    )
    page.locator(".govuk-back-link").click()
    page.wait_for_url(f"{address}{SIGN_IN}")
    provider.claims = {"nonce": "another"}
    assert press(telephone, provider) == SIGN_IN
    told("Masuk dengan Masuk Kota tidak selesai. Mulailah dari awal.")
