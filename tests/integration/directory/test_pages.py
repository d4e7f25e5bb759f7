"""Directory's pages without JavaScript: forms that come back with what was typed, and say what is wrong."""

import pytest

from services.directory import store
from tests.integration.directory.conftest import BASE

pytestmark = pytest.mark.mongo

AGENCY = {"name": "Puskesmas Bendan", "kind": "health_centre", "kecamatan": "33.75.01"}


@pytest.fixture
def administrator(visit, hire):
    return visit().sign_in(hire("administrator"))


def test_the_first_page_shows_what_a_role_can_do(visit, hire, agency):
    expected = {
        "intake_clerk": ["/id/reports/new", "/id/reports", "/id/dashboard", "/id/agencies", "/id/companies"],
        "analyst": ["/id/dashboard", "/id/agencies", "/id/companies"],
        "partner_agency": ["/id/dashboard", "/id/subscriptions", "/id/agencies", "/id/companies"],
    }
    for role, links in expected.items():
        page = visit().sign_in(hire(role, agency_id=agency)).get("/id/").text
        main = page.partition("<main")[2]
        found = [part.partition('"')[0] for part in main.split('app-card__link" href="')[1:]]
        morning = ["/id/morning-email"] if role == "partner_agency" else []
        assert found == [*links, "/id/sessions", "/id/second-factor", *morning], role


def test_the_first_page_leads_supervisors_alone_to_broken_glass(visit, hire, agency):
    """Seen to fail without the card, and with one for whoever may read cases."""
    for role, led in (("supervisor", True), ("case_worker", False), ("administrator", False)):
        page = visit().sign_in(hire(role, agency_id=agency)).get("/id/").text
        assert ('app-card__link" href="/id/break-glass"' in page) is led, role


def test_an_agency_is_registered_and_changed_by_forms(administrator, foundation):
    made = administrator.send("/id/agencies/new", **AGENCY)
    assert made.status_code == 303
    path = made.headers["Location"]
    page = administrator.get(path).text
    assert "Puskesmas Bendan" in page and "Pekalongan Barat" in page and "Sudah disimpan." in page
    edit = f"{path}/edit"
    assert 'value="Puskesmas Bendan"' in administrator.get(edit).text
    changed = administrator.send(edit, **AGENCY | {"name": "Puskesmas Baru", "active": "no"})
    assert changed.status_code == 303
    entry = store.get(foundation.database, "agency", path.rpartition("/")[2])
    assert (entry["name"], entry["active"], entry["version"]) == ("Puskesmas Baru", False, 2)


def test_services_areas_and_capacity_are_kept_by_the_form(administrator, foundation):
    """Seen to fail with an empty capacity and 0 taken for the same."""
    offered = administrator.get("/id/agencies/new").text
    assert "Penampungan sementara" in offered and 'name="areas" type="checkbox" value="33.75.04"' in offered
    form = {**AGENCY, "services": ["health"], "areas": ["33.75.01", "33.75.02"], "capacity": "0"}
    path = administrator.send("/id/agencies/new", **form).headers["Location"]
    page = administrator.get(path).text
    assert "Pekalongan Barat, Pekalongan Timur" in page and "Kesehatan" in page
    entry = store.get(foundation.database, "agency", path.rpartition("/")[2])
    assert (entry["services"], entry["areas"], entry["capacity"]) == (["health"], ["33.75.01", "33.75.02"], 0)
    edit = administrator.get(f"{path}/edit").text
    assert 'name="areas" type="checkbox" value="33.75.02" checked' in edit and 'value="0"' in edit
    administrator.send(f"{path}/edit", **AGENCY, active="yes", capacity="")
    entry = store.get(foundation.database, "agency", path.rpartition("/")[2])
    assert (entry["services"], entry["areas"], entry["capacity"]) == ([], [], None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"services": ["health", "shelter"]}, {"id": "Instansi sejenis ini", "en": "does not give every service"}),
        ({"capacity": "banyak"}, {"id": "bilangan bulat", "en": "Not a valid integer"}),
        ({"capacity": "-3"}, {"id": "0", "en": "greater than or equal to 0"}),
        ({"areas": ["33.75.99"]}, {"id": "33.75.99", "en": "33.75.99"}),
    ],
)
@pytest.mark.parametrize("language", ["id", "en"])
def test_the_form_says_at_its_field_what_an_agency_cannot_be(administrator, foundation, language, wrong, said):
    answer = administrator.send(f"/{language}/agencies/new", **AGENCY | wrong)
    assert answer.status_code == 422
    (field,) = wrong
    assert f'id="{field}-error"' in answer.text and said[language] in answer.text
    assert foundation.database.agencies.count_documents({}) == 0


def test_what_was_typed_comes_back_with_what_is_wrong(administrator, foundation):
    answer = administrator.send("/id/agencies/new", **AGENCY | {"name": "<b>Nama</b>", "phone": "telepon saya"})
    assert answer.status_code == 422
    assert "Nomor telepon tidak sah." in answer.text
    assert "&lt;b&gt;Nama&lt;/b&gt;" in answer.text and "<b>Nama</b>" not in answer.text
    empty = administrator.send("/en/agencies/new")
    assert empty.status_code == 422
    assert "Enter the name of the agency." in empty.text and "Choose the kind of agency." in empty.text
    assert foundation.database.agencies.count_documents({}) == 0


