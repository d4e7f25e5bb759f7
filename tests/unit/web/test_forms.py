"""Forms as people fill them in, rightly and wrongly."""

from __future__ import annotations

import re

import pytest

from shared.web.forms import version_of
from shared.web.requests import MAX_FIELDS
from tests.support.web import ORIGIN, Browser, csrf_token

FORM = "/id/reports/form"
SAFE = {"name": "Budi", "sex": "f"}


def errors(html: str) -> list[tuple[str, str]]:
    summary = html.partition('class="govuk-error-summary"')[2].partition("<form")[0]
    return re.findall(r'<a href="#([^"]+)">([^<]+)</a>', summary)


def test_errors_stand_in_the_order_of_the_form_and_name_their_field(clerk: Browser) -> None:
    html = clerk.post(FORM, {"hours": "many", "seen_on": ["31", "2", "2026"]}).text
    assert errors(html) == [
        ("name", "Nama: Isian ini wajib diisi."),
        ("sex", "Jenis: Isian ini wajib diisi."),
        ("hours", "Isi dengan bilangan bulat."),
        ("seen_on-day", "Isi tanggal yang benar: tanggal, bulan, dan tahun, misalnya 27 3 2026."),
    ]
    for anchor, _text in errors(html):
        assert f'id="{anchor}"' in html
    assert "Kesalahan:" in html
    assert "Error:" not in html


def test_messages_with_numbers_are_translated(clerk: Browser) -> None:
    html = clerk.post(FORM, {**SAFE, "name": "Budi Contoh", "hours": "25"}).text
    assert [text for _anchor, text in errors(html)] == [
        "Isian paling banyak 5 karakter.",
        "Angka harus antara 0 dan 24.",
    ]


def test_a_choice_that_is_not_on_the_list(clerk: Browser) -> None:
    assert errors(clerk.post(FORM, {**SAFE, "sex": "x"}).text) == [("sex", "Pilihan ini tidak ada dalam daftar.")]


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        (["3", "11", "2025"], "2025-11-03"),
        ([" 03", "11 ", "2025"], "2025-11-03"),
        (["", "", ""], "None"),
        ([], "None"),
    ],
)
def test_a_date_in_three_parts(clerk: Browser, typed: list[str], day: str) -> None:
    assert clerk.post(FORM, {**SAFE, "seen_on": typed}).json["seen_on"] == day


@pytest.mark.parametrize(
    "typed",
    [["", "11", "2025"], ["3"], ["30", "2", "2025"], ["3", "11", "99999"], ["٣", "11", "2025"], ["3", "11", "2025.5"]],
)
def test_half_a_date_is_never_taken_for_none(clerk: Browser, typed: list[str]) -> None:
    answer = clerk.post(FORM, {**SAFE, "seen_on": typed})
    assert [anchor for anchor, _text in errors(answer.text)] == ["seen_on-day"]


def test_what_was_typed_is_shown_again_and_escaped(clerk: Browser) -> None:
    html = clerk.post(FORM, {"name": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize(
    ("sent", "version"), [("7", 7), ("0", 0), ("", 0), (None, 0), ("²", 0), ("-1", 0), ("1e3", 0), ("9" * 5_000, 0)]
)
def test_what_is_no_version_is_one_that_nothing_has(sent: str | None, version: int) -> None:
    """A superscript is a digit to Python and no number: pages that looked for digits alone answered 500 to it."""
    assert version_of(sent) == version


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_of_thousands_of_fields_is_refused_before_it_is_read(clerk: Browser, content_type: str) -> None:
    """Seen to fail without `form_data_parser_class`, and without `max_form_parts` (with 2,000 in its place). A mebibyte
    of `a&a&a&...` cost 0.85 s of a processor, by anybody who finds the sign-in page; the largest that is let through
    costs 0.02 s."""
    token = csrf_token(clerk.get(FORM).text)
    headers = clerk.headers(**{"Content-Type": content_type})

    def send(fields: int) -> int:
        """The status for a form of so many fields."""
        data = {"csrf_token": token, "sex": "x", **{f"more-{each}": "1" for each in range(fields - 2)}}
        return clerk.client.post(FORM, data=data, headers=headers, base_url=ORIGIN).status_code

    assert send(MAX_FIELDS) == 200
    assert send(MAX_FIELDS + 1) == 413
