"""A newcomer's first day on a telephone, in Indonesian: the link, the password, the second factor, the next sign-in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest

from services.directory import seed
from services.directory.seed import DEMONSTRATION_ACCOUNTS, DEMONSTRATION_PASSWORD
from tests.integration.directory.conftest import app, clock, door, foundation, quick_hashing  # noqa: F401
from tests.support.browser import Browser, check_error_state, check_page, require_browser
from tests.support.web import served

pytestmark = [pytest.mark.mongo, pytest.mark.browser]

ADMINISTRATOR = next(account.email for account in DEMONSTRATION_ACCOUNTS if account.role == "administrator")
EMAIL, PASSWORD = "baru@kantor.test", "sembilan tiang kapal kayu"  # pragma: allowlist secret
PHONE = {"width": 360, "height": 740}


@pytest.fixture
def address(foundation, door) -> Iterator[str]:  # noqa: F811
    """The front door at a real address, with the demonstration's directory behind it."""
    require_browser()
    seed.seed(foundation)
    with served(door) as address:
        yield address


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_load_state()


def invitation(address) -> str:
    """An administrator registers somebody and gets a link for them: what stands behind `#`."""
    with Browser(viewport=PHONE) as browser:
        browser.sign_in(address, ADMINISTRATOR, DEMONSTRATION_PASSWORD)
        page = browser.open(f"{address}/id/people/new")
        page.get_by_label("Nama").fill("Petugas Baru")
        page.get_by_label("Alamat surel").fill(EMAIL)
        press(page, "Simpan")
        page.get_by_role("link", name="Buat akun").click()
        page.get_by_label("Analis").check()
        press(page, "Simpan")
        check_page(page)
        press(page, "Undang lewat tautan")
        check_page(page)
        found = re.search(r"/id/new-password#([A-Za-z0-9_-]{43})", page.inner_text("main"))
        assert found is not None, page.inner_text("main")
        return found.group(1)


def test_a_newcomer_sets_a_password_and_a_second_factor_on_a_telephone(address, clock):  # noqa: F811
    code = invitation(address)
    with Browser(viewport=PHONE) as browser:
        asked = []
        browser.page.on("request", lambda request: asked.append((request.url, request.headers.get("referer", ""))))
        page = browser.open(f"{address}/id/new-password#{code}")
        page.wait_for_function("!location.hash")
        assert page.get_by_label("Kode dari tautan Anda").input_value() == code
        check_page(page)
        page.get_by_label("Kata sandi baru").fill(PASSWORD)
        press(page, "Buat kata sandi")
        assert not [each for each in asked if code in "".join(each).partition("#")[0]], "the code left the browser"
        page = browser.sign_in(address, EMAIL, PASSWORD)
        page = browser.open(f"{address}/id/second-factor")
        check_page(page)
        press(page, "Aktifkan faktor kedua")
        check_page(page)
        check_error_state(page)
        secret = page.locator("main strong[translate=no]").inner_text().replace(" ", "")
        telephone = pyotp.TOTP(secret)
        page.get_by_label("Kode", exact=True).fill(telephone.at(clock()))
        press(page, "Aktifkan faktor kedua")
        check_page(page)
        assert page.locator("main code").count() == 10
        page.get_by_role("button", name="Sudah saya simpan").click()
        check_page(page)
    clock.ahead += timedelta(minutes=1)
    with Browser(viewport=PHONE) as browser:
        page = browser.open(f"{address}/id/sign-in")
        page.get_by_label("Alamat surel").fill(EMAIL)
        page.get_by_label("Kata sandi", exact=True).fill(PASSWORD)
        press(page, "Masuk")
        assert page.url.endswith("/id/sign-in/second-factor")
        check_page(page)
        check_error_state(page)
        page.get_by_label("Kode", exact=True).fill(telephone.at(clock()))
        press(page, "Masuk")
        page.wait_for_url(f"{address}/id/")
        assert "Petugas Baru" in page.inner_text("header")


def test_without_javascript_the_code_of_a_link_is_copied_by_hand(address):
    code = invitation(address)
    with Browser(javascript=False, viewport=PHONE) as browser:
        page = browser.open(f"{address}/id/new-password#{code}")
        page.get_by_label("Kode dari tautan Anda").fill(code)
        page.get_by_label("Kata sandi baru").fill(PASSWORD)
        press(page, "Buat kata sandi")
        assert page.url.endswith("/id/sign-in")
