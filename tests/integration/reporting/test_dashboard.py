"""What people and programs see of the counts, each by their right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from services.reporting import freshness
from shared.access import ROLES
from shared.foundation import Foundation
from tests.integration.reporting.conftest import BARAT, REPORTS, SELATAN, TIMUR, UTARA, Feed, History
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
AsRole = Callable[[str], Browser]
TABLE = "/api/v1/indicators/reports_received"


def busy_year() -> History:
    """Many reports in each kecamatan, and three in one month of one of them."""
    history = History()
    for kecamatan, number in ((BARAT, 3), (TIMUR, 7), (UTARA, 9), (SELATAN, 12)):
        for _ in range(number):
            history.report(received_on="2026-10-12", kecamatan=kecamatan)
        for _ in range(11):
            for case in history.report(received_on="2026-11-02", kecamatan=kecamatan):
                history.screen(case)
    for case in history.report(received_on="2026-11-20", kecamatan=UTARA, children=2):
        history.overdue(case)
    return history


@pytest.fixture
def year(feed: Feed) -> Feed:
    feed.tell(busy_year().entries)
    return feed


def october(table: dict[str, Any]) -> dict[str, Any]:
    """What a table says of October: (value, suppressed) by kecamatan, and for the whole city."""
    column = table["months"].index("2026-10")
    cells = {row["kecamatan"]["code"]: row["cells"][column] for row in table["rows"]}
    cells["city"] = table["totals"][column]
    return {place: (cell["value"], cell["suppressed"]) for place, cell in cells.items()}


def test_a_supervisor_reads_exact_numbers(year: Feed, as_role: AsRole) -> None:
    table = as_role("supervisor").api("GET", TABLE).json
    assert table["months"] == [f"2026-{month:02d}" for month in range(1, 12)]
    assert october(table) == {
        BARAT: (3, None),
        TIMUR: (7, None),
        UTARA: (9, None),
        SELATAN: (12, None),
        "city": (31, None),
    }
    assert (table["total"]["value"], table["exact"], table["demonstration"]) == (76, True, False)


@pytest.mark.parametrize("role", [role for role in ROLES if role != "supervisor"])
def test_nobody_else_reads_a_small_number_or_can_compute_it(year: Feed, as_role: AsRole, role: str) -> None:
    table = as_role(role).api("GET", TABLE).json
    found = october(table)
    assert found[BARAT] == (None, "small")
    others = [found[place] for place in (TIMUR, UTARA, SELATAN, "city")]
    assert (None, "withheld") in others, "one more number of that month is hidden"
    assert table["exact"] is False


def test_one_kecamatan_or_month_alone_tells_no_more(year: Feed, as_role: AsRole) -> None:
    analyst = as_role("analyst")
    whole = analyst.api("GET", TABLE).json
    for row in whole["rows"]:
        part = analyst.api("GET", f"{TABLE}?kecamatan={row['kecamatan']['code']}").json
        assert part["rows"] == [row]
    assert october(analyst.api("GET", f"{TABLE}?from=2026-10&to=2026-10").json) == october(whole)
    assert analyst.api("GET", f"{TABLE}?from=2026-10&to=2026-10&kecamatan={BARAT}").json["total"]["value"] is None


def test_the_share_screened_on_time_counts_the_cases_opened(year: Feed, as_role: AsRole) -> None:
    exact = as_role("supervisor").api("GET", "/api/v1/indicators/cases_screened_on_time?from=2026-11&to=2026-11").json
    assert exact["total"] == {"value": 95.7, "suppressed": None, "numerator": 44, "denominator": 46}
    hidden = as_role("analyst").api("GET", "/api/v1/indicators/cases_screened_on_time?from=2026-11&to=2026-11").json
    assert hidden["total"] == {"value": None, "suppressed": "withheld", "numerator": None, "denominator": None}
    whole_year = as_role("analyst").api("GET", "/api/v1/indicators/cases_screened_on_time").json
    assert whole_year["total"] == {"value": 57.1, "suppressed": None, "numerator": 44, "denominator": 77}


def test_the_indicators_are_listed_with_what_they_mean(as_role: AsRole) -> None:
    items = as_role("analyst").api("GET", "/api/v1/indicators").json["items"]
    assert [item["id"] for item in items] == [
        "cases_open",
        "cases_screened_on_time",
        "reports_received",
        "screenings_overdue",
    ]
    share = items[1]
    assert (share["numerator"], share["denominator"], share["unit"]) == ("screened_on_time", "cases_opened", "percent")
    assert share["names"]["id"] == "Kasus ditapis tepat waktu"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-13", "from"),
        ("from=november", "from"),
        ("to=2026-1", "to"),
        ("from=2026-05&to=2026-04", "from"),
        ("from=1000-01", "from"),
        ("to=1999-12&from=2000-01", "from"),
        ("kecamatan=33.75.99", "kecamatan"),
        ("kelurahan=33.75.01.1002", "kelurahan"),
    ],
)
def test_a_wrong_question_is_refused_by_the_name_of_its_field(as_role: AsRole, query: str, field: str) -> None:
    answer = as_role("analyst").api("GET", f"{TABLE}?{query}", headers={"Accept-Language": "id"})
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert [error["field"] for error in answer.json["errors"]] == [field]


def test_an_indicator_that_is_not_there_is_not_found_and_strangers_are_refused(app: Any, as_role: AsRole) -> None:
    assert as_role("analyst").api("GET", "/api/v1/indicators/children_at_play").status_code == 404
    assert Browser(app).api("GET", TABLE).status_code == 401
    assert Browser(app).get("/id/dashboard").status_code == 302


# --- Freshness --------------------------------------------------------------------------------------------------------


def test_a_table_says_how_far_it_is_behind_and_when_it_has_caught_up(
    feed: Feed, foundation: Foundation, as_role: AsRole
) -> None:
    history = History()
    history.report()
    feed.publish(history.entries)
    supervisor = as_role("supervisor")
    behind = supervisor.api("GET", TABLE).json
    assert (behind["freshness"]["events_behind"], behind["as_of"], behind["total"]["value"]) == (2, None, 0)
    feed.work()
    level = supervisor.api("GET", TABLE).json
    assert (level["freshness"]["events_behind"], level["total"]["value"]) == (0, 1)
    assert level["as_of"] == foundation.clock().isoformat()


def test_while_kafka_does_not_answer_the_figures_are_shown_and_the_gap_is_said_to_be_unknown(
    year: Feed, as_role: AsRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "_ask", lambda settings: None)
    answer = as_role("supervisor").api("GET", TABLE).json
    assert (answer["freshness"]["events_behind"], answer["total"]["value"]) == (None, 76)
    assert answer["as_of"] == answer["freshness"]["last_event_at"]
    page = as_role("supervisor").get("/en/dashboard").text
    assert "it is not known how many events are still to be counted" in page


def test_while_a_backlog_is_counted_no_moment_is_named_up_to_which_all_is(
    year: Feed, as_role: AsRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live events are counted before it. Seen to fail with the latest counted event's time as that moment."""
    monkeypatch.setattr(freshness, "_ask", lambda settings: {f"{settings.prefix}intake.reports:0": 100_000})
    answer = as_role("supervisor").api("GET", TABLE).json
    assert answer["freshness"]["events_behind"] > 90_000
    assert answer["as_of"] is None and answer["freshness"]["last_event_at"] is not None
    page = as_role("supervisor").get("/en/dashboard").text
    assert "Older events are still being counted" in page


