"""Signing in, staying signed in, and being out."""

import json
from datetime import timedelta

import pytest

from services.directory import commands, model, sessions, signing_in
from services.directory.signing_in import WrongCredentials
from services.directory.throttle import TooManyAttempts
from shared.access.tokens import load_public_key, verify
from tests.integration.directory.conftest import ADMINISTRATOR, PASSWORD

pytestmark = pytest.mark.mongo

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


def actor_by(foundation, token):
    """The actor that a service would see, or None."""
    exchanged = sessions.exchange(foundation, token)
    return exchanged and verify(load_public_key(foundation.settings.token_public_key_file), exchanged)


@pytest.fixture
def clerk(hire, agency):
    return hire("intake_clerk", agency_id=agency)


def enter(foundation, staff, **more):
    return signing_in.sign_in(foundation, staff.email, staff.password, HERE, **more).token


def test_a_session_becomes_a_token_of_the_right_person(foundation, clerk, agency):
    actor = actor_by(foundation, enter(foundation, clerk))
    assert (actor.id, actor.role, actor.agency_id) == (clerk.account_id, "intake_clerk", agency)
    assert actor.name == "Petugas intake_clerk"


def test_the_secret_of_a_session_is_stored_nowhere(foundation, clerk):
    token = enter(foundation, clerk)
    everything = json.dumps(list(foundation.database.sessions.find()), default=str)
    assert clerk.account_id in everything and token not in everything
    stored = foundation.database.sessions.find_one()
    assert sessions.exchange(foundation, stored["_id"]) is None
    assert sessions.exchange(foundation, stored["public_id"]) is None


def test_signing_in_again_is_a_new_session_and_ends_the_browsers_old_one(foundation, clerk):
    first = enter(foundation, clerk)
    second = enter(foundation, clerk, previous=first)
    assert first != second
    assert actor_by(foundation, first) is None
    assert actor_by(foundation, second) is not None


def test_signing_out_ends_this_session_and_no_other(foundation, clerk):
    here, there = enter(foundation, clerk), enter(foundation, clerk)
    sessions.sign_out(foundation, actor_by(foundation, here))
    assert actor_by(foundation, here) is None
    assert actor_by(foundation, there) is not None


def test_a_new_role_is_in_the_next_token(foundation, clerk):
    token = enter(foundation, clerk)
    commands.change_account(foundation, ADMINISTRATOR, clerk.account_id, 1, {"role": "analyst"})
    assert actor_by(foundation, token).role == "analyst"


def test_a_closed_account_is_out_at_once_and_its_old_sessions_stay_out(foundation, clerk):
    token = enter(foundation, clerk)
    commands.change_account(foundation, ADMINISTRATOR, clerk.account_id, 1, {"active": False})
    assert actor_by(foundation, token) is None
    with pytest.raises(WrongCredentials):
        enter(foundation, clerk)
    commands.change_account(foundation, ADMINISTRATOR, clerk.account_id, 2, {"active": True})
    assert actor_by(foundation, token) is None
    assert actor_by(foundation, enter(foundation, clerk)) is not None


def test_a_new_password_ends_the_sessions_of_the_old_one(foundation, clerk):
    token = enter(foundation, clerk)
    new = {"password": "empat perahu di muara"}
    commands.change_account(foundation, ADMINISTRATOR, clerk.account_id, 1, new)
    assert actor_by(foundation, token) is None
    with pytest.raises(WrongCredentials):
        enter(foundation, clerk)
    assert signing_in.sign_in(foundation, clerk.email, new["password"], HERE)


def test_a_session_lives_while_it_is_used_but_not_for_ever(foundation, clerk, clock):
    token = enter(foundation, clerk)
    for _ in range(13):  # 13 times 11 hours stay below seven days
        clock.ahead += timedelta(hours=11)
        assert actor_by(foundation, token) is not None
    clock.ahead += model.SESSION_IDLE
    assert actor_by(foundation, token) is None, "unused for twelve hours"

    clock.ahead = timedelta()
    busy = enter(foundation, clerk)
    while clock.ahead < model.SESSION_LONGEST - timedelta(hours=11):
        clock.ahead += timedelta(hours=11)
        assert actor_by(foundation, busy) is not None
    clock.ahead = model.SESSION_LONGEST
    assert actor_by(foundation, busy) is None, "seven days old"


def test_the_sixth_wrong_sign_in_is_one_too_many_for_known_and_unknown_alike(foundation, clerk):
    for email in (clerk.email, "tidak.ada@kantor.test"):
        for _ in range(5):
            with pytest.raises(WrongCredentials):
                signing_in.sign_in(foundation, email, "salah sama sekali", HERE)
        with pytest.raises(TooManyAttempts) as refused:
            signing_in.sign_in(foundation, email, "salah sama sekali", HERE)
        assert 0 < refused.value.retry_after <= 15 * 60
    with pytest.raises(TooManyAttempts):
        signing_in.sign_in(foundation, clerk.email.upper() + " ", PASSWORD, ELSEWHERE)


def test_one_address_cannot_try_many_accounts(foundation, clerk):
    for number in range(30):
        with pytest.raises(WrongCredentials):
            signing_in.sign_in(foundation, f"orang{number}@kantor.test", "salah sama sekali", HERE)
    with pytest.raises(TooManyAttempts):
        signing_in.sign_in(foundation, clerk.email, PASSWORD, HERE)
    assert signing_in.sign_in(foundation, clerk.email, PASSWORD, ELSEWHERE)


def test_right_sign_ins_are_not_counted(foundation, clerk):
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(WrongCredentials):
                signing_in.sign_in(foundation, clerk.email, "salah sama sekali", HERE)
        assert enter(foundation, clerk)
    counted = [document["count"] for document in foundation.database.sign_in_counters.find()]
    assert counted == [12], "only the wrong ones of this address"


def test_counters_tell_nobody_who_tried(foundation, clerk):
    with pytest.raises(WrongCredentials):
        signing_in.sign_in(foundation, clerk.email, "salah sama sekali", HERE)
    stored = json.dumps(list(foundation.database.sign_in_counters.find()), default=str)
    assert "sign-in" in stored
    assert clerk.email not in stored and HERE not in stored
