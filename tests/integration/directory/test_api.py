"""Directory's JSON: what it answers, and what it refuses whoever asks."""

import pytest

from services.directory import store
from shared.access.actor import ROLES

pytestmark = pytest.mark.mongo

AGENCY = {"name": "Puskesmas Bendan", "kind": "health_centre"}
COMPANY = {"name": "Batik Canting", "ownership": "private", "partnership": ["policy", "programme"]}


@pytest.fixture
def administrator(visit, hire):
    return visit().sign_in_as_program(hire("administrator"))


def test_an_agency_from_its_registration_to_its_closing(administrator):
    made = administrator.call("POST", "/api/v1/agencies", AGENCY)
    assert made.status_code == 201
    assert made.headers["ETag"] == '"1"'
    assert made.headers["Location"] == f"/api/v1/agencies/{made.json['id']}"
    assert made.json == {
        **AGENCY,
        "id": made.json["id"],
        "version": 1,
        "kecamatan": None,
        "services": [],
        "areas": [],
        "capacity": None,
        "phone": None,
        "email": None,
        "active": True,
    }
    path = made.headers["Location"]
    closed = administrator.call("PATCH", path, {"active": False}, headers={"If-Match": made.headers["ETag"]})
    assert (closed.status_code, closed.json["active"], closed.headers["ETag"]) == (200, False, '"2"')
    late = administrator.call("PATCH", path, {"name": "Lain"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json["current_version"]) == (412, 2)
    assert administrator.call("GET", path).json["name"] == "Puskesmas Bendan"


def test_an_agencys_services_areas_and_capacity_are_set_and_told(administrator, foundation):
    facts = {"services": ["health"], "areas": ["33.75.01", "33.75.02"], "capacity": 5}
    made = administrator.call("POST", "/api/v1/agencies", {**AGENCY, **facts})
    assert {name: made.json[name] for name in facts} == facts
    path = made.headers["Location"]
    changed = administrator.call("PATCH", path, {"capacity": None, "areas": []}, headers={"If-Match": '"1"'})
    assert (changed.json["areas"], changed.json["capacity"]) == ([], None)
    told = [entry["data"] for entry in foundation.journal.history(made.json["id"])]
    assert [(each["services"], each["areas"], each["capacity"]) for each in told] == [
        (["health"], ["33.75.01", "33.75.02"], 5),
        (["health"], [], None),
    ]
    near = administrator.call("POST", "/api/v1/agencies", {**AGENCY, "kecamatan": "33.75.03"})
    assert near.json["areas"] == ["33.75.03"], "who says nothing of areas means the kecamatan, as before there were any"


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"services": ["shelter"]}, "services", ("jenis", "of this kind")),
        ({"services": ["haircut"]}, "services", ("Harus salah satu", "Must be one of")),
        ({"services": "health"}, "services", ("daftar", "list")),
        ({"areas": ["33.75.99"]}, "areas", ("Harus salah satu", "Must be one of")),
        ({"areas": ["33.75.01"] * 50}, "areas", ("", "Longer than")),
        ({"capacity": -1}, "capacity", ("", "greater than or equal to 0")),
        ({"capacity": 10_000}, "capacity", ("", "less than or equal to 9999")),
        ({"capacity": True}, "capacity", ("bilangan bulat", "integer")),
        ({"capacity": "5"}, "capacity", ("bilangan bulat", "integer")),
        ({"capacity": 2.5}, "capacity", ("bilangan bulat", "integer")),
    ],
)
def test_what_an_agency_cannot_be_is_refused_at_its_field_in_both_languages(administrator, wrong, field, said):
    made = administrator.call("POST", "/api/v1/agencies", AGENCY)
    change = {"path": made.headers["Location"], "json": wrong}
    for language, words in zip(("id", "en"), said, strict=True):
        spoken = {"Accept-Language": language}
        for answer in (
            administrator.call("POST", "/api/v1/agencies", {**AGENCY, **wrong}, headers=spoken),
            administrator.call("PATCH", **change, headers={**spoken, "If-Match": '"1"'}),
        ):
            assert (answer.status_code, answer.json["errors"][0]["field"].partition(".")[0]) == (422, field)
            assert words in answer.json["errors"][0]["message"], answer.text