def test_the_dashboard_shows_the_old_figures_while_new_ones_are_made(year: Feed, as_role: AsRole) -> None:
    supervisor = as_role("supervisor")
    before = key_figures(supervisor.get("/en/dashboard").text)
    number = year.begin()
    year.work(order=(REPORTS,), number=number)
    assert key_figures(supervisor.get("/en/dashboard").text) == before
    year.rebuild()
    assert key_figures(supervisor.get("/en/dashboard").text) == before


# --- The page ---------------------------------------------------------------------------------------------------------


def numbers(page: str, table: str) -> list[list[str]]:
    """The cells of a table on the page, row by row, without tags."""
    html = page.split(f'id="{table}"')[1].split("</table>")[0]
    rows = re.findall(r"<tr.*?</tr>", html, re.DOTALL)
    return [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)]
        for row in rows
    ]


def key_figures(page: str) -> list[str]:
    return re.findall(r'<p class="app-number">(.*?)</p>', page)


def test_the_page_shows_the_same_numbers_as_the_interface(year: Feed, as_role: AsRole) -> None:
    supervisor = as_role("supervisor")
    page = supervisor.get("/id/dashboard?from=2026-10&to=2026-11").text
    table = supervisor.api("GET", f"{TABLE}?from=2026-10&to=2026-11").json
    shown = [[str(int(cell["value"])) for cell in (*row["cells"], row["total"])] for row in table["rows"]]
    shown.append([str(int(cell["value"])) for cell in (*table["totals"], table["total"])])
    found = numbers(page, "reports_received")
    assert found[0] == ["Kecamatan", "Okt 2026", "Nov 2026", "Jumlah"]
    assert [row[1:] for row in found[1:]] == shown
    assert [row[0] for row in found[1:]][-1] == "Seluruh kota"
    assert key_figures(page) == ["76", "77", "57,1%", "2"]
    assert "24 November 2026 10.10 WIB" in page


