"""Whose report it is not finds nothing of it (2): neither the report by its id or number, nor its identities, the list
of its files, its history, nor whether there is such a report. (Files themselves: test_attachments.py; referrals of one
agency before another: tests/integration/cases/test_referrals.py.)"""

# ruff: noqa: F811 (fixtures are imported, and then named as arguments)
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from shared.access import Actor
from shared.ids import new_id
from tests.integration.intake.conftest import app, as_role, foundation  # noqa: F401
from tests.support.attachments import added
from tests.support.routes import Route, routes
from tests.support.web import ORIGIN, Browser, page_token

pytestmark = pytest.mark.mongo

#: Whose work begins after a report, or beside it. (None: nobody who signed in.)
STRANGERS = ("partner_agency", "analyst", "administrator", None)
OF_REPORTS = [route for route in sorted(routes(), key=str) if "/reports" in route.name]
#: The cases that were opened of a report, for who may not see them. An intake clerk hands over at registration.
OF_CASES = [route for route in sorted(routes(), key=str) if re.search("/cases(/<id>|$)", route.name)]


def stranger(role: str | None) -> Actor | None:
    """Somebody in that role, of some agency. (A report is of none: the lead office reads it.)"""
    return Actor(new_id("account"), role, new_id("agency"), "session", "Orang lain") if role else None


def addresses(route: Route, names: list[str], parts: list[str]) -> Iterator[str]:
    """The route's address by each name of the record, and of each part of it where it names a part too."""
    first, *rest = route.name.split("<id>")
    for name in names:
        path = first if not rest else f"{first}{name}{rest[0]}"
        for part in parts if len(rest) > 1 else [""]:
            yield path if len(rest) < 2 else f"{path}{part}{rest[1]}"


def asked(browser: Browser, app: Flask, route: Route, path: str) -> Any:
    """By a page's form that is one of ours, so that only the right is missing; or by a program."""
    form = {"csrf_token": page_token(browser, app)} if route.is_page and route.method != "GET" else None
    way = "cookie" if route.is_page else "bearer"
    return browser.client.open(path, method=route.method, base_url=ORIGIN, headers=browser.headers(way), data=form)


def found_by(app: Flask, actor: Actor | None, route: Route, known: list[str], parts: list[str]) -> Iterator[str]:
    """What an answer tells of the record: that it is not refused, that it is not refused as one that is not there."""
    browser, unknown = Browser(app, actor), [re.sub("[0-9a-f]{32}", "0" * 32, known[0]), known[1][:-5] + "ZZZZZ"]
    of_another = {asked(browser, app, route, path).status_code for path in addresses(route, unknown, parts)}
    refusal = {(302 if route.is_page else 401) if actor is None else 403}
    for path in addresses(route, known, parts):
        answer = asked(browser, app, route, path)
        if {answer.status_code} != refusal or of_another != refusal:
            yield f"{route.method} {path}: {answer.status_code}, one that is not there: {of_another}"
        said = answer.text + str(answer.headers)
        more = [each for each in [*known, *parts] if each not in path]  # (a page repeats its own address)
        yield from (f"{route.method} {path} tells {each}" for each in more if each in said)


@pytest.fixture
def file_id(as_role, report) -> str:
    """A photograph of the report."""
    return added(as_role(), report["number"]).rpartition("/")[2]


@pytest.mark.parametrize("role", STRANGERS)
def test_02_a_report_is_not_there_for_a_stranger(role, app, report, file_id, stored) -> None:
    """On every route of reports, by id and number. Seen to fail with `partner_agency: any` at `report.read` (the list,
    the search, the report, that there are files), at `report.read_identity` (the names), at `attachment.read` and at
    `identity.erase`, each alone in rights.yaml."""
    known = [report["_id"], report["number"]]
    parts = [report["children"][0]["child_id"], report["children"][0]["person_id"], file_id]
    before = stored()
    assert [each for route in OF_REPORTS for each in found_by(app, stranger(role), route, known, parts)] == []
    somebody = Browser(app, stranger(role))
    for path in (f"/id/reports?number={report['number']}", f"/api/v1/reports?number={report['number']}"):
        answer = somebody.api("GET", path) if "api" in path else somebody.get(path)
        assert answer.status_code in (302, 401, 403)
        assert role is None or report["_id"] not in answer.text
    assert stored() == before, "nothing was opened, changed or written down as opened"


@pytest.mark.parametrize("role", ["intake_clerk", *STRANGERS])
def test_02_neither_is_its_case_or_history(role, cases, report) -> None:
    """Seen to fail with `intake_clerk: any` at `case.read` (the list, the case, its history), and with `analyst: any`
    at `case.read_identity`."""
    [case] = cases.extensions["rujukan"].database.cases.find()
    known = [case["_id"], case["case_number"]]
    steps = ["start_screening", report["_id"]]
    assert any("/history" in route.name for route in OF_CASES)
    assert [each for route in OF_CASES for each in found_by(cases, stranger(role), route, known, steps)] == []