def test_a_second_click_registers_nothing_new(administrator, foundation):
    page = administrator.get("/id/companies/new").text
    hidden = {
        name: page.rpartition(f'name="{name}"')[2].partition('value="')[2].partition('"')[0]
        for name in ("csrf_token", "request_key", "version")
    }
    form = {
        **hidden,
        "name": "Batik Canting",
        "ownership": "private",
        "partnership": ["policy", "product"],
        "kecamatan": "",
    }
    answers = [
        administrator.client.post("/id/companies/new", base_url=BASE, data=form, headers={"Origin": BASE})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    (entry,) = foundation.database.companies.find()
    assert entry["partnership"] == ["policy", "product"]
    back = administrator.client.post(
        "/id/companies/new", base_url=BASE, data={**form, "name": "Lain"}, headers={"Origin": BASE}
    )
    assert back.status_code == 303 and back.headers["Location"] != answers[0].headers["Location"]


def test_who_was_second_is_told_and_overwrites_nothing(administrator, foundation, agency):
    first = administrator.get(f"/id/agencies/{agency}/edit").text
    stale = {
        name: first.rpartition(f'name="{name}"')[2].partition('value="')[2].partition('"')[0]
        for name in ("csrf_token", "request_key", "version")
    }
    assert administrator.send(f"/id/agencies/{agency}/edit", **AGENCY, active="yes").status_code == 303
    late = administrator.client.post(
        f"/id/agencies/{agency}/edit",
        base_url=BASE,
        data={**stale, **AGENCY, "name": "Terlambat", "active": "yes"},
        headers={"Origin": BASE},
    )
    assert late.status_code == 409
    assert store.get(foundation.database, "agency", agency)["name"] == "Puskesmas Bendan"


def test_a_person_is_added_opened_an_account_and_shut_out(administrator, visit, agency, foundation):
    person = {"name": "Sri Contoh", "email": "sri@kantor.test", "agency_id": agency}
    path = administrator.send("/id/people/new", **person).headers["Location"]
    easy = administrator.send(f"{path}/account", role="case_worker", password="pendek")
    assert easy.status_code == 422 and "Kata sandi paling sedikit 12 karakter." in easy.text
    assert "pendek" not in easy.text
    opened = administrator.send(f"{path}/account", role="case_worker", password="tiga becak di tepi kali")
    assert opened.status_code == 303
    account = opened.headers["Location"]
    guest = visit()
    entered = guest.send("/id/sign-in", email="sri@kantor.test", password="tiga becak di tepi kali")
    assert entered.status_code == 303 and "Pendamping kasus" in guest.get("/id/").text
    kept = administrator.send(f"{account}/edit", role="supervisor", active="yes", password="")
    assert kept.status_code == 303 and "Penyelia" in guest.get("/id/").text
    closed = administrator.send(f"{account}/edit", role="supervisor", active="no", password="")
    assert closed.status_code == 303 and guest.get("/id/").status_code == 302


def test_the_last_administrator_cannot_leave_by_the_page(administrator, foundation):
    (account,) = foundation.database.accounts.find()
    answer = administrator.send(f"/id/accounts/{account['_id']}/edit", role="administrator", active="no", password="")
    assert answer.status_code == 422
    assert "Administrator terakhir tidak dapat dilepas." in answer.text
    assert administrator.get("/id/").status_code == 200


def test_a_form_of_another_site_or_without_its_token_changes_nothing(administrator, foundation):
    page = administrator.get("/id/agencies/new").text
    token = page.rpartition('name="csrf_token" value="')[2].partition('"')[0]
    for headers, data in (
        ({"Origin": "https://evil.test"}, {**AGENCY, "csrf_token": token}),
        ({}, {**AGENCY, "csrf_token": token}),
        ({"Origin": "null"}, {**AGENCY, "csrf_token": token}),
        ({"Origin": BASE}, AGENCY),
        ({"Origin": BASE}, {**AGENCY, "csrf_token": "x" * 91}),
    ):
        answer = administrator.client.post("/id/agencies/new", base_url=BASE, data=data, headers=headers)
        assert answer.status_code == 403, (headers, data)
    # A session's cookie is no key to the JSON either, unless the page's own script sends its token along.
    answer = administrator.client.post("/api/v1/agencies", base_url=BASE, json={"name": "x", "kind": "other"})
    assert answer.status_code == 403
    assert foundation.database.agencies.count_documents({}) == 0


def test_forms_cannot_be_fed_what_the_page_did_not_offer(administrator, foundation, agency):
    for field, value in (("kind", "$ne"), ("kind", "palace"), ("kecamatan", "33.75.99"), ("name", "x" * 500)):
        assert administrator.send("/id/agencies/new", **AGENCY | {field: value}).status_code == 422, field
    extra = administrator.send("/id/agencies/new", **AGENCY, demonstration="1", _id="agency-1", agency_id=agency)
    assert extra.status_code == 303
    entry = store.get(foundation.database, "agency", extra.headers["Location"].rpartition("/")[2])
    assert entry["demonstration"] is False and "agency_id" not in entry


def test_demonstration_accounts_stand_on_the_page_of_a_demonstration_only(visit, app, foundation):
    assert "contoh-rujukan-2026" not in visit().get("/id/sign-in").text
