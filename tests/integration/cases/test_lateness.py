"""A clock that stands still, and one that fails at a case, are said on the work pages and in the metrics, each in words
of its own; against the real mongod."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from services.cases import agencies, commands, lateness
from services.cases.app import create_app
from shared.access import Actor
from shared.clock import utc_now
from shared.foundation import Foundation
from shared.ids import new_id
from shared.mongo import Unavailable
from shared.telemetry.metrics import CLOCK_FAILING, CLOCK_OLDEST_DUE, AtScrape
from tests.integration.cases.test_cases import Arrive, As
from tests.integration.cases.test_referrals import Agency, Referred
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
STANDS = {"en": "The clock has not run since", "id": "Penghitung waktu tidak berjalan sejak"}
FAILS_HERE = {"en": "but fails at this case", "id": "tetapi gagal pada kasus ini"}
FAILS = {"en": "but fails at 1 case", "id": "tetapi gagal pada 1 kasus"}
SAID = (STANDS, FAILS_HERE, FAILS)


def later(foundation: Foundation, **after: float) -> Foundation:
    """The same some time later."""
    moment = foundation.clock() + timedelta(**after)
    return replace(foundation, clock=lambda: moment)


@pytest.fixture
def referred(arrive: Arrive, as_role: As, agency: Agency) -> Referred:
    return Referred(arrive, as_role, agency)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the cases on which the clock cannot decide."""
    ids: list[str] = []
    tick = agencies.tick

    def fails(unit: Any, definition: Any, case: Any, *rest: Any) -> Any:
        if case.case_id in ids:
            raise RuntimeError("a value that a person typed")
        return tick(unit, definition, case, *rest)

    monkeypatch.setattr(agencies, "tick", fails)
    return ids


def pages(referred: Referred, moment: Foundation, language: str) -> list[str]:
    """The queue, the case, the agency's queue and the referral as they are at a moment."""
    app = create_app(moment)
    worker = Browser(app, Actor(new_id("account"), "case_worker", new_id("agency"), "session", "Petugas"))
    member = Browser(app, Actor(new_id("account"), "partner_agency", referred.agency_id, "session", "Mitra"))
    return [
        worker.get(f"/{language}/cases?stage=").text,
        worker.get(f"/{language}/cases/{referred.case['case_number']}").text,
        member.get(f"/{language}/referrals").text,
        member.get(f"/{language}/referrals/{referred.referral_id}").text,
    ]


def warnings(page: str, language: str) -> list[dict[str, str]]:
    return [words for words in SAID if words[language] in page]


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_clock_that_stands_still_is_said_on_the_work_pages_of_case_workers_and_agencies(
    referred: Referred, foundation: Foundation, language: str
) -> None:
    """Seen to fail without the question in the pages, and without the banner in those of referrals."""
    at_first = [warnings(page, language) for page in pages(referred, foundation, language)]
    assert at_first == [[], [], [], []]
    stopped = later(foundation, days=30)
    assert [warnings(page, language) for page in pages(referred, stopped, language)] == [[STANDS]] * 4
    commands.sweep(stopped)
    assert [warnings(page, language) for page in pages(referred, stopped, language)] == at_first


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_clock_that_fails_at_a_case_is_not_said_to_stand_still(
    referred: Referred, foundation: Foundation, arrive: Arrive, failing: list[str], language: str
) -> None:
    """Seen to fail without the note of the failure: every page said that the clock has not run. When nothing runs any
    more, that is what is said, five minutes after the last failure."""
    failing.append(referred.case["_id"])
    running = later(foundation, days=30)
    commands.sweep(running)
    said = [warnings(page, language) for page in pages(referred, running, language)]
    assert said == [[FAILS], [FAILS_HERE], [FAILS], [FAILS_HERE]]
    another = arrive(severity="low")
    app = create_app(running)
    worker = Browser(app, Actor(new_id("account"), "case_worker", new_id("agency"), "session", "Petugas"))
    commands.sweep(running)
    assert warnings(worker.get(f"/{language}/cases/{another['case_number']}").text, language) == []
    stopped = later(running, minutes=6)
    assert [warnings(page, language) for page in pages(referred, stopped, language)] == [[STANDS]] * 4


