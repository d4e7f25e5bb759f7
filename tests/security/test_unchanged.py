"""A field that is not the caller's changes nothing in the database (11), beside fields that are, in JSON and in forms.

(That each route refuses such a field by its name: test_matrix.py.)
"""

# ruff: noqa: F811 (fixtures are imported, and then named as arguments)
from __future__ import annotations

from typing import Any

import pytest

from deploy import processes
from shared.foundation import Foundation
from shared.ids import new_id
from shared.settings import SERVICES, load
from tests.integration.intake.conftest import app, as_role, foundation  # noqa: F401
from tests.integration.intake.test_reports import a_form
from tests.security.test_matrix import BODIES, HEADERS, NOBODYS_FIELDS, TAKEN, one_who_may, somebody
from tests.support.reports import a_report
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
PEOPLE = "/api/v1/people"


@pytest.mark.parametrize("service", SERVICES)
def test_11_a_refused_field_changes_nothing(service, mongo, prefix, stored) -> None:
    """On every route of the service that takes JSON. Seen to fail with an `answer` of problems that writes down what
    was refused."""
    base = Foundation.start(load(service, mongo.settings_environ(service, prefix, RUJUKAN_DEMONSTRATION="true")))
    base.journal.ensure_indexes()
    real, before = processes.module(service, "app").create_app(base), stored()
    for route in (route for route, _ in BODIES if route.service == service):
        for field in set(NOBODYS_FIELDS) - TAKEN.get(str(route), set()):
            browser = Browser(real, one_who_may(route))
            answer = browser.api(route.method, route.path, {field: "administrator"}, headers=HEADERS)
            assert answer.status_code == 422, f"{route} {field}: {answer.text}"
    assert stored() == before


@pytest.mark.parametrize("field", [*NOBODYS_FIELDS, "number", "severity", "needed_by", "received_at"])
def test_11_neither_does_one_beside_a_whole_report(field, as_role, report, stored) -> None:
    """In the report and in its child. Seen to fail with `unknown = EXCLUDE` in NewReport, and in Child."""
    clerk, before = as_role(), stored()
    child = {**a_report()["children"][0], field: report["_id"]}
    for sent in ({**a_report(), field: report["_id"]}, {**a_report(), "children": [child]}):
        answer = clerk.api("POST", "/api/v1/reports", sent, headers={"Idempotency-Key": new_id("key")})
        assert answer.status_code == 422, answer.text
        assert stored() == before


def test_11_nor_one_beside_a_change_of_staff(mongo, prefix, stored) -> None:
    """Seen to fail with `unknown = EXCLUDE` in PersonChange."""
    base = Foundation.start(load("directory", mongo.settings_environ("directory", prefix)))
    base.journal.ensure_indexes()
    directory = Browser(processes.module("directory", "app").create_app(base), somebody("administrator"))

    def make(path: str, body: dict[str, Any]) -> Any:
        answer = directory.api("POST", path, body, headers={"Idempotency-Key": new_id("key")})
        assert answer.status_code == 201, answer.text
        return answer.json

    agency = make("/api/v1/agencies", {"name": "Dinas Contoh", "kind": "dpmppa"})
    body = {"name": "Sari Contoh", "email": "sari@example.go.id", "agency_id": agency["id"]}
    address = f"{PEOPLE}/{make(PEOPLE, body)['id']}"
    before = stored()
    for field in {*NOBODYS_FIELDS, "id"} - TAKEN[f"PATCH {PEOPLE}/<id>"]:
        sent = {"name": "Nama lain", field: "administrator"}
        answer = directory.api("PATCH", address, sent, headers={"If-Match": '"1"'})
        assert answer.status_code == 422, f"{field}: {answer.text}"
    assert stored() == before
    changed = directory.api("PATCH", address, {"name": "Nama lain"}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200, "without such a field it is a change"


def test_11_a_field_that_no_form_has_is_not_read(as_role, foundation) -> None:
    """Sent with the form of a report, and in the address: what is kept is what is kept without. Seen to fail with a
    registration that takes `registered_by` from the form."""
    more = dict.fromkeys((*NOBODYS_FIELDS, "number", "erased_at"), "administrator")
    more |= {f"children-0-{name}": "administrator" for name in ("_id", "child_id", "person_id", "erased_at")}
    usual, other = as_role(), as_role()
    page = "/id/reports/new"
    assert usual.post(page, a_form()).status_code == 303
    assert other.post(page, a_form(**more), query_string=more).status_code == 303
    reports = {each["registered_by"]: each for each in foundation.database.reports.find()}
    assert set(reports) == {usual.actor.id, other.actor.id}
    kept, beside = reports[usual.actor.id], reports[other.actor.id]
    assert "administrator" not in str(beside)
    assert set(beside) == set(kept) and set(beside["children"][0]) == set(kept["children"][0])
    assert (beside["version"], beside["_id"][:7]) == (1, "report-")
