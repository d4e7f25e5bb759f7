"""The rules of notifications: the life of a subscription, whom an event concerns, when to try again, what is said."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications import handlers, model, signing, texts
from services.notifications.model import Answer, Filter, Subscription
from shared.domain import codes
from shared.events.catalogue import CATALOGUE, REFERRAL_NEWS, SUBSCRIBABLE, produce

ID, AGENCY = "subscription-" + "0" * 32, "agency-" + "a" * 32
WANTED = Filter(("case.opened",), ("33.75.01",), "high")


def begun(wanted: Filter = WANTED) -> Subscription:
    return after(None, model.Create(ID, AGENCY, wanted))


def after(state: Subscription | None, command: model.Command) -> Subscription:
    for event in model.decide(state, command):
        produce(event.type, event.data)  # the catalogue accepts whatever is decided
        state = model.evolve(state, event)
    assert state is not None
    return state


# --- The life of a subscription ---


def test_a_subscription_begins_enabled():
    assert begun() == Subscription(ID, AGENCY, WANTED, True, None, 1)


def test_it_is_changed_disabled_enabled_and_its_secret_rotated_each_with_one_event():
    state = begun()
    for command in (
        model.Change(Filter(), address_changed=False),
        model.Change(Filter(), address_changed=True),
        model.RotateSecret(),
        model.Disable(model.SCHEDULE_EXHAUSTED),
    ):
        before, state = state, after(state, command)
        assert state.version == before.version + 1
    assert (state.filter, state.enabled, state.disabled_reason) == (Filter(), False, "schedule_exhausted")
    state = after(state, model.Enable())
    assert (state.enabled, state.disabled_reason, state.version) == (True, None, 6)


def test_what_changes_nothing_says_nothing():
    state = begun()
    assert model.decide(state, model.Change(WANTED, address_changed=False)) == []
    assert model.decide(state, model.Enable()) == []
    disabled = after(state, model.Disable(model.REQUESTED))
    assert model.decide(disabled, model.Disable(model.ENDPOINT_GONE)) == []


def test_after_its_end_there_is_nothing_to_command():
    (event,) = model.decide(begun(), model.Delete())
    produce(event.type, event.data)
    assert model.evolve(begun(), event) is None
    with pytest.raises(ValueError, match="no such"):
        model.decide(None, model.Enable())
    with pytest.raises(ValueError, match="already"):
        model.decide(begun(), model.Create(ID, AGENCY, WANTED))


# --- Whom an event concerns ---


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), True),
        (Filter(event_types=("case.step_taken", "case.opened")), True),
        (Filter(event_types=("case.step_taken",)), False),
        (Filter(kecamatans=("33.75.01", "33.75.02")), True),
        (Filter(kecamatans=("33.75.03",)), False),
        (Filter(minimum_severity="low"), True),
        (Filter(minimum_severity="medium"), True),
        (Filter(minimum_severity="high"), False),
        (Filter(minimum_severity="emergency"), False),
        (Filter(("case.opened",), ("33.75.01",), "medium"), True),
        (Filter(("case.opened",), ("33.75.03",), "medium"), False),
    ],
)
def test_an_event_is_for_those_who_asked_for_it(wanted, expected):
    facts = {"kecamatan": "33.75.01", "severity": "medium"}
    assert model.matches(wanted, "case.opened", facts, AGENCY) is expected


def test_a_fact_that_is_not_known_silences_nothing():
    assert model.matches(WANTED, "case.opened", {}, AGENCY)
    assert model.matches(WANTED, "case.opened", {"severity": "a newer code", "kecamatan": "33.75.01"}, AGENCY)


@pytest.mark.parametrize("wanted", [Filter(), Filter(kecamatans=("33.75.03",), minimum_severity="emergency")])
def test_what_is_asked_of_an_agency_is_told_to_it_alone(wanted):
    """Seen to fail without the question whose referral it is: another agency hears of it too."""
    facts = {"kecamatan": "33.75.01", "severity": "low", "agency_id": AGENCY}
    for news in REFERRAL_NEWS:
        assert model.matches(wanted, news, facts, AGENCY)
        assert not model.matches(wanted, news, facts, "agency-" + "b" * 32)
    assert not model.matches(Filter(event_types=("case.opened",)), "referral.requested", facts, AGENCY)


@given(st.sampled_from(model.SEVERITIES), st.sampled_from(model.SEVERITIES))
def test_severities_are_ordered_from_low_to_emergency(minimum, actual):
    mild_to_grave = ["low", "medium", "high", "emergency"]
    wanted = Filter(minimum_severity=minimum)
    expected = mild_to_grave.index(actual) >= mild_to_grave.index(minimum)
    assert model.matches(wanted, "case.opened", {"severity": actual}, AGENCY) is expected


def test_every_event_type_that_can_be_subscribed_is_handled_and_has_a_name():
    heeded = handlers.handlers(None)  # type: ignore[arg-type]  # nothing is called
    for name in SUBSCRIBABLE:
        assert name in heeded and name in texts.EVENT_TYPES
        assert CATALOGUE[name].topic in handlers.TOPICS
    assert set(codes("severity")) == {"low", "medium", "high", "emergency"}


# --- What a message says ---


def test_a_message_carries_ids_and_codes_and_nothing_else():
    wib = timezone(timedelta(hours=7))
    facts = {
        "case_id": "case-1",
        "case_number": "K-1",
        "severity": "high",
        "kelurahan": "33.75.01.1002",
        "sex": "female",
        "person_id": "person-1",
        "name": "Budi Canary",
        "narrative": "Canary",
        "due_at": datetime(2026, 11, 3, 9, 10, tzinfo=wib),
        "risk": None,
    }
    message = model.payload("case.opened", datetime(2026, 11, 3, 9, 10, tzinfo=wib), 4, facts, "https://x/id/cases/1")
    assert message == {
        "type": "case.opened",
        "timestamp": "2026-11-03T02:10:00Z",
        "sequence": 4,
        "link": "https://x/id/cases/1",
        "data": {
            "case_id": "case-1",
            "case_number": "K-1",
            "severity": "high",
            "due_at": "2026-11-03T02:10:00Z",
        },
    }


def test_a_day_stays_a_day():
    assert model._written(date(2026, 11, 3)) == "2026-11-03"


# --- When to try again ---


def test_ten_attempts_over_three_days():
    waits = [model.wait_before(number, random.Random(1)) for number in range(1, 12)]
    assert waits[0] == 0 and waits[-1] is None
    assert [wait is not None for wait in waits].count(True) == 10
    plain = [0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    for wait, least in zip(waits, plain, strict=False):
        assert least <= wait <= least * 1.1
    assert 3 * 86400 < sum(plain) < 4 * 86400


def test_jitter_pulls_receivers_apart():
    assert len({model.wait_before(3, random.Random(seed)) for seed in range(20)}) == 20


CHANCE = random.Random(2)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_2xx_is_taken(status):
    assert Answer(status).ok and model.wait_after(Answer(status), 1, CHANCE) is None


@pytest.mark.parametrize("status", [100, 199, 300, 301, 304, 307, 400, 401, 404, 500, 503, None])
def test_everything_else_is_tried_again(status):
    answer = Answer(status, None if status else "timeout")
    assert not answer.ok
    assert 5 <= model.wait_after(answer, 1, CHANCE) <= 5.5
    assert model.wait_after(answer, 10, CHANCE) is None


def test_a_410_is_not_tried_again():
    assert Answer(410).gone and model.wait_after(Answer(410), 1, CHANCE) is None


def test_retry_after_is_obeyed_on_429_and_503_up_to_a_day():
    assert model.wait_after(Answer(429, retry_after=120), 1, CHANCE) == 120
    assert model.wait_after(Answer(503, retry_after=10**9), 1, CHANCE) == 24 * 3600
    assert model.wait_after(Answer(503, retry_after=1), 1, CHANCE) >= 5
    assert model.wait_after(Answer(500, retry_after=120), 1, CHANCE) <= 5.5
    assert model.quiet_for(Answer(429, retry_after=-5)) == 0


NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Tue, 24 Nov 2026 12:01:00 GMT", 60.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 400, None),
        ("٣", None),
        ("", None),
        (None, None),
    ],
)
def test_a_retry_after_header_is_seconds_or_a_date(header, seconds):
    assert model.retry_after_seconds(header, NOW) == seconds


@given(st.text())
def test_no_retry_after_header_breaks_anything(header):
    seconds = model.retry_after_seconds(header, NOW)
    assert seconds is None or seconds >= 0


# --- Secrets ---


def test_a_secret_opens_only_for_its_own_subscription_and_key():
    secret = signing.new_secret()
    sealed = signing.seal("k" * 40, ID, secret)
    assert secret.encode() not in sealed
    assert signing.unseal("k" * 40, ID, sealed) == secret
    for key, subscription in (("k" * 40, "subscription-other"), ("l" * 40, ID)):
        with pytest.raises(signing.tink.TinkError):
            signing.unseal(key, subscription, sealed)
