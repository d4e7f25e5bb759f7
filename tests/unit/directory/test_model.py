"""The rules of the directory, without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from services.directory import model
from services.directory.model import Refused

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ACCOUNT = {
    "_id": "account-1",
    "name": "Sri Rahasia",
    "role": "case_worker",
    "agency_id": None,
    "areas": [],
    "active": True,
    "password_hash": "one",
    "sessions_from": NOW - timedelta(days=30),
}
SESSION = {"created_at": NOW, "expires_at": NOW + model.SESSION_IDLE}


def account(**changes):
    return {**ACCOUNT, **changes}


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        (None, account(), "account.opened"),
        (account(), account(active=False), "account.closed"),
        (account(active=False), account(), "account.opened"),
        (account(), account(role="analyst"), "account.changed"),
        (account(active=False), account(active=False, role="analyst"), "account.changed"),
    ],
)
def test_what_happened_to_an_account(before, after, event):
    fact = model.account_fact(before, after)
    assert fact.type == event
    assert fact.data == {key: after[key] for key in ("role", "agency_id", "active", "areas")} | {
        "account_id": "account-1"
    }


def test_events_tell_codes_and_never_a_name():
    agency = {
        "_id": "agency-1",
        "name": "Puskesmas",
        "phone": "0285",
        "kind": "other",
        "kecamatan": None,
        "active": True,
        "services": [],
        "areas": ["33.75.01"],
        "capacity": 5,
    }
    for fact in (model.registered("agency", agency), model.changed("agency", agency)):
        assert set(fact.data) == {"agency_id", "kind", "kecamatan", "active", "services", "areas", "capacity"}
    assert "Rahasia" not in str(model.account_fact(None, account()))


def test_what_was_stored_before_there_were_areas_is_read_as_it_was_meant():
    """Seen to fail with `areas: []` for all: an agency of one kecamatan would serve the whole city."""
    stored = {"_id": "agency-1", "kind": "health_centre", "kecamatan": "33.75.01", "active": True}
    assert model.complete("agency", stored) == {**stored, "services": [], "areas": ["33.75.01"], "capacity": None}
    assert model.complete("agency", {**stored, "kecamatan": None})["areas"] == []
    moved = {**stored, "areas": ["33.75.02"], "services": ["health"], "capacity": 0}
    assert model.complete("agency", moved) == moved
    assert model.complete("company", stored) == stored


def test_an_agency_gives_no_service_that_none_of_its_kind_gives():
    """Seen to fail without the comparison."""
    model.check_agency({"kind": "health_centre", "services": []})
    model.check_agency({"kind": "health_centre", "services": ["health"]})
    model.check_agency({"kind": "other", "services": ["shelter"]})
    with pytest.raises(Refused) as refused:
        model.check_agency({"kind": "health_centre", "services": ["health", "shelter"]})
    assert refused.value.errors == {"services": "not_of_this_kind"}


@pytest.mark.parametrize(
    ("after", "ends"),
    [
        (account(), False),
        (account(role="analyst", agency_id="agency-1", name="Lain"), False),
        (account(active=False), True),
        (account(password_hash="two"), True),
    ],
)
def test_what_ends_the_sessions_of_an_account(after, ends):
    assert model.ends_sessions(account(), after) is ends


@pytest.mark.parametrize(
    ("session", "owner", "moment", "live"),
    [
        (SESSION, account(), NOW, True),
        (SESSION, account(), NOW + model.SESSION_IDLE, False),
        (SESSION, None, NOW, False),
        (SESSION, account(active=False), NOW, False),
        (SESSION, account(sessions_from=NOW), NOW, True),
        (SESSION, account(sessions_from=NOW + timedelta(seconds=1)), NOW + timedelta(seconds=2), False),
        (SESSION | {"expires_at": NOW + timedelta(days=99)}, account(), NOW + model.SESSION_LONGEST, False),
    ],
)
def test_when_a_session_is_live(session, owner, moment, live):
    assert model.session_is_live(session, owner, moment) is live


def test_a_session_is_prolonged_by_use_up_to_its_longest():
    assert model.session_expiry(NOW, NOW) == NOW + model.SESSION_IDLE
    late = NOW + model.SESSION_LONGEST - timedelta(hours=1)
    assert model.session_expiry(NOW, late) == NOW + model.SESSION_LONGEST


def test_only_an_active_administrator_can_be_the_last_one():
    administrator = account(role="administrator")
    assert model.removes_administrator(administrator, account(role="administrator", active=False))
    assert model.removes_administrator(administrator, account(role="analyst"))
    assert not model.removes_administrator(administrator, account(role="administrator", name="Lain"))
    assert not model.removes_administrator(account(role="administrator", active=False), account(role="analyst"))


def test_a_partner_needs_an_agency_and_others_do_not():
    with pytest.raises(Refused) as refused:
        model.check_account("partner_agency", None)
    assert refused.value.errors == {"agency_id": "agency_needed"}
    model.check_account("partner_agency", "agency-1")
    model.check_account("analyst", None)


def test_an_address_is_compared_without_regard_to_case_and_spaces():
    assert model.normal_email("  Sri@Kantor.TEST ") == "sri@kantor.test"