def test_a_kind_is_not_changed_away_from_the_services_that_are_given(administrator):
    """Seen to fail with the services compared only when they are what changes."""
    made = administrator.call("POST", "/api/v1/agencies", {**AGENCY, "services": ["health"]})
    answer = administrator.call(
        "PATCH", made.headers["Location"], {"kind": "social_office"}, headers={"If-Match": '"1"'}
    )
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "services")


def test_a_change_names_the_version_that_it_knows(administrator):
    path = administrator.call("POST", "/api/v1/agencies", AGENCY).headers["Location"]
    assert administrator.call("PATCH", path, {"name": "Lain"}).status_code == 428
    for nonsense in ("*", "abc", '"-1"', 'W/"1"', '"' + "9" * 30 + '"'):
        answer = administrator.call("PATCH", path, {"name": "Lain"}, headers={"If-Match": nonsense})
        assert answer.status_code == 400, nonsense
        assert answer.json["errors"][0]["field"] == "If-Match"


def test_the_same_key_registers_once(administrator):
    key = {"Idempotency-Key": "kunci-1"}
    first = administrator.call("POST", "/api/v1/agencies", AGENCY, headers=key)
    again = administrator.call("POST", "/api/v1/agencies", AGENCY, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    other = administrator.call("POST", "/api/v1/agencies", {**AGENCY, "name": "Lain"}, headers=key)
    assert (other.status_code, other.json["type"]) == (422, "urn:rujukan:problem:key-reused")
    assert administrator.call("GET", "/api/v1/agencies").json["total"] == 1


def test_lists_come_in_pages_by_name(administrator):
    for name in ("Cempaka", "Anggrek", "Bakung"):
        administrator.call("POST", "/api/v1/companies", {**COMPANY, "name": name})
    first = administrator.call("GET", "/api/v1/companies?page_size=2").json
    second = administrator.call("GET", "/api/v1/companies?page_size=2&page=2").json
    assert [item["name"] for item in first["items"] + second["items"]] == ["Anggrek", "Bakung", "Cempaka"]
    assert (second["page"], second["page_size"], second["total"]) == (2, 2, 3)
    for senseless in ("page=0", "page_size=1000", "page=abc", "sort=name", "page=99999999999999999999"):
        assert administrator.call("GET", f"/api/v1/companies?{senseless}").status_code == 422, senseless


def test_a_person_gets_an_account_whose_password_nobody_sees(administrator, agency):
    person = {"name": "Sri Contoh", "email": "sri@kantor.test", "agency_id": agency}
    made = administrator.call("POST", "/api/v1/people", person)
    account = {"person_id": made.json["id"], "role": "case_worker", "password": "tiga becak di tepi kali"}
    opened = administrator.call("POST", "/api/v1/accounts", account)
    assert opened.status_code == 201
    assert set(opened.json) == {"id", "version", "person_id", "name", "role", "areas", "agency_id", "active"}
    listed = administrator.call("GET", "/api/v1/accounts?active=true")
    assert "argon2" not in listed.text and "digest" not in listed.text
    assert {item["role"] for item in listed.json["items"]} == {"administrator", "case_worker"}


def test_rules_are_refusals_that_name_the_field(administrator, hire):
    staff = hire("analyst")
    twice = administrator.call("POST", "/api/v1/people", {"name": "Lain", "email": staff.email})
    assert (twice.status_code, twice.json["errors"][0]["field"]) == (422, "email")
    easy = {"person_id": staff.person_id, "role": "analyst", "password": "contoh-rujukan-2026"}
    refused = administrator.call("POST", "/api/v1/accounts", easy, headers={"Accept-Language": "id"})
    assert refused.json["errors"][0]["message"].startswith("Kata sandi ini mudah ditebak. Pilih beberapa kata")
    english = administrator.call("POST", "/api/v1/accounts", easy, headers={"Accept-Language": "en"})
    assert english.json["errors"][0]["message"].startswith("This password is easy to guess. Choose a few words")


def test_nobody_sets_what_is_not_theirs_to_set(administrator, foundation, hire, agency):
    staff = hire("analyst")
    path = f"/api/v1/accounts/{staff.account_id}"
    before = store.get(foundation.database, "account", staff.account_id)
    for field, value in (
        ("_id", "account-" + "a" * 32),
        ("id", "account-" + "a" * 32),
        ("agency_id", agency),
        ("person_id", "staff-" + "a" * 32),
        ("status", "open"),
        ("version", 99),
        ("password_hash", "x"),
        ("demonstration", True),
        ("sessions_from", "2020-01-01T00:00:00Z"),
        ("$set", {"role": "administrator"}),
        ("role.x", "administrator"),
    ):
        answer = administrator.call("PATCH", path, {field: value, "role": "supervisor"}, headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field), field
    for body in ({**AGENCY, "agency_id": agency}, {**AGENCY, "_id": agency}, {**AGENCY, "demonstration": False}):
        assert administrator.call("POST", "/api/v1/agencies", body).status_code == 422
    assert store.get(foundation.database, "account", staff.account_id) == before


NOT_TEXT = [{"$ne": None}, {"$gt": ""}, {"$where": "1"}, {"$regex": ".*"}, ["a"], 7, None, True, ""]


def attempts_with(value):
    """Requests with `value` where text belongs."""
    return [
        ("POST", "/api/v1/sessions", {"email": value, "password": "tiga becak di tepi kali"}),
        ("POST", "/api/v1/sessions", {"email": "administrator@kantor.test", "password": value}),
        ("POST", "/api/v1/agencies", {**AGENCY, "name": value}),
        ("POST", "/api/v1/agencies", {**AGENCY, "kind": value}),
        ("POST", "/api/v1/companies", {**COMPANY, "ownership": value}),
        ("POST", "/api/v1/companies", {**COMPANY, "partnership": [value]}),
        ("POST", "/api/v1/people", {"name": "Sri", "email": value}),
        ("POST", "/api/v1/accounts", {"person_id": value, "role": "analyst", "password": "tiga becak di tepi kali"}),
    ]


def test_no_question_to_the_database_comes_from_outside(administrator):
    """Operators in place of text are refused at every field, before anything is looked up."""
    for value in NOT_TEXT:
        for method, path, body in attempts_with(value):
            answer = administrator.call(method, path, body)
            assert answer.status_code == 422, (path, body)
            assert answer.mimetype == "application/problem+json" and answer.json["errors"][0]["field"]


def test_operators_in_addresses_are_plain_text(administrator):
    for path in (
        "/api/v1/agencies?kind[$ne]=other",
        "/api/v1/agencies?active[$gt]=",
        "/api/v1/agencies?kind=%7B%22%24ne%22%3Anull%7D",
    ):
        assert administrator.call("GET", path).status_code == 422, path
    for path in ("/api/v1/agencies/%7B%22%24ne%22%3Anull%7D", "/api/v1/people/..%2faccounts", "/api/v1/accounts/%24ne"):
        assert administrator.call("GET", path).status_code == 404, path
    assert administrator.call("GET", "/api/v1/agencies/%00").status_code in (400, 404)


def test_senseless_bodies_are_never_a_fault_of_ours(administrator):
    def send(body, kind="application/json"):
        return administrator.call("POST", "/api/v1/agencies", data=body, content_type=kind).status_code

    assert send("[" * 100_000) == 400
    assert send("{") == 400
    assert send(b"\xff\xfe") == 400
    assert send('{"name": "' + "x" * 10_000_000 + '"}') == 413
    assert send("name=x", "application/x-www-form-urlencoded") in (403, 415)
    assert send('{"name": "a\\u0000b", "kind": "other"}') == 422
    for body in ("[]", "null", "7", '""', "{}"):
        assert send(body) == 422, body


# Who may (2xx, or 4xx that is not about rights) and who may not (403). C clerk, W case worker, S supervisor,
# P partner agency, A analyst, D administrator; the order of ROLES.
ENDPOINTS = {
    ("GET", "/api/v1/agencies"): "CWSPAD",
    ("POST", "/api/v1/agencies"): "--S--D",
    ("GET", "/api/v1/agencies/{agency}"): "CWSPAD",
    ("PATCH", "/api/v1/agencies/{agency}"): "--S--D",
    ("GET", "/api/v1/companies"): "CWSPAD",
    ("POST", "/api/v1/companies"): "--S--D",
    ("GET", "/api/v1/companies/{company}"): "CWSPAD",
    ("PATCH", "/api/v1/companies/{company}"): "--S--D",
    ("GET", "/api/v1/people"): "CWSPAD",
    ("POST", "/api/v1/people"): "-----D",
    ("GET", "/api/v1/people/{person}"): "--S--D",  # somebody else
    ("PATCH", "/api/v1/people/{person}"): "-----D",
    ("GET", "/api/v1/accounts"): "CWSPAD",
    ("POST", "/api/v1/accounts"): "-----D",
    ("GET", "/api/v1/accounts/{account}"): "-----D",  # somebody else's
    ("PATCH", "/api/v1/accounts/{account}"): "-----D",
    ("DELETE", "/api/v1/accounts/{account}/sessions"): "--S--D",
    ("DELETE", "/api/v1/accounts/{account}/second-factor"): "-----D",
    ("DELETE", "/api/v1/accounts/{account}/provider-identity"): "-----D",
    ("POST", "/api/v1/accounts/{account}/link"): "-----D",
    ("GET", "/api/v1/sessions"): "CWSPAD",
    ("DELETE", "/api/v1/sessions"): "CWSPAD",
    ("DELETE", "/api/v1/sessions/{session}"): "CWSPAD",
    ("GET", "/api/v1/sessions/current"): "CWSPAD",
    ("DELETE", "/api/v1/sessions/current"): "CWSPAD",
    ("GET", "/api/v1/audit/entries"): "--S---",
    ("GET", "/api/v1/audit/unusual"): "--S---",
    ("GET", "/id/audit"): "--S---",
    ("GET", "/id/audit/looks"): "--S---",
    ("GET", "/id/audit/looks.csv"): "--S---",
    ("GET", "/id/"): "CWSPAD",
    ("GET", "/id/sign-out"): "CWSPAD",
    ("POST", "/id/sign-out"): "CWSPAD",
    ("GET", "/id/sessions"): "CWSPAD",
    ("POST", "/id/sessions"): "CWSPAD",
    ("POST", "/id/sessions/{session}/end"): "CWSPAD",
    ("GET", "/id/sessions/colleagues"): "--S--D",
    ("POST", "/id/sessions/colleagues/{account}/end"): "--S--D",
    ("GET", "/id/second-factor"): "CWSPAD",
    ("POST", "/id/second-factor"): "CWSPAD",
    ("GET", "/id/second-factor/set-up"): "CWSPAD",
    ("POST", "/id/second-factor/set-up"): "CWSPAD",
    ("GET", "/id/second-factor/recovery-codes"): "CWSPAD",
    ("POST", "/id/second-factor/recovery-codes"): "CWSPAD",
    ("GET", "/id/second-factor/off"): "CWSPAD",
    ("POST", "/id/second-factor/off"): "CWSPAD",
    ("GET", "/id/morning-email"): "-WSP--",
    ("POST", "/id/morning-email"): "-WSP--",
    ("GET", "/id/agencies"): "CWSPAD",
    ("GET", "/id/agencies/{agency}"): "CWSPAD",
    ("GET", "/id/agencies/new"): "--S--D",
    ("POST", "/id/agencies/new"): "--S--D",
    ("GET", "/id/agencies/{agency}/edit"): "--S--D",
    ("POST", "/id/agencies/{agency}/edit"): "--S--D",
    ("GET", "/id/companies"): "CWSPAD",
    ("GET", "/id/companies/{company}"): "CWSPAD",
    ("GET", "/id/companies/new"): "--S--D",
    ("POST", "/id/companies/new"): "--S--D",
    ("GET", "/id/companies/{company}/edit"): "--S--D",
    ("POST", "/id/companies/{company}/edit"): "--S--D",
    ("GET", "/id/people"): "CWSPAD",
    ("GET", "/id/people/{person}"): "--S--D",
    ("GET", "/id/people/new"): "-----D",
    ("POST", "/id/people/new"): "-----D",
    ("GET", "/id/people/{person}/edit"): "-----D",
    ("POST", "/id/people/{person}/edit"): "-----D",
    ("GET", "/id/people/{person}/account"): "-----D",
    ("POST", "/id/people/{person}/account"): "-----D",
    ("GET", "/id/accounts"): "-----D",
    ("GET", "/id/accounts/{account}"): "-----D",
    ("GET", "/id/accounts/{account}/edit"): "-----D",
    ("POST", "/id/accounts/{account}/edit"): "-----D",
    ("POST", "/id/accounts/{account}/link"): "-----D",
    ("GET", "/id/accounts/{account}/leaving"): "-----D",
    ("POST", "/id/accounts/{account}/leaving"): "-----D",
    ("POST", "/id/accounts/{account}/sessions/end"): "-----D",
    ("POST", "/id/accounts/{account}/second-factor/reset"): "-----D",
    ("POST", "/id/accounts/{account}/provider-identity/release"): "-----D",
}
OPEN = {
    ("POST", "/api/v1/sessions"),
    ("POST", "/api/v1/sessions/second-factor"),
    ("POST", "/api/v1/accounts/password"),
    ("GET", "/id/sign-in"),
    ("POST", "/id/sign-in"),
    ("GET", "/id/sign-in/second-factor"),
    ("POST", "/id/sign-in/second-factor"),
    ("GET", "/id/sign-in/set-up"),
    ("POST", "/id/sign-in/set-up"),
    ("GET", "/id/sign-in/provider"),
    ("GET", "/id/sign-in/no-account"),
    ("GET", "/directory/sign-in/callback"),
    ("GET", "/id/new-password"),
    ("POST", "/id/new-password"),
    ("GET", "/directory/healthz"),
    ("GET", "/directory/readyz"),
    ("GET", "/directory/openapi.json"),
    ("GET", "/id/directory/api-docs"),
    ("GET", "/directory/internal/exchange"),
}


def test_every_route_is_in_the_table_of_this_page(app):
    plain = {"<lang:lang>": "id", "<string:": "{", "<": "{", "_id>": "}"}
    found = set()
    for rule in app.url_map.iter_rules():
        path = rule.rule
        for old, new in plain.items():
            path = path.replace(old, new)
        found |= {
            (method, path) for method in rule.methods - {"HEAD", "OPTIONS"} if not rule.endpoint.endswith("static")
        }
    assert found == set(ENDPOINTS) | OPEN


@pytest.mark.parametrize("role", ROLES)
def test_each_role_reaches_what_it_may_and_nothing_else(role, visit, hire, agency, administrator):
    other = hire("administrator", email="lain@kantor.test")
    company = administrator.call("POST", "/api/v1/companies", COMPANY).json["id"]
    places = {
        "session": "session-" + "0" * 32,
        "agency": agency,
        "company": company,
        "person": other.person_id,
        "account": other.account_id,
    }
    staff = hire(role, agency_id=agency, email="saya@kantor.test")
    program, stranger = visit().sign_in_as_program(staff), visit()
    for (method, template), allowed in ENDPOINTS.items():
        if "sign-out" in template or method == "DELETE":
            continue  # they end sessions; test_signing_in.py, test_session_list.py
        path = template.format(**places)
        body = None if method == "GET" else {}
        answer = program.call(method, path, body, headers={"If-Match": '"1"', "Origin": "https://localhost"})
        may = allowed[ROLES.index(role)] != "-"
        if may and method == "POST" and path.startswith("/id/"):
            assert answer.status_code == 403, "a form needs its own page's token, also from those who may"
        elif may:
            # 303: a page of the second factor that leads to its beginning. 404: an address that wants a record named.
            possible = (200, 201, 303, 404 if "/looks" in path else 422, 422)
            assert answer.status_code in possible, (method, path, answer.status_code)
        else:
            assert answer.status_code in (403, 404), (method, path, answer.status_code)
        unknown = stranger.call(method, path, body)
        assert unknown.status_code == (401 if path.startswith("/api/") else 302), (method, path)


def test_people_see_themselves(visit, hire, agency):
    staff = hire("intake_clerk", agency_id=agency)
    hire("analyst")
    program = visit().sign_in_as_program(staff)
    assert program.call("GET", f"/api/v1/people/{staff.person_id}").json["email"] == staff.email
    assert program.call("GET", f"/api/v1/accounts/{staff.account_id}").json["role"] == "intake_clerk"
    assert [item["id"] for item in program.call("GET", "/api/v1/people").json["items"]] == [staff.person_id]
    assert [item["id"] for item in program.call("GET", "/api/v1/accounts").json["items"]] == [staff.account_id]


def test_without_the_database_nothing_is_half_done(administrator, mongo, foundation):
    mongo.pause()
    try:
        answer = administrator.call("POST", "/api/v1/agencies", AGENCY)
    finally:
        mongo.resume()
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0
    assert foundation.database.agencies.count_documents({}) == 0
    assert administrator.call("POST", "/api/v1/agencies", AGENCY).status_code == 201
