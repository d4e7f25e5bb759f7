"""Accounts, sessions and invitations of another agency are out of reach (2), and lost devices are not.

Each thing that a test says was removed was removed, one at a time, and that test failed.
"""

# ruff: noqa: F811 (fixtures are imported, and then named as arguments)
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from services.directory import commands
from shared.access.rights import rights
from shared.foundation import Foundation
from tests.integration.directory.conftest import (  # noqa: F401
    ADMINISTRATOR,
    Staff,
    Visitor,
    agency,
    app,
    clock,
    door,
    foundation,
    hire,
    quick_hashing,
    visit,
)

pytestmark = pytest.mark.mongo

#: Whoever works for one agency and answers for no other.
ROLES = ("supervisor", "partner_agency")


@dataclass
class Theirs:
    """Somebody of the other agency, signed in, and the session that they are signed in by."""

    staff: Staff
    visitor: Visitor
    session_id: str

    def is_in(self) -> bool:
        return self.visitor.call("GET", "/api/v1/sessions/current").status_code == 200


@pytest.fixture
def elsewhere(foundation: Foundation) -> str:
    facts = {"name": "Dinas Sosial", "kind": "social_office", "kecamatan": None, "phone": None, "email": None}
    return str(commands.register(foundation, ADMINISTRATOR, "agency", {**facts, "active": True})["id"])


@pytest.fixture
def theirs(visit: Callable[[], Visitor], hire: Callable[..., Staff], elsewhere: str) -> Theirs:
    staff = hire("case_worker", agency_id=elsewhere, email="orang.sana@kantor.test")
    visitor = visit().sign_in_as_program(staff)
    [session] = visitor.call("GET", "/api/v1/sessions").json["items"]
    return Theirs(staff, visitor, session["id"])


@pytest.mark.parametrize("role", ROLES)
def test_02_accounts_and_sessions_of_another_agency_are_not_there(visit, hire, agency, theirs, role: str) -> None:
    """Removed: `permit` in Account.get: 200; the owner in the question of Accounts.get: listed; `permit` in
    AccountSessions.delete and in colleagues.end: the supervisor signed a stranger out, 204 and 303; the account's id in
    end_session: anybody did, 204."""
    mine = visit().sign_in_as_program(hire(role, agency_id=agency))
    account = f"/api/v1/accounts/{theirs.staff.account_id}"
    unknown = "/api/v1/accounts/account-" + "f" * 32
    there = mine.call("GET", account)
    nowhere = mine.call("GET", unknown)
    assert there.status_code == nowhere.status_code == 404
    assert {**there.json, "instance": ""} == {**nowhere.json, "instance": ""}, "nor is it told that there is one"
    listed = mine.call("GET", "/api/v1/accounts").json
    assert theirs.staff.account_id not in str(listed) and listed["total"] == 1
    assert mine.call("DELETE", f"/api/v1/sessions/{theirs.session_id}").status_code == 404
    ending = {way: mine.call("DELETE", f"{path}/sessions").status_code for way, path in _both(account, unknown)}
    assert ending == dict.fromkeys(("theirs", "nobody's"), 404 if role == "supervisor" else 403)
    # Without any right to invitations and second factors the answer is the same for every account.
    for method, path in (("POST", "link"), ("DELETE", "second-factor"), ("DELETE", "provider-identity"), ("PATCH", "")):
        answers = {
            mine.call(method, f"{each}/{path}".rstrip("/"), {}, headers={"If-Match": '"1"'}).status_code
            for _, each in _both(account, unknown)
        }
        assert answers == {403}, (method, path)
    assert theirs.is_in()


def test_02_nor_by_the_pages(visit, hire, agency, theirs) -> None:
    """Removed: the agency in the question of list_colleagues: the stranger's name stood there; `permit` in
    colleagues.end: 303, and the stranger was signed out."""
    supervisor = visit().sign_in(hire("supervisor", agency_id=agency))
    hire("intake_clerk", agency_id=agency, email="orang.sini@kantor.test")
    page = supervisor.get("/id/sessions/colleagues").text
    assert "Petugas intake_clerk" in page and "Petugas case_worker" not in page
    path = f"/id/sessions/colleagues/{theirs.staff.account_id}/end"
    assert supervisor.send(path, "/id/sessions/colleagues").status_code == 404
    for other in (
        "",
        "/link",
        "/sessions/end",
        "/second-factor/reset",
        "/provider-identity/release",
        "/leaving",
        "/edit",
    ):
        way = f"/id/accounts/{theirs.staff.account_id}{other}"
        assert supervisor.get(way).status_code in (403, 405), way
    assert theirs.is_in()


def test_a_supervisor_without_an_agency_has_no_colleagues(visit, hire) -> None:
    """Removed: `$ne: None` in list_colleagues: all who belong to no agency were listed."""
    other = hire("analyst")
    supervisor = visit().sign_in(hire("supervisor"))
    assert "Petugas analyst" not in supervisor.get("/id/sessions/colleagues").text
    path = f"/api/v1/accounts/{other.account_id}/sessions"
    program = visit().sign_in_as_program(Staff("", "", "supervisor@kantor.test"))
    assert program.call("DELETE", path).status_code == 404


@pytest.mark.parametrize("way", ["page", "api"])
def test_17_a_supervisor_ends_the_sessions_of_a_colleague(visit, hire, agency, theirs, way: str) -> None:
    """Removed: the right of supervisors (`session.end_others`): 403."""
    colleague = hire("intake_clerk", agency_id=agency)
    lost = visit().sign_in_as_program(colleague)
    staff = hire("supervisor", agency_id=agency)
    if way == "page":
        supervisor = visit().sign_in(staff)
        ended = supervisor.send(f"/id/sessions/colleagues/{colleague.account_id}/end", "/id/sessions/colleagues")
        assert (ended.status_code, ended.headers["Location"]) == (303, "/id/sessions/colleagues")
    else:
        program = visit().sign_in_as_program(staff)
        assert program.call("DELETE", f"/api/v1/accounts/{colleague.account_id}/sessions").status_code == 204
    assert lost.call("GET", "/api/v1/sessions/current").status_code == 401
    assert theirs.is_in()


def test_17_an_administrator_ends_anybodys(visit, hire, agency, theirs) -> None:
    """Administrators keep the accounts of all agencies: the table of rights says "any", and this test says it again.
    Removed: "any" of `session.end_others` (own_agency in its place): the stranger was not listed."""
    assert {rights()[f"account.{each}"].roles["administrator"] for each in ("read", "manage")} == {"any"}
    administrator = visit().sign_in(hire("administrator", agency_id=agency))
    assert "Petugas case_worker" in administrator.get("/id/sessions/colleagues").text
    path = f"/id/sessions/colleagues/{theirs.staff.account_id}/end"
    assert administrator.send(path, "/id/sessions/colleagues").status_code == 303
    assert not theirs.is_in()


def _both(account: str, unknown: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("theirs", account), ("nobody's", unknown)
