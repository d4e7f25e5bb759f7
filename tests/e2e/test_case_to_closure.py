"""One case from the report to its closure in a real browser: case worker, supervisor, and two agencies."""

from __future__ import annotations

from typing import Any

import pytest

from services.directory.seed import DEMONSTRATION_ACCOUNTS, DemonstrationAccount
from tests.support.browser import TELEPHONE, Browser, check_page, require_browser
from tests.support.reports import a_child, a_report
from tests.support.stack import Stack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.browser, pytest.mark.timeout(300)]
NAME = "Sekar Contoh"


def account(role: str, kind: str | None = None) -> DemonstrationAccount:
    return next(
        each for each in DEMONSTRATION_ACCOUNTS if each.role == role and (kind is None or each.agency_kind == kind)
    )


class Office:
    """One browser that the people of this story use one after the other, on a telephone."""

    def __init__(self, browser: Browser, stack: Stack, number: str) -> None:
        self.browser, self.stack, self.number = browser, stack, number
        self.checked: set[str] = set()

    def sign_in(self, who: DemonstrationAccount) -> None:
        self.browser.context.clear_cookies()
        self.browser.sign_in(self.stack.url, who.email, who.password)

    def case(self) -> Any:
        return self.browser.open(f"{self.stack.url}/id/cases/{self.number}")

    def act(self, link: str, *choices: str) -> Any:
        """Follows a link of the page that is open, chooses, saves, and comes back to where it began."""
        page = self.browser.page
        page.locator("main").get_by_role("link", name=link, exact=False).first.click()
        page.wait_for_selector("main form")
        if link not in self.checked:
            self.checked.add(link)
            check_page(page, "id")
        for choice in choices:
            page.get_by_label(choice, exact=False).first.check()
        page.locator("main form button[type=submit]").last.click()
        page.wait_for_selector(".govuk-notification-banner--success")
        return page


def test_a_case_goes_from_the_report_to_its_closure(stack: Stack) -> None:
    require_browser()
    registered = stack.client("intake_clerk").register(a_report(children=[a_child(name=NAME)])).json()
    worker = stack.client("case_worker")

    def opened() -> Any:
        found = worker.cases_of(registered["report_id"])
        return found[0] if found else None

    number = wait_for(opened, "the case", 20)["case_number"]
    pendamping, penyelia = account("case_worker"), account("supervisor")
    puskesmas, dinas = account("partner_agency", "health_centre"), account("partner_agency", "education_office")
    with Browser(viewport=TELEPHONE) as browser:
        office = Office(browser, stack, number)
        office.sign_in(pendamping)
        office.case()
        office.act("Lakukan penapisan", "Tinggi")
        office.act("Catat: Persetujuan menerima layanan")
        office.act("Catat: Persetujuan membagikan data")
        office.act("Rujuk: Pemeriksaan dan pengobatan", "Puskesmas")
        serve(office, puskesmas, "Pemeriksaan dan pengobatan", "Layanan diberikan")

        office.sign_in(pendamping)
        office.case()
        office.act("Catat layanan darurat", "Diberikan")
        office.act("Selesaikan asesmen", "Perlu layanan", "Masih bekerja", "Tidak bersekolah")
        office.act("Sepakati rencana")
        office.sign_in(penyelia)
        office.case()
        office.act("Setujui: Sepakati rencana")

        office.sign_in(pendamping)
        office.case()
        office.act("Rujuk: Kembali ke sekolah", "Dinas pendidikan")
        serve(office, dinas, "Kembali ke sekolah", "Layanan diberikan")

        office.sign_in(pendamping)
        office.case()
        office.act("Nyatakan layanan selesai", "Sudah berhenti bekerja", "Bersekolah")
        office.act("Catat kunjungan pemantauan", "Sudah berhenti bekerja", "Bersekolah")
        office.act("Tutup kasus", "Tujuan rencana tercapai")
        office.sign_in(penyelia)
        office.case()
        page = office.act("Setujui: Tutup kasus")
        assert "Ditutup" in page.content()
        check_page(page, "id")
        assert not browser.violations and not browser.foreign and not browser.errors
    closed = worker.call("GET", f"/api/v1/cases/{number}").json()
    assert (closed["stage"], closed["facts"]["working"], closed["facts"]["schooling"]) == (
        "closed",
        "stopped",
        "school",
    )
    assert [(each["kind"], each["state"]) for each in closed["referrals"]] == [
        ("health", "completed"),
        ("education", "completed"),
    ]


def serve(office: Office, who: DemonstrationAccount, service: str, outcome: str) -> None:
    """A member of an agency finds the referral in the queue, accepts, opens who is meant, and gives the service."""
    office.sign_in(who)
    page = office.browser.open(f"{office.stack.url}/id/referrals")
    check_page(page, "id")
    page.locator("main").get_by_role("link", name=office.number).first.click()
    page.wait_for_selector("#next")
    assert NAME not in page.content()
    office.act("Ambil alih")
    office.act("Terima")
    page.get_by_role("button", name="Buka identitas").click()
    page.wait_for_selector("#identities")
    assert NAME in page.content()
    check_page(page, "id")
    page.goto(page.url.removesuffix("/identities"))
    office.act("Catat dimulainya layanan")
    office.act("Catat selesainya layanan", outcome)
    assert service in page.content() and NAME not in page.content()
