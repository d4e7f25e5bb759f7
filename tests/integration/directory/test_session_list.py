"""Where am I signed in: the list of one's sessions, ending one of them, and signing out everywhere."""

from datetime import datetime, timedelta

import pytest

from services.directory import commands, model
from tests.integration.directory.conftest import ADMINISTRATOR

pytestmark = pytest.mark.mongo

PHONE = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36"
)


@pytest.fixture
def clerk(hire, agency):
    return hire("intake_clerk", agency_id=agency)


def on_the_phone(visit, staff):
    """A program that says of itself that it is a telephone."""
    visitor = visit()
    credentials = {"email": staff.email, "password": staff.password}
    answer = visitor.call("POST", "/api/v1/sessions", credentials, headers={"User-Agent": PHONE})
    visitor.token = answer.json["token"]
    return visitor


def listed(visitor):
    answer = visitor.call("GET", "/api/v1/sessions")
    assert answer.status_code == 200, answer.text
    return answer.json["items"]


def is_in(visitor):
    return visitor.call("GET", "/api/v1/sessions/current").status_code == 200


def test_one_sees_where_one_is_signed_in_and_nobody_elses_sessions(visit, clerk, hire, foundation, clock):
    phone = on_the_phone(visit, clerk)
    visit().sign_in_as_program(hire("analyst"))
    clock.ahead += timedelta(minutes=1)
    desk = visit().sign_in_as_program(clerk)
    here, there = listed(desk)
    assert [here["device"], there["device"]] == [None, "Chrome, Android"]
    assert [here["current"], there["current"]] == [True, False]
    assert datetime.fromisoformat(there["created_at"]) < datetime.fromisoformat(here["created_at"])
    clock.ahead += model.SESSION_TOUCH
    phone_first = listed(phone)
    assert [item["current"] for item in phone_first] == [True, False], "the latest use is on top"
    stored = list(foundation.database.sessions.find())
    assert PHONE not in str(stored), "the header itself is not kept"
    assert not any(session["_id"] in str(phone_first) for session in stored), "nor are digests shown"


def test_sessions_that_are_over_are_not_listed(visit, clerk, foundation, clock):
    visit().sign_in_as_program(clerk)
    new = {"password": "empat perahu di muara"}  # pragma: allowlist secret
    commands.change_account(foundation, ADMINISTRATOR, clerk.account_id, 1, new)
    clerk.password = new["password"]
    desk = visit().sign_in_as_program(clerk)
    assert [item["current"] for item in listed(desk)] == [True], "the old password's session is over"
    clock.ahead += model.SESSION_IDLE
    assert len(listed(visit().sign_in_as_program(clerk))) == 1, "twelve hours without use"


def test_one_of_ones_own_sessions_ends_at_once_and_the_others_stay(visit, clerk):
    phone, desk = on_the_phone(visit, clerk), visit().sign_in_as_program(clerk)
    assert is_in(phone)
    lost = next(item["id"] for item in listed(desk) if item["device"])
    assert desk.call("DELETE", f"/api/v1/sessions/{lost}").status_code == 204
    assert not is_in(phone)
    assert is_in(desk)
    assert desk.call("DELETE", f"/api/v1/sessions/{lost}").status_code == 404, "it is there no more"


def test_nobody_ends_the_session_of_another(visit, clerk, hire):
    victim = visit().sign_in_as_program(clerk)
    session_id = listed(victim)[0]["id"]
    for role in ("analyst", "administrator"):
        other = visit().sign_in_as_program(hire(role))
        assert other.call("DELETE", f"/api/v1/sessions/{session_id}").status_code == 404, role
    assert is_in(victim)


def test_signing_out_everywhere_ends_all_of_ones_sessions_and_no_other(visit, clerk, hire):
    phone, desk, other = (
        on_the_phone(visit, clerk),
        visit().sign_in_as_program(clerk),
        visit().sign_in_as_program(hire("analyst")),
    )
    assert is_in(phone) and is_in(desk)
    assert desk.call("DELETE", "/api/v1/sessions").status_code == 204
    assert not is_in(phone)
    assert not is_in(desk)
    assert is_in(other)
    assert is_in(visit().sign_in_as_program(clerk)), "the account itself is open"


def test_an_administrator_signs_an_account_out_everywhere_and_others_may_not(visit, clerk, hire):
    phone, desk = on_the_phone(visit, clerk), visit().sign_in_as_program(clerk)
    path = f"/api/v1/accounts/{clerk.account_id}/sessions"
    assert desk.call("DELETE", path).status_code == 403
    assert visit().sign_in_as_program(hire("supervisor")).call("DELETE", path).status_code == 404, "no office of theirs"
    assert visit().sign_in_as_program(hire("case_worker")).call("DELETE", path).status_code == 403
    assert is_in(phone) and is_in(desk)
    administrator = visit().sign_in_as_program(hire("administrator"))
    assert administrator.call("DELETE", path).status_code == 204
    assert not is_in(phone)
    assert not is_in(desk)
    assert is_in(administrator)
    unknown = "/api/v1/accounts/account-" + "f" * 32 + "/sessions"
    assert administrator.call("DELETE", unknown).status_code == 404


def test_the_page_lists_devices_and_signs_out_there(visit, clerk):
    phone, desk = on_the_phone(visit, clerk), visit().sign_in(clerk)
    page = desk.get("/id/sessions").text
    assert "Chrome, Android" in page and "Perangkat ini" in page
    assert page.count("Chrome, Android") == page.count('<span translate="no">Chrome, Android</span>') == 2
    lost = next(item["id"] for item in listed(phone) if item["current"])
    ended = desk.send(f"/id/sessions/{lost}/end", "/id/sessions")
    assert (ended.status_code, ended.headers["Location"]) == (303, "/id/sessions")
    assert not is_in(phone)
    assert "Chrome, Android" not in desk.get("/id/sessions").text


def test_the_page_signs_out_everywhere(visit, clerk):
    phone, desk = on_the_phone(visit, clerk), visit().sign_in(clerk)
    left = desk.send("/en/sessions", "/id/sessions")
    assert (left.status_code, left.headers["Location"]) == (303, "/en/sign-in")
    assert desk.session() is None
    assert not is_in(phone)
    assert "You are signed out everywhere." in desk.get("/en/sign-in").text
