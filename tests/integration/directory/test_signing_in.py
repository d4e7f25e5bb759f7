"""Signing in and out as a person and as a program meet it, through the front door."""

import statistics
import time

import pytest
from werkzeug.test import Client

from deploy.processes import application
from services.directory import commands
from services.directory.sessions import COOKIE
from tests.integration.directory.conftest import ADMINISTRATOR, BASE

pytestmark = pytest.mark.mongo


@pytest.fixture
def clerk(hire, agency):
    return hire("intake_clerk", agency_id=agency)


def test_a_stranger_is_led_to_sign_in_and_back(visit, clerk):
    visitor = visit()
    led = visitor.get("/en/agencies?page=2")
    assert (led.status_code, led.headers["Location"]) == (302, "/en/sign-in?next=%2Fen%2Fagencies%3Fpage%3D2")
    entered = visitor.send(led.headers["Location"], email=clerk.email, password=clerk.password)
    assert (entered.status_code, entered.headers["Location"]) == (303, "/en/agencies?page=2")
    assert visitor.get("/en/agencies").status_code == 200


ELSEWHERE = [
    "//evil.test/",
    "https://evil.test/",
    "/\\evil.test",
    "/id//evil.test",
    "/id/..//evil.test",
    "javascript:alert(1)",
    "/id/%0d%0aX: 1",
    "evil",
    "/api/v1/agencies",
]


def test_signing_in_leads_nowhere_else(visit, clerk):
    for target in ELSEWHERE:
        entered = visit().send("/id/sign-in?next=" + target, "/id/sign-in", email=clerk.email, password=clerk.password)
        assert (entered.status_code, entered.headers["Location"]) == (303, "/id/"), target


def test_the_cookie_is_for_this_host_over_tls_and_not_for_scripts(visit, clerk):
    answer = visit().send("/id/sign-in", email=clerk.email, password=clerk.password)
    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith(COOKIE))
    parts = {part.strip() for part in cookie.split(";")[1:]}
    assert parts == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}


def test_signing_out_ends_the_session_on_the_server(visit, clerk):
    visitor = visit().sign_in(clerk)
    secret = visitor.session()
    answer = visitor.send("/id/sign-out")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/id/sign-in")
    assert visitor.session() is None
    thief = visit()
    thief.token = secret
    assert thief.call("GET", "/api/v1/sessions/current").status_code == 401
    assert "Anda sudah keluar." in visitor.get("/id/sign-in").text


def test_a_program_signs_in_and_out_by_json(visit, clerk, agency):
    program = visit().sign_in_as_program(clerk)
    assert program.call("GET", "/api/v1/sessions/current").json == {
        "account_id": clerk.account_id,
        "role": "intake_clerk",
        "agency_id": agency,
        "name": "Petugas intake_clerk",
    }
    assert program.call("DELETE", "/api/v1/sessions/current").status_code == 204
    gone = program.call("GET", "/api/v1/sessions/current")
    assert (gone.status_code, gone.mimetype) == (401, "application/problem+json")
    assert gone.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_page_says_how_long_to_wait(visit, clerk):
    visitor = visit()
    for _ in range(5):
        wrong = visitor.send("/id/sign-in", email=clerk.email, password="salah sama sekali")
        assert wrong.status_code == 422
        assert "Alamat surel atau kata sandi salah." in wrong.text
        assert "salah sama sekali" not in wrong.text
    closed = visitor.send("/id/sign-in", email=clerk.email, password=clerk.password)
    assert closed.status_code == 429
    assert "Coba lagi dalam 15 menit." in closed.text


def wrong_from(client, address, count):
    """The statuses of so many wrong sign-ins, each for another account, forwarded as from `address`."""
    return [
        client.post(
            "/api/v1/sessions",
            base_url=BASE,
            headers={"X-Forwarded-For": address},
            json={"email": f"orang{number}@kantor.test", "password": "salah sama sekali"},
        ).status_code
        for number in range(count)
    ]


def test_behind_the_proxy_one_address_does_not_close_the_door_to_others(mongo, prefix, foundation, monkeypatch):
    for name, value in mongo.settings_environ("directory", prefix).items():
        monkeypatch.setenv(name, value)
    client = Client(application("directory"))
    assert wrong_from(client, "192.0.2.1", 31) == [401] * 30 + [429]
    assert wrong_from(client, "192.0.2.2", 1) == [401]


def test_on_one_machine_nobody_claims_another_address(door):
    client = Client(door)
    assert [wrong_from(client, f"192.0.2.{number}", 1)[0] for number in range(4)] == [401] * 4
    assert wrong_from(client, "192.0.2.99", 27)[-1] == 429


def test_a_stranger_waits_as_long_as_a_member_of_staff(real_hashing, visit, clerk):
    def median(email):
        # The processor's time, not the clock's: other work on this machine must not decide.
        times = []
        for _ in range(4):
            start = time.process_time()
            answer = visit().call("POST", "/api/v1/sessions", {"email": email, "password": "salah sama sekali"})
            times.append(time.process_time() - start)
            assert answer.status_code == 401
        return statistics.median(times)

    known, unknown = median(clerk.email), median("tidak.ada@kantor.test")
    assert 0.6 < unknown / known < 1.6


def test_a_changed_role_and_a_closed_account_reach_every_service_at_the_next_request(visit, clerk):
    person, program = visit().sign_in(clerk), visit().sign_in_as_program(clerk)
    assert "x-rujukan-token" in program.call("GET", "/api/v1/reports").json
    commands.change_account(person_foundation(person), ADMINISTRATOR, clerk.account_id, 1, {"role": "analyst"})
    assert program.call("GET", "/api/v1/sessions/current").json["role"] == "analyst"
    commands.change_account(person_foundation(person), ADMINISTRATOR, clerk.account_id, 2, {"active": False})
    assert program.call("GET", "/api/v1/sessions/current").status_code == 401
    assert "x-rujukan-token" not in program.call("GET", "/api/v1/reports").json
    assert person.get("/id/").status_code == 302


def person_foundation(visitor):
    """The foundation on which the directory behind the front door stands."""
    return visitor.client.application._applications["directory"].extensions["rujukan"]