def test_beside_a_case_at_which_it_fails_a_standstill_is_still_found(
    foundation: Foundation, arrive: Arrive, failing: list[str]
) -> None:
    """Seen to fail with an oldest moment that was asked of all cases, also of those that were tried."""
    now = utc_now()
    broken, waits = (arrive(received=now - timedelta(hours=hours)) for hours in (23.9, 23.8))
    failing.append(broken["_id"])
    moment = later(foundation, hours=1)
    assert lateness.look(foundation.database, moment.clock()).failing == ()
    lateness.note_failure(foundation.database, broken["_id"], "RuntimeError", moment.clock())
    found = lateness.look(foundation.database, moment.clock())
    [stored] = foundation.database["cases"].find({"_id": waits["_id"]})
    assert (found.stands_since, found.failing) == (stored["next_at"], (broken["_id"],))
    assert len(lateness.problems(found)) == 2
    commands.sweep(moment)
    found = lateness.look(foundation.database, moment.clock())
    assert (found.stands_since, found.failing) == (None, (broken["_id"],))
    assert [line.startswith("the clock runs, but fails at 1 ") for line in lateness.problems(found)] == [True]


def test_cases_at_which_it_fails_hold_up_no_other_and_are_tried_for_ever(
    foundation: Foundation, arrive: Arrive, failing: list[str]
) -> None:
    """Seen to fail with the oldest taken first, whether they fail or not: the good one was never tried. Seen to fail
    with those that fail left out while they are remembered, with the first of them taken each time, and with what was
    mended remembered as failing."""
    now = utc_now()
    broken = [arrive(received=now - timedelta(hours=23.9)) for _ in range(6)]
    good = arrive(received=now - timedelta(hours=23.1))
    failing += [case["_id"] for case in broken]
    commands.sweep(later(foundation, hours=0.5), limit=6)
    assert set(lateness.failing(foundation.database)) == set(failing)
    moment = later(foundation, hours=2)
    assert commands.sweep(moment, limit=3) == 1, "the good one is said in the first sweep after it is due"
    tried = foundation.database["clock_failures"]
    assert tried.count_documents({"at": moment.clock()}) == 3
    commands.sweep(moment := later(moment, minutes=1), limit=3)
    assert tried.count_documents({"at": moment.clock()}) == 3, "the other half, a minute later"
    assert tried.count_documents({"at": {"$gte": later(moment, minutes=-1).clock()}}) == 6
    mended = failing.pop(0)
    assert sum(commands.sweep(later(moment, minutes=1 + each), limit=3) for each in range(2)) == 1
    assert set(lateness.failing(foundation.database)) == set(failing)
    for case_id in (good["_id"], mended):
        assert "case.deadline_breached" in [event["type"] for event in foundation.journal.history(case_id)]


def test_what_is_late_is_measured_when_somebody_asks_for_metrics(
    foundation: Foundation, arrive: Arrive, failing: list[str]
) -> None:
    """Seen to fail with a collector that lets the database's error through: no figure at all was told."""
    registry, moment = CollectorRegistry(), [later(foundation)]
    Gauge("other", "Another figure", registry=registry).set(7)
    registry.register(AtScrape(lambda: lateness.figures(moment[0])))
    value = registry.get_sample_value
    assert (value(CLOCK_OLDEST_DUE), value(CLOCK_FAILING)) == (0, 0)
    case = arrive(received=utc_now() - timedelta(hours=23))
    failing.append(case["_id"])
    moment[0] = later(foundation, hours=1, minutes=2)
    assert 100 < value(CLOCK_OLDEST_DUE) < 121 and value(CLOCK_FAILING) == 0
    moment[0] = later(foundation, hours=2)
    commands.sweep(moment[0])
    assert 3500 < value(CLOCK_OLDEST_DUE) < 3601 and value(CLOCK_FAILING) == 1

    def away() -> dict[str, float]:
        raise Unavailable

    registry = CollectorRegistry()
    Gauge("other", "Another figure", registry=registry).set(7)
    registry.register(AtScrape(away))
    assert b"other 7.0" in generate_latest(registry)
