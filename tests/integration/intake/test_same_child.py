"""A child that was reported before is recognised: the clerk says so, and the event tells it to cases."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from shared.foundation import Foundation
from shared.ids import new_id
from tests.integration.intake.test_reports import a_form
from tests.support.reports import a_child, a_report
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
As = Callable[..., Browser]
REPORTS = "/api/v1/reports"


def register(clerk: Browser, *same_as: str | None) -> Any:
    """Sends a report of one child for each of these."""
    children = [a_child(**({"same_as": each} if each else {})) for each in same_as or (None,)]
    return clerk.api("POST", REPORTS, a_report(children=children), headers={"Idempotency-Key": new_id("key")})


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


def test_an_unknown_child_loses_nothing_that_was_typed(as_role: As, foundation: Foundation) -> None:
    answer = as_role().post("/id/reports/new", a_form(**{"children-0-same_as": new_id("child")}))
    assert answer.status_code == 422
    assert "Budi Contoh" in answer.text and "Anak itu tidak ada." in answer.text
    assert foundation.database["reports"].count_documents({}) == 0
