"""What is held about a child is corrected on request: sealed anew, found anew, told to the others without a value."""

# ruff: noqa: F811 (fixtures are imported, and then named as arguments)
from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import json_util

from services.intake import corrections, store, subject_requests
from services.intake.handlers import handlers
from shared.access import system_actor
from shared.events import Event
from shared.events.catalogue import consume, produce
from shared.ids import new_id
from shared.journal import Context
from shared.vault import NotHeld, finder
from shared.vault.vault import SUBJECTS
from tests.integration.intake.conftest import app, as_role, foundation  # noqa: F401
from tests.support.canary import PERSON, Canary
from tests.support.reports import a_child, a_report
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
As = Callable[..., Browser]
API = "/api/v1/reports"


def kept(foundation, report_id: str) -> dict[str, Any]:
    return dict(foundation.database.reports.find_one({"_id": report_id}))


def ask(by: Browser, report: dict[str, Any], *wrong: str, **changes: Any) -> Any:
    said = {"asked_by": "guardian", "identity_check": "family_card", "kind": "correction", "wrong": list(wrong)}
    child = report["children"][0]["child_id"]
    return by.api("POST", f"{API}/{report['number']}/requests", {"child_id": child, **said, **changes})


def asked(by: Browser, report: dict[str, Any], *wrong: str) -> str:
    answer = ask(by, report, *wrong)
    assert answer.status_code == 201, answer.text
    return str(answer.json["request_id"])


def correct(by: Browser, request_id: str, version: int = 1, key: str | None = None, **values: Any) -> Any:
    headers = {"If-Match": f'"{version}"', **({"Idempotency-Key": key} if key else {})}
    return by.api("POST", f"{API}/requests/{request_id}/correction", {"values": values}, headers=headers)


def entries(mongo, prefix: str, subject: str) -> list[dict[str, Any]]:
    """What the audit log has of a subject because of a correction, in the order in which it was written."""
    wanted = {"subject": subject, "purpose": corrections.PURPOSE}
    return list(mongo.client()[f"{prefix}audit"]["entries"].find(wanted).sort("seq"))


def test_the_corrected_value_is_opened_and_the_former_by_nobody(
    as_role: As, report, canary, foundation, mongo, prefix
) -> None:
    """Not even from an older copy of the sealed value, by the keyset of now. Seen to fail with a `seal_anew` that keeps
    the keyset."""
    worker, person = as_role("case_worker"), report["children"][0]["person_id"]
    before = foundation.sealed.database[SUBJECTS].find_one({"_id": person})
    request = asked(worker, report, "name", "guardian_phone")
    done = correct(worker, request, name="Nama Yang Benar", guardian_phone="0812 0000 1111")
    assert done.status_code == 200 and done.json["outcome"] == "corrected", done.text
    assert done.headers["ETag"] == '"2"'
    opened = worker.api("GET", f"{API}/{report['number']}/identities").json["children"][0]
    right = {name: canary.value(name) for name in PERSON}
    assert opened == {**right, "name": "Nama Yang Benar", "guardian_phone": "0812 0000 1111"}
    foundation.sealed.database[SUBJECTS].update_one({"_id": person}, {"$set": {"fields": before["fields"]}})
    with pytest.raises(NotHeld):
        foundation.sealed.open(worker.actor, person, ["name"], "test", "area")


def test_values_are_in_the_vault_alone_and_the_request_keeps_the_names_of_fields(
    as_role: As, report, canary, foundation, mongo, prefix
) -> None:
    """Neither the former nor the corrected value. Seen to fail with `values` kept in the request."""
    worker, right = as_role("case_worker"), Canary()
    request = asked(worker, report, *PERSON)
    done = correct(worker, request, key=new_id("key"), **{name: right.value(name) for name in PERSON})
    assert done.status_code == 200, done.text
    found = subject_requests.get(foundation.database, request)
    assert found is not None and (found["wrong"], found["outcome"]) == (list(PERSON), "corrected")
    assert (found["closed_by"], found["kind"]) == (worker.actor.id, "correction")
    places = [
        (f"{name}.{collection}", json_util.dumps(document))
        for name in (foundation.database.name, f"{prefix}audit")
        for collection in mongo.client()[name].list_collection_names()
        for document in mongo.client()[name][collection].find()
    ]
    assert len(places) > 5
    assert right.hits(places) == [] and canary.hits(places) == []
    history = list(foundation.journal.history(report["_id"]))[-1]
    assert (history["type"], history["data"]["corrected"]) == ("report.corrected", list(PERSON))
    types = [each["type"] for each in foundation.journal.history(request)]
    assert types == ["subject_request.recorded", "subject_request.closed"]


