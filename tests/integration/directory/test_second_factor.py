"""A second factor as its owner meets it: turning it on, signing in with it, losing the telephone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.directory import commands, second_factor
from services.directory.app import create_app
from services.directory.pages.second_step import COOKIE
from services.directory.sessions import EXCHANGE
from tests.integration.directory.conftest import ADMINISTRATOR, PASSWORD, Visitor, set_up, shown_key

pytestmark = pytest.mark.mongo


@pytest.fixture
def clerk(hire, agency):
    return hire("intake_clerk", agency_id=agency)


@pytest.fixture
def signed_up(visit, clerk, turn_on):
    """A visitor whose second factor is on, their app, and the recovery codes."""
    visitor = visit().sign_in(clerk)
    return (visitor, *turn_on(visitor))


def first_step(visitor, staff):
    """The password by JSON: what the answer says."""
    return visitor.call("POST", "/api/v1/sessions", {"email": staff.email, "password": staff.password})


def second_step(visitor, challenge, code):
    return visitor.call("POST", "/api/v1/sessions/second-factor", {"challenge": challenge, "code": code})


def test_it_is_turned_on_with_a_code_and_asked_for_from_then_on(visit, clerk, signed_up):
    _, app, _ = signed_up
    visitor = visit()
    entered = visitor.send("/id/sign-in?next=/id/agencies", email=clerk.email, password=clerk.password)
    assert (entered.status_code, visitor.session()) == (303, None)
    assert entered.headers["Location"] == "/id/sign-in/second-factor?next=%2Fid%2Fagencies"
    done = visitor.send(entered.headers["Location"], code=app.code())
    assert (done.status_code, done.headers["Location"]) == (303, "/id/agencies")
    assert visitor.get("/id/agencies").status_code == 200
    assert visitor.client.get_cookie(COOKIE, "localhost") is None


def test_the_secret_is_shown_until_it_is_confirmed_and_never_again(visit, clerk, turn_on):
    visitor = visit().sign_in(clerk)
    visitor.send("/en/second-factor")
    key = shown_key(visitor.get("/en/second-factor/set-up").text)
    wrong = visitor.send("/en/second-factor/set-up", code="000000")
    assert (wrong.status_code, shown_key(wrong.text)) == (422, key)
    app, codes = turn_on(visitor)
    again = visitor.get("/en/second-factor/set-up")
    assert again.status_code == 303
    page = visitor.get("/en/second-factor").text
    assert app.secret not in page and codes[0] not in page
    assert "10 of 10" in page


def test_neither_the_secret_nor_a_recovery_code_lies_open_in_the_database(foundation, signed_up):
    _, app, codes = signed_up
    stored = repr(list(foundation.database.second_factors.find()))
    assert app.secret not in stored
    assert not [code for code in codes if code in stored or code.replace("-", "") in stored]


def test_what_was_sealed_for_one_account_opens_for_no_other(foundation, visit, clerk, hire, signed_up):
    _, app, _ = signed_up
    factors = foundation.database.second_factors
    analyst = hire("analyst")
    factors.insert_one({**factors.find_one({"_id": clerk.account_id}), "_id": analyst.account_id})
    visitor = visit()
    challenge = first_step(visitor, analyst).json["challenge"]
    assert second_step(visitor, challenge, app.code()).status_code == 401


def test_between_password_and_code_nothing_else_can_be_done(visit, clerk, signed_up):
    visitor = visit()
    challenge = first_step(visitor, clerk).json["challenge"]
    visitor.token = challenge
    assert visitor.call("GET", "/api/v1/sessions/current").status_code == 401
    person = visit()
    person.send("/id/sign-in", email=clerk.email, password=clerk.password)
    assert person.client.get_cookie(COOKIE, "localhost") is not None
    assert person.get("/id/").status_code == 302
    assert person.get("/id/second-factor").status_code == 302
    assert person.get("/id/sign-in/set-up").headers["Location"] == "/id/sign-in"


def test_a_program_signs_in_with_a_code(visit, clerk, signed_up):
    _, app, _ = signed_up
    program = visit()
    asked = first_step(program, clerk)
    assert (asked.status_code, asked.json["type"]) == (401, "urn:rujukan:problem:second-factor-needed")
    signed_in = second_step(program, asked.json["challenge"], app.code())
    assert signed_in.status_code == 201
    program.token = signed_in.json["token"]
    assert program.call("GET", "/api/v1/sessions/current").json["account_id"] == clerk.account_id


def test_a_challenge_is_good_once_and_for_ten_minutes(visit, clerk, clock, signed_up):
    _, app, _ = signed_up
    program = visit()
    used = first_step(program, clerk).json["challenge"]
    assert second_step(program, used, app.code()).status_code == 201
    app.wait()
    late = first_step(program, clerk).json["challenge"]
    clock.ahead += timedelta(minutes=10)
    answers = [second_step(program, challenge, app.code()) for challenge in (used, late, "a" * 43)]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert {answer.json["type"] for answer in answers} == {"urn:rujukan:problem:challenge-over"}


def test_a_changed_password_ends_what_the_old_one_began(visit, clerk, foundation, signed_up):
    _, app, _ = signed_up
    program = visit()
    challenge = first_step(program, clerk).json["challenge"]
    changed = {"password": "empat perahu di teluk"}  # pragma: allowlist secret
    commands.change_account(foundation, ADMINISTRATOR, clerk.account_id, 1, changed)
    assert second_step(program, challenge, app.code()).status_code == 401


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 201), (0, 201), (1, 201), (2, 401)])
def test_a_telephones_clock_may_be_off_by_one_step(visit, clerk, signed_up, steps, status):
    _, app, _ = signed_up
    app.wait(3)
    program = visit()
    challenge = first_step(program, clerk).json["challenge"]
    assert second_step(program, challenge, app.code(steps)).status_code == status


def test_a_recovery_code_is_good_once_and_new_ones_replace_the_old(visit, clerk, signed_up):
    visitor, app, codes = signed_up
    program = visit()

    def status(code):
        return second_step(program, first_step(program, clerk).json["challenge"], code).status_code

    # As somebody copies it from paper.
    assert [status(codes[0].upper().replace("-", " ")), status(codes[0])] == [201, 401]
    renewed = visitor.send("/en/second-factor/recovery-codes", code=app.code())
    assert renewed.status_code == 200
    assert codes[1] not in renewed.text
    assert status(codes[1]) == 401


def test_turning_it_on_ends_the_other_sessions_and_turning_it_off_all(visit, clerk, turn_on):
    elsewhere, here = visit().sign_in(clerk), visit().sign_in(clerk)
    app, _ = turn_on(here)
    assert elsewhere.get("/id/").status_code == 302
    assert here.get("/id/").status_code == 200
    assert here.send("/en/second-factor/off", code="123").status_code == 422
    off = here.send("/en/second-factor/off", code=app.code())
    assert (off.status_code, off.headers["Location"]) == (303, "/en/sign-in")
    assert here.get("/id/").status_code == 302
    assert visit().sign_in(clerk).get("/id/").status_code == 200


def test_an_administrator_takes_it_from_others_and_that_is_written_down(visit, clerk, hire, mongo, prefix, signed_up):
    theirs, _, _ = signed_up
    administrator = hire("administrator")
    desk = visit().sign_in(administrator)
    page = f"/id/accounts/{clerk.account_id}"
    assert desk.send(f"{page}/second-factor/reset", page).status_code == 303
    assert theirs.get("/id/").status_code == 302
    assert visit().sign_in(clerk).session() is not None
    written = mongo.client()[f"{prefix}audit"].entries.find({"subject": clerk.account_id}).sort("at", -1).limit(1)
    entry = written.next()
    assert (entry["action"], entry["actor"]) == ("second_factor.remove", administrator.account_id)
    own = visit().sign_in_as_program(administrator)
    refused = own.call("DELETE", f"/api/v1/accounts/{administrator.account_id}/second-factor")
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "account")


@pytest.fixture
def strict(foundation):
    """Visitors of a directory that requires a second factor: `strict()`."""
    from deploy.front_door import FrontDoor

    required = replace(foundation, settings=replace(foundation.settings, second_factor_required=True))
    app = create_app(required)
    return lambda: Visitor(FrontDoor({"directory": app}, app.extensions[EXCHANGE]))


def test_where_it_is_required_a_reader_of_identities_sets_it_up_before_anything_else(visit, strict, clerk, clock):
    before = visit().sign_in(clerk)
    assert before.get("/id/").status_code == 200
    same = strict()
    same.token = before.session()
    assert same.call("GET", "/api/v1/sessions/current").status_code == 401, "begun by a password alone"
    visitor = strict()
    entered = visitor.send("/en/sign-in", email=clerk.email, password=clerk.password)
    assert entered.headers["Location"] == "/en/sign-in/set-up"
    assert visitor.get("/en/").status_code == 302
    app, _ = set_up(visitor, "/en/sign-in/set-up", clock)
    assert visitor.get("/en/").status_code == 200
    again = strict()
    again.send("/en/sign-in", email=clerk.email, password=clerk.password)
    assert again.send("/en/sign-in/second-factor", code=app.code()).status_code == 303
    program = strict().call("POST", "/api/v1/sessions", {"email": clerk.email, "password": PASSWORD})
    assert program.json["type"] == "urn:rujukan:problem:second-factor-needed"


def test_where_it_is_required_an_analyst_signs_in_as_before_until_the_role_changes(strict, hire, agency, foundation):
    analyst = hire("analyst", agency_id=agency)
    visitor = strict().sign_in(analyst)
    assert visitor.get("/id/").status_code == 200
    commands.change_account(foundation, ADMINISTRATOR, analyst.account_id, 1, {"role": "case_worker"})
    assert visitor.get("/id/").status_code == 302
    assert not second_factor.is_on(foundation, analyst.account_id)
