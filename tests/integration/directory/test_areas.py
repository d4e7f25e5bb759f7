"""Where somebody works: an administrator says it, events and the next token carry it."""

from __future__ import annotations

import pytest

from services.directory import store
from services.directory.commands import change_account
from shared.access.tokens import HEADER, load_public_key, verify
from tests.integration.directory.conftest import ADMINISTRATOR

pytestmark = pytest.mark.mongo
NORTH, SOUTH = "33.75.01", "33.75.02"


def areas_in_the_token(visitor, foundation):
    """What the front door tells a service of the one who asks."""
    token = visitor.get("/id/reports").json[HEADER.lower()]
    return verify(load_public_key(foundation.settings.token_public_key_file), token).areas


def test_areas_are_in_the_next_token_and_in_the_event(visit, hire, agency, foundation):
    """As a changed role: nobody signs in anew. Seen to fail without `areas` in sessions._actor, without `@forgets` on
    change_account (what was remembered counted on), and without them in PUBLISHED."""
    worker = hire("case_worker", agency_id=agency)
    theirs = visit().sign_in(worker)
    assert areas_in_the_token(theirs, foundation) == ()
    desk = visit().sign_in(hire("administrator"))
    page = f"/en/accounts/{worker.account_id}"
    assert "The whole city" in desk.get(page).text
    answer = desk.send(f"{page}/edit", role="case_worker", active="yes", password="", areas=[NORTH, SOUTH])
    assert answer.status_code == 303, answer.text
    assert areas_in_the_token(theirs, foundation) == (NORTH, SOUTH)
    assert "Pekalongan Barat, Pekalongan Timur" in desk.get(page).text
    events = foundation.database.journal.find({"stream": worker.account_id}).sort("version")
    assert [event["data"]["areas"] for event in events] == [[], [NORTH, SOUTH]]


def test_areas_are_set_by_json_and_what_is_none_is_refused(visit, hire, agency):
    """Seen to fail without the list of kecamatan in the schema."""
    desk, worker = visit().sign_in_as_program(hire("administrator")), hire("intake_clerk", agency_id=agency)
    path = f"/api/v1/accounts/{worker.account_id}"
    wrong = desk.call("PATCH", path, {"areas": ["Pekalongan"]}, headers={"If-Match": '"1"'})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "areas.0")
    right = desk.call("PATCH", path, {"areas": [NORTH]}, headers={"If-Match": '"1"'})
    assert (right.status_code, right.json["areas"]) == (200, [NORTH])
    assert desk.call("PATCH", path, {"areas": []}, headers={"If-Match": '"2"'}).json["areas"] == []


def test_an_account_from_before_there_were_areas_is_of_the_whole_city(visit, hire, agency, foundation):
    """Seen to fail without the accounts in model.complete."""
    worker = hire("case_worker", agency_id=agency)
    foundation.database.accounts.update_one({"_id": worker.account_id}, {"$unset": {"areas": ""}})
    assert store.get(foundation.database, "account", worker.account_id)["areas"] == []
    assert areas_in_the_token(visit().sign_in(worker), foundation) == ()
    change_account(foundation, ADMINISTRATOR, worker.account_id, 1, {"role": "supervisor"})
    entry = foundation.database.journal.find_one({"stream": worker.account_id, "version": 2})
    assert entry["data"]["areas"] == []