def test_what_is_held_is_audited_before_it_is_shown_and_a_correction_before_it_is_made(
    as_role: As, report, canary, foundation, mongo, prefix
) -> None:
    """Only the fields that the request names are opened. Seen to fail with `open_readable` in `held`, and without
    `audit.record` in `correct`."""
    worker, person = as_role("case_worker"), report["children"][0]["person_id"]
    request = asked(worker, report, "nik", "age_years")
    assert entries(mongo, prefix, person) == [], "recording a request opens nothing"
    shown = worker.api("POST", f"{API}/requests/{request}/held")
    assert shown.json == {"values": {"nik": canary.nik, "age_years": 12}}
    assert [(e["action"], e["fields"]) for e in entries(mongo, prefix, person)] == [("identity.opened", ["nik"])]

    class Away:
        def record(self, *_: Any) -> None:
            from shared.mongo import Unavailable

            raise Unavailable

    before, foundation.sealed._audit = foundation.sealed._audit, Away()
    object.__setattr__(foundation, "audit", Away())
    try:
        assert worker.api("POST", f"{API}/requests/{request}/held").status_code == 503
        assert correct(worker, request, nik="3375010101010001", age_years=12).status_code == 503
    finally:
        foundation.sealed._audit = before
        object.__setattr__(foundation, "audit", before)
    assert kept(foundation, report["_id"])["version"] == report["version"], "no entry, no correction"
    assert correct(worker, request, nik="3375010101010001", age_years=12).status_code == 200
    assert [e["action"] for e in entries(mongo, prefix, person)] == ["identity.opened", "identity.corrected"]


def find(by: Browser, **wanted: Any) -> int:
    return len(by.api("POST", f"{API}/matches", wanted).json["items"])


@pytest.mark.parametrize("heard_first", [True, False])
def test_the_child_is_found_by_what_is_right_and_not_by_what_was_wrong(
    as_role: As, report, foundation, heard_first: bool
) -> None:
    """Whether or not intake's worker has moved the hashes by then. Seen to fail without `found.replace` (found by the
    former name), and without `$unset` in it (the worker brings the former hashes back)."""
    worker, clerk = as_role("case_worker"), as_role()

    def hear() -> None:
        now = report["registered_at"]
        event = Event("e", "report.registered", "intake", report["_id"], 1, 1, now, now, report, "clerk", "c")
        work = handlers(foundation)["report.registered"]
        foundation.journal.transact(lambda unit: work(event, unit), Context(system_actor("test").id))

    if heard_first:
        hear()
    first = asked(worker, report, "name", "guardian_name")
    assert correct(worker, first, name="Djoko Widjaja", guardian_name="Slamet Riyadi").status_code == 200
    second = asked(worker, report, "name", "age_years")
    assert correct(worker, second, name="Siti Rahayu", age_years=7).status_code == 200
    hear()
    assert find(clerk, name="Siti Rahayu") == 1 and find(clerk, name="Joko Wijaya") == 0
    place = report["kecamatan"]
    assert find(clerk, name="Rahayu", kecamatan=place, age_years=7) == 1, "the age is in the hashes too"
    assert find(clerk, name="Rahayu", kecamatan=place, age_years=12) == 0
    third = asked(worker, report, "name")
    assert correct(worker, third, name=None).status_code == 200
    assert foundation.sealed.database[finder.INDEX].count_documents({}) == 0


def test_a_corrected_age_makes_another_class_and_the_event_tells_it(as_role: As, report, foundation) -> None:
    """With the age, class and severity as they are then; the report's severity is the worst of its children's. Seen to
    fail with the classes left as they were."""
    worker, child = as_role("case_worker"), report["children"][0]
    request = asked(worker, report, "age_years", "sex")
    assert correct(worker, request, age_years=19, sex="male").status_code == 200
    after = kept(foundation, report["_id"])
    now = after["children"][0]
    assert (now["age_years"], now["age_band"], now["sex"]) == (19, "age_18_plus", "male")
    assert now["legal_class"] != child["legal_class"]
    assert now["severity"] == after["severity"]
    data = list(foundation.journal.history(report["_id"]))[-1]["data"]
    read = consume("report.corrected", produce("report.corrected", data))
    assert (read["child_number"], read["severity"]) == (1, after["severity"])
    assert read["child"] == {name: now[name] for name in read["child"]}
    assert "age_years" not in read["child"]


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"name": "Benar"}, {"values.nik"}),
        ({"name": "Benar", "nik": "12"}, {"values.nik"}),
        ({"name": "", "nik": None}, {"values.name"}),
        ({"name": "Benar", "nik": None, "school": "SD"}, {"values.school"}),
        ({"name": "Benar", "nik": None, "sex": None}, {"values.sex"}),
        ({"name": "Benar", "nik": None, "person_id": "x"}, {"values.person_id"}),
        ({"name": {"$ne": None}, "nik": None}, {"values.name"}),
    ],
)
def test_what_cannot_be_taken_is_said_at_its_field(as_role: As, report, foundation, values, fields) -> None:
    worker = as_role("case_worker")
    request = asked(worker, report, "name", "nik")
    answer = correct(worker, request, **values)
    assert answer.status_code == 422, answer.text
    assert {error["field"] for error in answer.json["errors"]} == fields
    assert kept(foundation, report["_id"]) == report


