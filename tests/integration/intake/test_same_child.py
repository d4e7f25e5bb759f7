"""A child that was reported before is recognised: the clerk says so, and the event tells it to cases."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.clock import utc_now
from shared.domain.working_time import wib_date
from shared.foundation import Foundation
from shared.ids import new_id
from tests.integration.intake.test_reports import a_form
from tests.support.reports import a_child, a_report
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
As = Callable[..., Browser]
REPORTS = "/api/v1/reports"


def register(clerk: Browser, *same_as: str | None, **more: Any) -> Any:
    """Sends a report of one child for each of these."""
    children = [a_child(**({"same_as": each} if each else {})) for each in same_as or (None,)]
    return clerk.api("POST", REPORTS, a_report(children=children, **more), headers={"Idempotency-Key": new_id("key")})


def told(foundation: Foundation, report: dict[str, Any]) -> list[Any]:
    """What the event of a report says of its children being known."""
    entry = foundation.database["journal"].find_one({"stream": report["report_id"]})
    assert entry is not None
    return [child.get("first_child_id") for child in entry["data"]["children"]]


def test_a_child_of_an_earlier_report_is_known_by_its_first_id(as_role: As, foundation: Foundation) -> None:
    """Also by way of a report in between. Seen to fail with the id that was sent in the place of the first."""
    clerk = as_role()
    first = register(clerk).json
    child = first["children"][0]["child_id"]
    assert told(foundation, first) == [None]
    second = register(clerk, child).json
    assert told(foundation, second) == [child] and second["children"][0]["first_child_id"] == child
    third = register(clerk, second["children"][0]["child_id"], None).json
    assert told(foundation, third) == [child, None]
    page = clerk.get(f"/id/reports/{second['number']}")
    assert first["number"] in page.text and third["number"] in page.text
    assert second["number"] in as_role("supervisor").get(f"/id/reports/{first['number']}/children/{child}/erase").text


def test_what_is_no_known_child_is_refused_by_its_field(as_role: As, foundation: Foundation) -> None:
    clerk = as_role()
    known = register(clerk).json["children"][0]["child_id"]
    for same_as, field in (
        (("child-1",), "children.0.same_as"),
        ((None, new_id("child")), "children.1.same_as"),
        ((known, known), "children.1.same_as"),
    ):
        answer = register(clerk, *same_as)
        assert answer.status_code == 422 and [each["field"] for each in answer.json["errors"]] == [field], answer.text
    assert foundation.database["reports"].count_documents({}) == 1


@pytest.mark.parametrize("language", ["id", "en"])
def test_from_what_was_found_a_clerk_reports_the_child_again(
    as_role: As, foundation: Foundation, language: str
) -> None:
    clerk = as_role()
    first = register(clerk).json
    child = first["children"][0]["child_id"]
    path = f"/{language}/reports/new"
    page = clerk.get(f"{path}?same_as={child}").text
    assert first["number"] in page and f'value="{child}"' in page
    said = {"children-0-same_as": child}
    mistaken = clerk.post(path, a_form(channel="", **said))
    assert mistaken.status_code == 422 and f'value="{child}"' in mistaken.text, "it is not lost by a mistake elsewhere"
    done = clerk.post(path, a_form(**said))
    assert done.status_code == 303
    number = re.search(r"L-[0-9A-Z-]+", done.headers["Location"])
    assert number is not None
    assert told(foundation, clerk.api("GET", f"{REPORTS}/{number[0]}").json) == [child]


def test_a_clerk_takes_it_back(as_role: As, foundation: Foundation) -> None:
    clerk = as_role()
    child = register(clerk).json["children"][0]["child_id"]
    answer = clerk.post("/id/reports/new", a_form(**{"children-0-same_as": child, "unlink_child": "0"}))
    assert answer.status_code == 200 and child not in answer.text and "Budi Contoh" in answer.text


def separate(clerk: Browser, report: dict[str, Any], child_id: str, version: int = 1) -> Any:
    path = f"{REPORTS}/{report['number']}/children/{child_id}/separation"
    return clerk.api("POST", path, headers={"If-Match": f'"{version}"', "Idempotency-Key": f"another-{child_id}"})


@pytest.mark.parametrize("days", [0, 3])
def test_that_it_was_the_same_child_is_taken_back(as_role: As, foundation: Foundation, days: int) -> None:
    """Seen to fail with a `first_child_id` that stays, without the look at the version, and with a paper report (of
    days ago) that is said to be received when it was registered."""
    clerk = as_role()
    first = register(clerk).json
    child = first["children"][0]["child_id"]
    day = wib_date(utc_now()) - timedelta(days=days)
    wrong = register(clerk, None, child, received_on=day.isoformat()).json
    it = wrong["children"][1]["child_id"]
    assert separate(clerk, wrong, it, version=7).status_code == 412
    done = separate(clerk, wrong, it)
    assert done.status_code == 200 and done.headers["ETag"] == '"2"', done.text
    assert [each["first_child_id"] for each in done.json["children"]] == [None, None]
    assert separate(clerk, wrong, it).json == done.json, "the same request is carried out once"
    [entry] = foundation.database["journal"].find({"type": "report.child_separated"})
    said = entry["data"]
    registered = foundation.database["journal"].find_one({"stream": wrong["report_id"], "version": 1})
    assert registered is not None
    assert (said["first_child_id"], said["child_number"]) == (child, 2)
    codes = {name: value for name, value in registered["data"]["children"][1].items() if name != "first_child_id"}
    assert said["child"] == codes
    same = ("report_number", "channel", "received_on", "kecamatan", "kelurahan", "work_type", "demonstration")
    assert {name: said[name] for name in same} == {name: registered["data"][name] for name in same}
    received = datetime.fromisoformat(said["received_at"])
    assert abs(received - registered["occurred_at"]) < timedelta(milliseconds=2)
    assert first["number"] not in clerk.get(f"/id/reports/{wrong['number']}").text
    later = register(clerk, it).json
    assert told(foundation, later) == [it], "it is the first of its own reports"


def test_what_is_no_earlier_child_cannot_be_taken_back(as_role: As, foundation: Foundation) -> None:
    clerk = as_role()
    report = register(clerk).json
    refused = separate(clerk, report, report["children"][0]["child_id"])
    assert refused.status_code == 409 and refused.json["type"].endswith("not-linked"), refused.text
    assert "tidak menyatakan" in refused.json["detail"]
    assert separate(clerk, report, new_id("child")).status_code == 404
    assert separate(clerk, {"number": "L-0000-0000-0"}, new_id("child")).status_code == 404
    for role in ("partner_agency", "analyst", "administrator"):
        assert separate(as_role(role), report, report["children"][0]["child_id"]).status_code == 403
    assert foundation.database["journal"].count_documents({"type": "report.child_separated"}) == 0


@pytest.mark.parametrize("role", ["intake_clerk", "case_worker", "supervisor"])
def test_on_its_page_it_is_confirmed_and_compared_first(as_role: As, foundation: Foundation, role: str) -> None:
    """Seen to fail with a form that asks for nothing."""
    clerk = as_role()
    first = register(clerk).json
    wrong = register(clerk, first["children"][0]["child_id"]).json
    path = f"/id/reports/{wrong['number']}/children/{wrong['children'][0]['child_id']}/separate"
    somebody = as_role(role)
    assert path in somebody.get(f"/id/reports/{wrong['number']}").text
    page = somebody.get(path)
    assert first["number"] in page.text and 'name="version"' in page.text and 'value="1"' in page.text
    assert somebody.post(path, {"version": "1"}).status_code == 422
    assert told(foundation, wrong) == [first["children"][0]["child_id"]]
    assert foundation.database["reports"].count_documents({"version": 2}) == 0
    late = somebody.post(path, {"version": "9", "sure": "y"})
    assert late.status_code == 303 and foundation.database["reports"].count_documents({"version": 2}) == 0
    done = somebody.post(path, {"version": "1", "sure": "y"})
    assert done.status_code == 303
    after = somebody.get(f"/id/reports/{wrong['number']}").text
    assert "Sudah dicatat: ini anak lain" in after and path not in after
    assert somebody.get(path).status_code == 303, "there is nothing to take back any more"
    assert somebody.get(path.replace("child-", "child-0")).status_code == 404


def test_an_unknown_child_loses_nothing_that_was_typed(as_role: As, foundation: Foundation) -> None:
    answer = as_role().post("/id/reports/new", a_form(**{"children-0-same_as": new_id("child")}))
    assert answer.status_code == 422
    assert "Budi Contoh" in answer.text and "Anak itu tidak ada." in answer.text
    assert foundation.database["reports"].count_documents({}) == 0
