"""What every page shows: links one may use, the other language, the banner, dates as people here write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from flask import Flask

from shared.access import Actor
from shared.web import Page
from shared.web.formats import format_date, format_datetime, format_month, format_number, machine_time
from shared.web.routes import owner, routes
from tests.support.web import Browser
from tests.unit.web.conftest import build

FORM = "/id/reports/form"


def test_links_are_those_the_actor_may_use(app: Flask, clerk: Browser, stranger: Browser) -> None:
    html = clerk.get(FORM).text
    assert 'href="/id/reports"' in html
    assert 'href="/id/accounts"' not in html
    administrator = Browser(app, Actor("account-2", "administrator", "agency-1", "session-2"))
    html = administrator.get("/id/nothing").text
    assert 'href="/id/accounts"' in html
    assert 'href="/id/cases"' not in html, "an administrator never sees cases"
    html = stranger.get("/id/nothing").text
    assert "govuk-service-navigation" not in html
    assert "Keluar" not in html


def test_the_other_language_is_one_link_away(clerk: Browser) -> None:
    html = clerk.get("/id/reports/form?from=list").text
    assert 'href="/en/reports/form?from=list" hreflang="en"' in html
    assert "Langsung ke isi utama" in html
    assert "Skip to main content" in clerk.get("/en/reports/form").text


def test_the_pseudo_language_is_for_developers_only(keys: Path, clerk: Browser) -> None:
    assert "⟦Skip to main content⟧" in clerk.get("/xx/reports/form").text
    production = Browser(build(keys, environment="production"), clerk.actor)
    assert production.get("/xx/reports/form").status_code == 404


def test_demonstration_data_is_marked(keys: Path, clerk: Browser) -> None:
    assert "Data contoh" in clerk.get(FORM).text
    live = Browser(build(keys, demonstration=False), clerk.actor)
    assert "Data contoh" not in live.get(FORM).text


def test_times_are_shown_in_wib(app: Flask) -> None:
    moment = datetime(2026, 11, 3, 2, 10, tzinfo=UTC)
    with app.test_request_context("/id/"):
        assert format_datetime(moment) == "3 November 2026 09.10 WIB"
        assert format_datetime(moment.replace(tzinfo=None)) == "3 November 2026 09.10 WIB"
        assert format_date(datetime(2026, 12, 31, 17, 0, tzinfo=UTC)) == "1 Januari 2027"
        assert format_date("2026-08-17") == "17 Agustus 2026"
        assert format_month("2026-05") == "Mei 2026"
        assert format_number(12345) == "12.345"
        assert machine_time(moment) == "2026-11-03T02:10:00Z"
    with app.test_request_context("/en/"):
        assert format_date(date(2026, 8, 17)) == "17 August 2026"
        assert format_number(12345) == "12,345"


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/id/", "directory"),
        ("/id", "directory"),
        ("/id/reports/new", "intake"),
        ("/api/v1/reports", "intake"),
        ("/api/v1/deliveries/1", "notifications"),
        ("/en/dashboard", "reporting"),
        ("/en/cases/api-docs", "cases"),
        ("/cases/static/shared/app.css", "cases"),
        ("/reporting/readyz", "reporting"),
        ("/api/v2/reports", None),
        ("/api/v1/", None),
        ("/de/reports", None),
        ("/id/unknown", None),
        ("/", None),
    ],
)
def test_each_path_has_one_owner(path: str, service: str | None) -> None:
    assert owner(path) == service


def test_no_path_has_two_owners() -> None:
    for kind in ("api", "pages"):
        claimed = [path for entry in routes().values() for path in getattr(entry, kind)]
        assert len(claimed) == len(set(claimed))


def test_pages_of_a_list() -> None:
    middle = Page(["a"], number=2, total=60, size=25)
    assert (middle.previous, middle.next, middle.count) == (1, 3, 3)
    assert (Page([], 1, 0).previous, Page([], 1, 0).next, Page([], 1, 0).count) == (None, None, 1)
    assert Page([], number=9, total=30, size=25).previous == 2, "beyond the end the way back leads to the last page"