def test_a_request_says_which_fields_and_is_due_like_that_of_a_copy(as_role: As, report, foundation) -> None:
    worker = as_role("case_worker")
    for wrong, more in (
        ((), {}),
        (("narrative",), {}),
        (("name", "name"), {}),
        (("name",), {"kind": "copy"}),
        (("name",), {"kind": "erasure"}),
    ):
        assert ask(worker, report, *wrong, **more).status_code == 422, (wrong, more)
    request = asked(worker, report, "name")
    [listed] = worker.api("GET", f"{API}/requests").json["items"]
    assert (listed["request_id"], listed["kind"], listed["wrong"]) == (request, "correction", ["name"])
    found = subject_requests.get(foundation.database, request)
    assert found is not None and found["due_at"] - found["asked_at"] == timedelta(hours=72)


def test_versions_keys_and_rights_are_those_of_every_change(as_role: As, report, foundation) -> None:
    """The same request with the same key is carried out once. Seen to fail without the version in `open_request`, and
    without `command` in `correct`."""
    worker, key = as_role("case_worker"), new_id("key")
    request = asked(worker, report, "name")
    for role in ("intake_clerk", "partner_agency", "analyst", "administrator"):
        assert correct(as_role(role), request, name="Benar").status_code == 403
        assert as_role(role).api("POST", f"{API}/requests/{request}/held").status_code == 403
    assert correct(worker, request, version=9, name="Benar").status_code == 412
    bare = worker.api("POST", f"{API}/requests/{request}/correction", {"values": {"name": "Benar"}})
    assert bare.status_code == 428
    assert correct(worker, request, key=key, name="Benar").status_code == 200
    again = correct(worker, request, key=key, name="Benar")
    assert again.status_code == 200 and again.json["outcome"] == "corrected"
    assert kept(foundation, report["_id"])["version"] == report["version"] + 1
    assert correct(worker, request, key=key, name="Lain").status_code == 422
    assert correct(worker, request, version=2, name="Lain").status_code == 409
    assert correct(worker, new_id("request"), name="Benar").status_code == 404


def test_a_refusal_is_kept_and_corrects_nothing(as_role: As, report, foundation) -> None:
    """A request is answered as its kind is. Seen to fail without the look at OUTCOMES in `close`, and without `of_kind`
    in `copy`."""
    worker = as_role("supervisor")
    request = asked(worker, report, "name")
    address = f"{API}/requests/{request}"
    assert worker.api("POST", f"{address}/copy").status_code == 404, "a correction opens no copy"
    for unfit in ("handed_over", "corrected"):
        answer = worker.api("POST", f"{address}/outcome", {"outcome": unfit}, headers={"If-Match": '"1"'})
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "outcome")
    done = worker.api("POST", f"{address}/outcome", {"outcome": "unproven"}, headers={"If-Match": '"1"'})
    assert done.status_code == 200 and done.json["outcome"] == "unproven"
    assert correct(worker, request, version=2, name="Benar").status_code == 409
    assert worker.api("POST", f"{address}/held").status_code == 409
    assert kept(foundation, report["_id"]) == report
    assert worker.api("GET", f"{API}/requests?open=false").json["items"][0]["outcome"] == "unproven"
    copy = ask(worker, report, kind="copy").json["request_id"]
    assert correct(worker, copy, name="Benar").status_code == 422
    assert worker.api("POST", f"{API}/requests/{copy}/held").status_code == 404


