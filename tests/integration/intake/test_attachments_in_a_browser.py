"""Photographs and papers in a real browser: added, listed, downloaded, deleted on a telephone, also without scripts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image

from shared.access import Actor
from tests.support.attachments import registered
from tests.support.browser import TELEPHONE, Browser, check_keyboard, check_page, unmarked_texts
from tests.support.files import LATITUDE, MARK, a_photograph
from tests.support.web import Browser as Program
from tests.support.web import served, signed_in

pytestmark = [pytest.mark.mongo, pytest.mark.browser]

SUPERVISOR = Actor("account-" + "0" * 32, "supervisor", session="session-" + "0" * 32, name="Sari Contoh")


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The address at which a supervisor finds intake."""
    with served(signed_in(app, SUPERVISOR)) as address:
        yield address


@pytest.fixture
def number(app: Flask) -> str:
    return registered(Program(app, SUPERVISOR))


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    path = tmp_path / "Budi di pabrik.jpg"
    path.write_bytes(a_photograph())
    return path


@pytest.mark.parametrize("javascript", [True, False])
def test_on_a_telephone_a_photograph_is_added_opened_downloaded_and_deleted(
    address: str, number: str, photograph: Path, javascript: bool
) -> None:
    with Browser(javascript=javascript, viewport=TELEPHONE) as browser:
        page = browser.open(f"{address}/id/reports/{number}")
        assert "image/jpeg" in (page.get_attribute("input[type=file]", "accept") or ""), "a telephone offers its camera"
        page.set_input_files("input[type=file]", photograph)
        page.fill("input[name=description]", "Anak di bagian pewarnaan")
        page.get_by_role("button", name="Tambahkan berkas").click()
        page.get_by_text("Berkas ditambahkan.").wait_for()
        assert "Budi di pabrik" not in page.content() and "pewarnaan" not in page.inner_text("table")
        check_page(page)
        page.get_by_role("button", name="Buka identitas").click()
        link = page.get_by_role("link", name="Budi di pabrik.jpg")
        link.wait_for()
        check_page(page)
        with page.expect_download() as coming:
            link.click()
        assert coming.value.suggested_filename == "Budi di pabrik.jpg"
        kept = Path(coming.value.path()).read_bytes()
        assert Image.open(io.BytesIO(kept)).size == (40, 60)
        assert LATITUDE not in kept and MARK not in kept
        page.locator("a[href$='/delete']").click()
        page.get_by_role("heading", name="Hapus berkas ini?").wait_for()
        check_page(page)
        page.get_by_role("button", name="Hapus").click()
        page.get_by_text("Berkas dihapus.").wait_for()
        assert page.get_by_text("Belum ada foto atau dokumen.").is_visible()


def test_a_file_that_is_not_taken_is_explained_where_it_was_chosen(address: str, number: str, tmp_path: Path) -> None:
    page_in_disguise = tmp_path / "foto.jpg"
    page_in_disguise.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with Browser(viewport=TELEPHONE) as browser:
        page = browser.open(f"{address}/id/reports/{number}")
        page.set_input_files("input[type=file]", page_in_disguise)
        page.get_by_role("button", name="Tambahkan berkas").click()
        page.locator(".govuk-error-summary").wait_for()
        page.locator(".govuk-error-summary a").click()
        assert page.evaluate("document.activeElement.id") == "file"
        check_page(page)


def test_no_text_about_files_escapes_translation(address: str, number: str, photograph: Path) -> None:
    with Browser() as browser:
        page = browser.open(f"{address}/xx/reports/{number}")
        page.set_input_files("input[type=file]", photograph)
        page.locator("main form button[type=submit]").last.click()
        page.locator("main table").wait_for()
        files = page.locator("main table tbody tr")
        assert files.count() == 1
        assert [text for text in unmarked_texts(page) if not text.startswith(number)] == []
        check_keyboard(page)
        page.locator("main table a").last.click()
        page.locator("main .govuk-warning-text").wait_for()
        assert unmarked_texts(page) == []