def test_the_page_hides_what_the_interface_hides_and_explains_it(year: Feed, as_role: AsRole) -> None:
    page = as_role("analyst").get("/en/dashboard").text
    barat = numbers(page, "reports_received")[1]
    assert barat[0] == "Pekalongan Barat" and barat[10] == "&lt;5"
    withheld = '<span role="img" aria-label="withheld">*</span>'
    assert withheld in page
    assert "&lt;5 stands for a number from 1 to 4" in page
    assert key_figures(page)[3] == withheld
    assert "stands for a number" not in as_role("supervisor").get("/en/dashboard").text


@pytest.mark.parametrize(("language", "heading"), [("id", "Dasbor"), ("en", "Dashboard")])
def test_the_page_speaks_both_languages_also_with_an_error(as_role: AsRole, language: str, heading: str) -> None:
    clerk = as_role("intake_clerk")
    assert re.search(rf"<h1[^>]*>.*{heading}</h1>", clerk.get(f"/{language}/dashboard").text)
    wrong = clerk.get(f"/{language}/dashboard?from=soon")
    assert wrong.status_code == 422
    words = {"id": "Tulis bulan sebagai tahun dan bulan", "en": "Write the month as year and month"}
    assert wrong.text.count(words[language]) == 2, "in the summary and at the field"
    assert 'value="soon"' in wrong.text


def test_the_chart_is_an_image_of_the_same_table(year: Feed, as_role: AsRole) -> None:
    page = as_role("analyst").get("/en/dashboard").text
    address = re.search(r'<img src="([^"]+reports_received[^"]+)" alt="([^"]+)"', page)
    assert address is not None
    assert "Bar chart: Reports received by kecamatan and month, Jan 2026 to Nov 2026." in address[2]
    drawing = as_role("analyst").get(address[1].replace("&amp;", "&"))
    assert (drawing.status_code, drawing.mimetype) == (200, "image/svg+xml")
    assert "&lt;5" in drawing.text and "Pekalongan Utara" in drawing.text and "Nov 2026" in drawing.text
    exact = as_role("supervisor").get(address[1].replace("&amp;", "&"))
    assert "&lt;5" not in exact.text
    wrong = as_role("supervisor").get("/en/dashboard/charts/reports_received.svg?from=later")
    assert wrong.status_code == 422
    assert as_role("supervisor").get("/en/dashboard/charts/nothing.svg").status_code == 404