def test_what_is_on_hold_or_erased_is_not_corrected(as_role: As, report, foundation) -> None:
    """Correcting takes the former value away for good. Seen to fail without the look at the hold in `correct`."""
    supervisor = as_role("supervisor")
    request = asked(supervisor, report, "name")
    hold = supervisor.api("POST", f"{API}/{report['number']}/hold", {"reason": "court"})
    assert hold.status_code in (200, 201), hold.text
    held = correct(supervisor, request, name="Benar")
    assert (held.status_code, held.json["type"]) == (409, "urn:rujukan:problem:on-hold")
    assert supervisor.api("DELETE", f"{API}/{report['number']}/hold").status_code in (200, 204)
    child = report["children"][0]["child_id"]
    erased = supervisor.api("POST", f"{API}/{report['number']}/children/{child}/erasure", {"reason": "child_request"})
    assert erased.status_code == 201
    gone = correct(supervisor, request, name="Benar")
    assert (gone.status_code, gone.json["type"]) == (409, "urn:rujukan:problem:nothing-held")


def test_a_request_from_before_corrections_is_one_for_a_copy(as_role: As, report, foundation) -> None:
    """Documents and events of before have no kind. Seen to fail without `_whole`."""
    worker = as_role("case_worker")
    request = ask(worker, report, kind="copy").json["request_id"]
    foundation.database[store.REQUESTS].update_one({"_id": request}, {"$unset": {"kind": "", "wrong": ""}})
    assert worker.api("GET", f"{API}/requests").json["items"][0]["kind"] == "copy"
    assert worker.api("POST", f"{API}/requests/{request}/copy").status_code == 200
    recorded = dict(next(iter(foundation.journal.history(request)))["data"])
    del recorded["kind"], recorded["wrong"]
    assert consume("subject_request.recorded", recorded)["asked_by"] == "guardian"


@pytest.mark.parametrize("language", ["id", "en"])
def test_a_case_worker_corrects_by_page_and_nothing_typed_is_lost(
    as_role: As, report, canary, foundation, language: str
) -> None:
    worker, child = as_role("case_worker"), report["children"][0]["child_id"]
    path = f"/{language}/reports/{report['number']}/children/{child}/correction"
    assert path in worker.get(f"/{language}/reports/{report['number']}").text
    today = foundation.clock().astimezone()
    sent = {
        "asked_by": "child",
        "identity_check": "known",
        "asked_on": [str(today.day), str(today.month), str(today.year)],
    }
    nothing = worker.post(path, sent)
    assert nothing.status_code == 422 and 'href="#wrong"' in nothing.text
    answer = worker.post(path, {**sent, "wrong": ["name", "nik", "sex"]})
    assert answer.status_code == 303
    page = answer.headers["Location"]
    assert canary.hits([("page", worker.get(page).text)]) == [], "nothing is shown before it is asked for"
    shown = worker.post(f"{page}/held", {}, page=page)
    assert canary.value("nik") in shown.text and canary.value("guardian_phone") not in shown.text
    wrong = {"request_version": "1", "key": "a-key", "child-name": "Nama Benar", "child-nik": "12", "child-sex": "male"}
    refused = worker.post(f"{page}/correction", wrong, page=page)
    assert refused.status_code == 422 and 'href="#child-nik"' in refused.text
    assert 'value="Nama Benar"' in refused.text and 'value="12"' in refused.text
    empty = worker.post(f"{page}/correction", {**wrong, "child-nik": ""}, page=page)
    assert empty.status_code == 422 and 'href="#child-nik"' in empty.text
    right = {**wrong, "child-nik": "", "nothing": "y"}
    stale = worker.post(f"{page}/correction", {**right, "request_version": "7"}, page=page)
    assert stale.status_code == 409 and 'value="Nama Benar"' in stale.text and 'value="1"' in stale.text
    done = worker.post(f"{page}/correction", right, page=page)
    assert done.status_code == 303
    assert foundation.database[store.REQUESTS].count_documents({"outcome": "corrected"}) == 1
    opened = foundation.sealed.open_readable(worker.actor, report["children"][0]["person_id"], "test", "area").values
    assert opened["name"] == "Nama Benar" and "nik" not in opened
    assert kept(foundation, report["_id"])["children"][0]["sex"] == "male"
    assert "child-name" not in worker.get(page).text, "an answered request has no form"


def test_the_other_reports_of_the_child_are_named_each_with_its_own_correction(as_role: As, report) -> None:
    """Also once it is corrected. Seen to fail with a list of none."""
    first = report["children"][0]["child_id"]
    sent = a_report(children=[a_child(same_as=first)])
    again = as_role().api("POST", API, sent, headers={"Idempotency-Key": new_id("key")}).json
    worker = as_role("case_worker")
    request = asked(worker, report, "name")
    address = f"/id/reports/{again['number']}/children/{again['children'][0]['child_id']}/correction"
    assert address in worker.get(f"/id/reports/requests/{request}").text
    assert correct(worker, request, name="Nama Benar").status_code == 200
    assert address in worker.get(f"/id/reports/requests/{request}").text
    assert worker.get(address).status_code == 200
