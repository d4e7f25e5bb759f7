"""Referrals between a case and agencies, by API and page: queue, claim, answer, what is seen, expiry; real mongod."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from services.cases import agencies, commands, definitions
from shared.foundation import Foundation
from tests.integration.cases.test_cases import CASES, Arrive, As, assert_stored_is_history, day, order, screen, types
from tests.support.servers import Mongo
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
REFERRALS = "/api/v1/referrals"
HEALTH = definitions.current().referrals["health"]
Agency = Callable[..., str]
NAMES = {"name": "Budi Contoh", "guardian_phone": "081234567890", "school": "SMP Contoh", "nik": "3375010101120001"}


class Referred:
    """A case in emergency service with one referral to a health centre, and who has to do with it."""

    def __init__(self, arrive: Arrive, as_role: As, agency: Agency, kind: str = "health") -> None:
        self.as_role = as_role
        self.agency_id = agency()
        self.worker = as_role()
        self.case = arrive(names=NAMES)
        screen(self.worker, self.case)
        for version, consent in ((2, "services"), (3, "disclosure")):
            order(self.worker, self.case, version, "give_consent", consent)
        self.asked = order(self.worker, self.case, 4, "request_referral", kind, agency_id=self.agency_id)
        assert self.asked.status_code == 200, self.asked.text
        [referral] = self.asked.json["referrals"]
        self.referral_id = referral["referral_id"]

    def member(self) -> Browser:
        """A member of the agency, another one each time."""
        return self.as_role("partner_agency", self.agency_id)

    def answer(self, member: Browser, version: int, command: str, **body: Any) -> Any:
        headers = {"If-Match": f'"{version}"'}
        return member.api(
            "POST", f"{REFERRALS}/{self.referral_id}/commands", {"command": command, **body}, headers=headers
        )


@pytest.fixture
def referred(arrive: Arrive, as_role: As, agency: Agency) -> Referred:
    return Referred(arrive, as_role, agency)


def test_a_referral_goes_from_the_agencys_queue_to_its_outcome(referred: Referred, foundation: Foundation) -> None:
    member = referred.member()
    [waiting] = member.api("GET", f"{REFERRALS}?open=true").json["items"]
    assert (waiting["kind"], waiting["state"], waiting["case_number"]) == (
        "health",
        "requested",
        referred.case["case_number"],
    )
    possible = member.api("GET", f"{REFERRALS}/{referred.referral_id}/available").json["items"]
    assert {each["command"] for each in possible if each["possible"]} == {"claim", "accept", "decline"}
    for version, command in enumerate(("claim", "accept", "start_service"), 1):
        answer = referred.answer(member, version, command)
        assert answer.status_code == 200, answer.text
    done = referred.answer(member, 4, "complete", outcome="helped")
    assert (done.json["state"], done.json["outcome"], done.json["due_at"]) == ("completed", "helped", None)
    assert member.api("GET", f"{REFERRALS}?open=true").json["total"] == 0
    assert [name for name in types(foundation, referred.case) if name.startswith("referral.")] == [
        "referral.requested",
        "referral.claimed",
        "referral.accepted",
        "referral.service_started",
        "referral.completed",
    ]
    assert_stored_is_history(foundation, referred.case["_id"])


def test_a_second_claimer_is_told_who_was_first(referred: Referred) -> None:
    """Seen to fail with the version asked before the reasons: the second gets 412 and no name."""
    members = [referred.member() for _ in range(2)]
    with ThreadPoolExecutor(2) as claims:
        answers = list(claims.map(lambda member: referred.answer(member, 1, "claim"), members))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [won] = [answer for answer in answers if answer.status_code == 200]
    [lost] = [answer for answer in answers if answer.status_code == 409]
    assert lost.json["claimed_by"] == won.json["claimed_by"]
    assert lost.json["reasons"][0]["code"] == "claimed_by_another"


def test_02_another_agency_finds_neither_the_referral_nor_its_identities(referred: Referred, as_role: As) -> None:
    """Seen to fail without `permit` in records.referral."""
    other = as_role("partner_agency")
    referred.answer(referred.member(), 1, "accept")
    for path in ("", "/available", "/identities"):
        assert other.api("GET", f"{REFERRALS}/{referred.referral_id}{path}").status_code == 404
    assert other.api("GET", REFERRALS).json["total"] == 0
    assert referred.answer(other, 2, "start_service").status_code == 404
    assert other.get(f"/id/referrals/{referred.referral_id}").status_code == 404
    for path in ("", "/history", "/identities"):
        assert referred.member().api("GET", f"{CASES}/{referred.case['case_number']}{path}").status_code == 403


def test_an_agency_sees_what_its_kind_of_referral_opens_and_only_while_it_gives_the_service(
    referred: Referred, mongo: Mongo, prefix: str
) -> None:
    """Seen to fail without the state asked in records.referred (first 404), and with all fields granted (nik)."""
    member, path = referred.member(), f"{REFERRALS}/{referred.referral_id}/identities"
    assert member.api("GET", path).status_code == 404, "not before it has accepted"
    referred.answer(member, 1, "accept")
    opened = member.api("GET", path)
    assert opened.json == {"child": {"name": "Budi Contoh", "guardian_phone": "081234567890"}, "report": {}}
    entries = mongo.client()[f"{prefix}audit"]["entries"]
    assert entries.count_documents({"subject": referred.case["person_id"]}) == 1
    page = member.post(
        f"/id/referrals/{referred.referral_id}/identities", {}, page=f"/id/referrals/{referred.referral_id}"
    )
    assert "Budi Contoh" in page.text and "SMP Contoh" not in page.text
    order(referred.worker, referred.case, 6, "revoke", referred.referral_id, reason="mistake")
    assert member.api("GET", path).status_code == 404, "shut at the next request"


def test_02_a_withdrawn_consent_revokes_and_shuts_at_the_next_request(referred: Referred) -> None:
    """Seen to fail with a withdrawn consent that revokes nothing (engine/decide.py), and with `records.referred` that
    does not ask for the state."""
    member, path = referred.member(), f"{REFERRALS}/{referred.referral_id}/identities"
    referred.answer(member, 1, "accept")
    assert member.api("GET", path).status_code == 200
    order(referred.worker, referred.case, 6, "withdraw_consent", "disclosure")
    assert member.api("GET", f"{REFERRALS}/{referred.referral_id}").json["state"] == "revoked"
    assert member.api("GET", path).status_code == 404


def test_a_referral_needs_consent_an_active_agency_and_one_of_the_right_kind(
    arrive: Arrive, as_role: As, agency: Agency
) -> None:
    case, worker = arrive(), as_role()
    screen(worker, case)
    unconsented = order(worker, case, 2, "request_referral", "health", agency_id=agency())
    assert [reason["code"] for reason in unconsented.json["reasons"]] == ["no_consent", "no_consent"]
    for version, consent in ((2, "services"), (3, "disclosure")):
        order(worker, case, version, "give_consent", consent)
    for agency_id in (agency(active=False), agency("legal_aid"), "agency-" + "0" * 32):
        refused = order(worker, case, 4, "request_referral", "health", agency_id=agency_id)
        assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "agency_id"), refused.text


def test_a_case_does_not_end_with_an_open_referral(referred: Referred) -> None:
    order(
        referred.worker, referred.case, 5, "take_step", "give_emergency_service", facts={"emergency_service": "given"}
    )
    close = {"facts": {"closure_reason": "moved"}}
    refused = order(referred.worker, referred.case, 6, "take_step", "close", **close)
    assert (refused.status_code, refused.json["reasons"][0]["code"]) == (409, "not_fulfilled")
    order(referred.worker, referred.case, 6, "revoke", referred.referral_id, reason="no_longer_needed")
    assert order(referred.worker, referred.case, 7, "take_step", "close", **close).status_code == 200


def test_one_that_nobody_answers_is_asked_of_the_next_agency_then_of_the_case_worker(
    referred: Referred, foundation: Foundation, agency: Agency
) -> None:
    """Seen to fail without `suitable` on the tick: no second agency is asked."""
    near = agency(kecamatan="33.75.01")
    agency("health_centre", kecamatan="33.75.04")
    agency("health_centre", active=False)
    agency("legal_aid")
    now = datetime.now(UTC)
    for days in range(1, 40):
        moment = now + timedelta(days=days)
        commands.sweep(Foundation.start(foundation.settings, lambda at=moment: at))  # type: ignore[misc]
    kept = foundation.database["cases"].find_one({"_id": referred.case["_id"]})
    assert kept is not None
    assert [(each["agency_id"], each["state"]) for each in kept["referrals"]] == [
        (referred.agency_id, "expired"),
        (near, "expired"),
    ]
    assert [task["kind"] for task in kept["tasks"]] == ["find_agency"]
    happened = types(foundation, referred.case)
    assert happened.count("referral.expired") == 2
    assert happened.count("case.deadline_breached") == 3, "two answers and the emergency service, each once"
    assert_stored_is_history(foundation, referred.case["_id"])


def sweep_for(foundation: Foundation, days: int) -> None:
    """The clock looks once a day."""
    begin = datetime.now(UTC)
    for day_of_sweep in range(1, days):
        moment = begin + timedelta(days=day_of_sweep)
        commands.sweep(Foundation.start(foundation.settings, lambda at=moment: at))  # type: ignore[misc]


def asked(foundation: Foundation, case: dict[str, Any]) -> list[str]:
    """The agencies that a case was referred to, in their order."""
    kept = foundation.database["cases"].find_one({"_id": case["_id"]})
    assert kept is not None
    return [each["agency_id"] for each in kept["referrals"]]


def test_re_routing_goes_by_what_directory_tells_of_service_area_and_capacity(
    arrive: Arrive, as_role: As, agency: Agency, foundation: Foundation
) -> None:
    """Seen to fail with `gives`, `serves` or `_has_room` always true: each time a wrong agency is asked."""
    first = Referred(arrive, as_role, agency, "health")
    full = agency("health_centre", areas=["33.75.01"], capacity=1)
    agency("health_centre", areas=["33.75.02", "33.75.04"], capacity=50)
    agency("health_centre", areas=["33.75.01"], capacity=0)
    agency("health_centre", services=["prevention"], areas=["33.75.01"])
    right = agency("health_centre", services=["health"], areas=["33.75.03", "33.75.01"], capacity=5)
    other = arrive()
    worker = as_role()
    screen(worker, other)
    for version, consent in ((2, "services"), (3, "disclosure")):
        order(worker, other, version, "give_consent", consent)
    taken = order(worker, other, 4, "request_referral", "health", agency_id=full)
    referral_id = taken.json["referrals"][0]["referral_id"]
    accept = {"command": "accept"}
    as_role("partner_agency", full).api(
        "POST", f"{REFERRALS}/{referral_id}/commands", accept, headers={"If-Match": '"1"'}
    )
    sweep_for(foundation, 40)
    assert asked(foundation, first.case) == [first.agency_id, right]
    kept = foundation.database["cases"].find_one({"_id": first.case["_id"]})
    assert kept is not None and [task["kind"] for task in kept["tasks"]] == ["find_agency"]
    assert asked(foundation, other) == [full], "it answered"
    assert_stored_is_history(foundation, first.case["_id"])


def test_when_none_has_room_the_case_worker_gets_the_task_and_a_later_change_counts(
    referred: Referred, foundation: Foundation, agency: Agency
) -> None:
    only = agency("health_centre", capacity=0)
    sweep_for(foundation, 8)
    kept = foundation.database["cases"].find_one({"_id": referred.case["_id"]})
    assert kept is not None and [task["kind"] for task in kept["tasks"]] == ["find_agency"]
    assert asked(foundation, referred.case) == [referred.agency_id]
    agency("health_centre", agency_id=only, capacity=2)
    again = order(referred.worker, kept, kept["version"], "request_referral", "health", agency_id=referred.agency_id)
    assert again.status_code == 200, again.text
    sweep_for(foundation, 16)
    assert only in asked(foundation, referred.case)


def test_what_the_case_itself_has_asked_of_an_agency_counts_once(
    arrive: Arrive, as_role: As, agency: Agency, foundation: Foundation
) -> None:
    """Seen to fail with the case's own referrals left in what others have there: the second place is not taken."""
    case, worker = arrive(), as_role()
    unit, silent = agency("uptd_ppa", capacity=2), agency("legal_aid")
    screen(worker, case)
    for version, consent in ((2, "services"), (3, "disclosure")):
        order(worker, case, version, "give_consent", consent)
    shelter = order(worker, case, 4, "request_referral", "shelter", agency_id=unit).json["referrals"][0]
    path = f"{REFERRALS}/{shelter['referral_id']}/commands"
    as_role("partner_agency", unit).api("POST", path, {"command": "accept"}, headers={"If-Match": '"1"'})
    aid = order(worker, case, 6, "request_referral", "legal_aid", agency_id=silent)
    assert aid.status_code == 200, aid.text
    sweep_for(foundation, 10)
    assert asked(foundation, case) == [unit, silent, unit]


def test_an_older_event_leaves_what_is_known_and_an_agency_known_by_older_events_alone_serves_its_kecamatan(
    agency: Agency, foundation: Foundation
) -> None:
    """A directory of before may write beside one of now. Seen to fail with what is not told set to nothing."""
    told = {"services": ["health"], "areas": ["33.75.02"], "capacity": 3}
    changed = agency("health_centre", **told)
    agency("health_centre", "33.75.01", agency_id=changed)
    kept = foundation.database["agencies"].find_one({"_id": changed})
    assert kept is not None and {name: kept[name] for name in told} == told
    assert kept["kecamatan"] == "33.75.01"
    agency("health_centre", agency_id=changed, services=[], areas=[], capacity=None)
    kept = foundation.database["agencies"].find_one({"_id": changed})
    assert kept is not None and (kept["services"], kept["areas"], kept["capacity"]) == ([], [], None)
    here, there = agency("health_centre", "33.75.01"), agency("health_centre", "33.75.02")
    choice = [each["_id"] for each in agencies.to_choose(foundation.database, HEALTH, "33.75.01")]
    assert choice == [here, changed] and there not in choice


def test_of_two_cases_that_ask_at_the_same_moment_one_takes_the_last_place(
    arrive: Arrive, as_role: As, agency: Agency, foundation: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sweeps that overlap. Seen to fail without `count_asked`: both ask."""
    both = [Referred(arrive, as_role, agency) for _ in range(2)]
    for each in both:
        agency("health_centre", active=False, agency_id=each.agency_id)
    last = agency("health_centre", capacity=1)
    moment = datetime.now(UTC) + timedelta(days=10)
    later = Foundation.start(foundation.settings, lambda: moment)
    meet, tick = Barrier(2), agencies.tick
    met: set[str] = set()

    def seen_at_once(unit: Any, definition: Any, case: Any, *rest: Any) -> Any:
        made = tick(unit, definition, case, *rest)
        if case.case_id not in met:
            met.add(case.case_id)
            meet.wait(20)
        return made

    monkeypatch.setattr(agencies, "tick", seen_at_once)
    due = [each.case["_id"] for each in both]
    monkeypatch.setattr(commands.store, "due", lambda *_: iter([due.pop()]))
    with ThreadPoolExecutor(2) as sweeps:
        list(sweeps.map(lambda _: commands.sweep(later), range(2)))
    open_there = foundation.database["referrals"].count_documents({"agency_id": last, "open": True})
    assert open_there == 1
    tasks = [each for case in foundation.database["cases"].find() for each in case["tasks"]]
    assert [task["kind"] for task in tasks] == ["find_agency"]


@pytest.mark.parametrize("language", ["id", "en"])
def test_who_asks_is_told_why_an_agency_does_not_fit(
    arrive: Arrive, as_role: As, agency: Agency, language: str
) -> None:
    case, worker = arrive(), as_role()
    screen(worker, case)
    for version, consent in ((2, "services"), (3, "disclosure")):
        order(worker, case, version, "give_consent", consent)
    names = {"id": ("Penampungan sementara", "Pekalongan Barat"), "en": ("Temporary shelter", "Pekalongan Barat")}
    for told, name in zip(({"services": ["repatriation"]}, {"areas": ["33.75.02"]}), names[language], strict=True):
        wrong = agency("social_office", **told)
        body = {"command": "request_referral", "subject": "shelter", "agency_id": wrong}
        refused = worker.api(
            "POST",
            f"{CASES}/{case['case_number']}/commands",
            body,
            headers={"If-Match": '"4"', "Accept-Language": language},
        )
        assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "agency_id"), refused.text
        assert name in refused.json["errors"][0]["message"]


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_choice_says_how_full_each_is_and_a_full_one_may_be_asked(
    referred: Referred, agency: Agency, foundation: Foundation, language: str
) -> None:
    full = agency("uptd_ppa", "33.75.01", capacity=1)
    roomy = agency("social_office", areas=["33.75.01"], capacity=5)
    free = agency("uptd_ppa")
    for wrong in ({"areas": ["33.75.02"]}, {"services": ["repatriation"]}, {"active": False}):
        agency("social_office", **wrong)
    for agency_id in (full, roomy, roomy, roomy):
        foundation.database["referrals"].insert_one({"agency_id": agency_id, "open": True, "due_at": None})
    form = f"/{language}/cases/{referred.case['case_number']}/commands/request_referral?about=shelter"
    page = referred.worker.get(form).text
    offered = [part.partition('"')[0] for part in page.split('type="radio" value="')[1:]]
    assert offered == [roomy, free, full], "those with room first"
    said = {"id": ("Rujukan terbuka: 3 dari 5", "Penuh. Rujukan terbuka: 1 dari 1", "0, tanpa batas")}
    said["en"] = ("Open referrals: 3 of 5", "Full. Open referrals: 1 of 1", "0, no limit")
    assert all(words in page for words in said[language])
    sent = {"version": "5", "agency_id": full, "occurred_on": day(datetime.now(UTC))}
    assert referred.worker.post(form, sent, page=form).status_code == 303
    assert full in asked(foundation, referred.case)
    empty = f"/{language}/cases/{referred.case['case_number']}/commands/request_referral?about=legal_aid"
    foundation.database["agencies"].update_many({}, {"$set": {"areas": ["33.75.04"]}})
    nobody = {"id": "Belum ada instansi aktif yang memberikan layanan ini di wilayah ini", "en": "in this area"}
    assert nobody[language] in referred.worker.get(empty).text


@pytest.mark.parametrize("language", ["id", "en"])
def test_an_agency_answers_by_page(referred: Referred, language: str) -> None:
    member, queue = referred.member(), f"/{language}/referrals"
    assert referred.case["case_number"] in member.get(queue).text
    page = f"{queue}/{referred.referral_id}"
    assert "Budi Contoh" not in member.get(page).text
    accept = f"{page}/commands/accept"
    assert member.post(accept, {"version": "1", "occurred_on": day(datetime.now(UTC))}, page=accept).status_code == 303
    end = f"{page}/commands/complete"
    assert member.get(end).status_code == 303, "the service did not begin yet"
    start = f"{page}/commands/start_service"
    member.post(start, {"version": "2", "occurred_on": day(datetime.now(UTC))}, page=start)
    form = {"version": "3", "outcome": "partly", "occurred_on": day(datetime.now(UTC))}
    assert member.post(end, {**form, "outcome": "riches"}, page=end).status_code == 422
    assert member.post(end, form, page=end).status_code == 303
    assert referred.case["case_number"] in member.get(f"{queue}?ended=yes").text
    assert referred.worker.get(f"/{language}/cases/{referred.case['case_number']}").status_code == 200


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_command_that_is_possible_has_a_page(referred: Referred, language: str) -> None:
    page = f"/{language}/cases/{referred.case['case_number']}"
    items = referred.worker.api("GET", f"{CASES}/{referred.case['case_number']}/available").json["items"]
    for item in items:
        form = referred.worker.get(f"{page}/commands/{item['command']}?about={item['subject']}")
        agency_does = item["command"] in commands.OF_AN_AGENCY
        assert form.status_code == (404 if agency_does else 200 if item["possible"] else 303), item
