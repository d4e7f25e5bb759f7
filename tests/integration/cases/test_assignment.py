"""Whose a case is, through API, page and directory's events: what it shuts, how it is taken over, and what becomes of
the cases of somebody who leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.cases import people, store
from shared.access import Actor
from shared.foundation import Foundation
from tests.integration.cases.conftest import Arrive
from tests.integration.cases.test_cases import assert_stored_is_history, order, types
from tests.support.servers import Mongo
from tests.support.web import Browser

pytestmark = pytest.mark.mongo
CASES = "/api/v1/cases"
NAMES = {"name": "Ani Rahasia"}
HERE, ELSEWHERE = "33.75.01", "33.75.02"
As = Callable[..., Browser]
Told = Callable[..., None]


def opened(browser: Browser, case: dict[str, Any]) -> Any:
    """The answer to the wish to see who is meant."""
    return browser.api("GET", f"{CASES}/{case['case_number']}/identities")


def numbers(browser: Browser, question: str) -> set[str]:
    """The cases of the queue that fit a question."""
    return {each["case_number"] for each in browser.api("GET", f"{CASES}?{question}").json["items"]}


@pytest.fixture
def case(arrive: Arrive) -> dict[str, Any]:
    return arrive(severity="low", names=NAMES)


@pytest.fixture
def bases(mongo: Mongo, prefix: str) -> Callable[[], list[tuple[str, str]]]:
    """Who opened the case's child on which grounds, as the audit log has it."""
    entries = mongo.client()[f"{prefix}audit"]["entries"]
    return lambda: [(each["actor"], each["basis"]) for each in entries.find({"action": "identity.opened"}).sort("at")]


def test_a_case_that_a_colleague_has_is_closed_until_it_is_taken_over(as_role: As, case, bases, foundation) -> None:
    """Seen to fail with `case_worker: area` at case.read_identity (200, and the name), without `why_closed` (404, and
    nothing said of whose it is)."""
    rina, budi = as_role(name="Rina"), as_role(name="Budi")
    assert opened(budi, case).json["child"] == NAMES, "nobody has it yet"
    assert order(rina, case, 1, "take_case").json["assigned_to"] == rina.actor.id
    assert opened(rina, case).json["child"] == NAMES
    page = f"/en/cases/{case['case_number']}"
    closed, forced, shown = opened(budi, case), budi.post(f"{page}/identities", {}, page=page), budi.get(page).text
    assert (closed.status_code, closed.json["type"]) == (403, "urn:rujukan:problem:taken-by-another")
    assert closed.json["assigned_to"] == rina.actor.id and "Rina memegang kasus ini" in closed.json["detail"]
    assert forced.status_code == 403
    assert "Rahasia" not in closed.text + forced.text + shown
    assert "Rina has this case" in shown and "commands/take_case" in shown and "Open the identities" not in shown
    assert "Rina memegang kasus ini" in budi.get(f"/id/cases/{case['case_number']}").text
    address = f"{page}/commands/take_case"
    assert budi.post(address, {"version": "2"}, page=address).status_code == 303
    assert opened(budi, case).json["child"] == NAMES
    assert opened(rina, case).status_code == 403
    assert [grounds for _, grounds in bases()[::2]] == ["unassigned", "assigned", "assigned"]
    assert "Budi has the case now" in rina.get(page).text
    assert types(foundation, case) == ["case.opened", "case.assigned", "case.assigned"]
    assert_stored_is_history(foundation, case["_id"])


def test_steps_of_a_colleague_s_case_can_be_taken(as_role: As, case) -> None:
    """No deadline passes because somebody is away."""
    assert order(as_role(), case, 1, "take_case").status_code == 200
    assert order(as_role(), case, 2, "take_step", "screen", facts={"risk": "low"}).json["stage"] == "assessment"


def test_a_case_of_another_area_is_closed_and_cannot_be_taken(as_role: As, case, told: Told) -> None:
    """Read without identities as any other. Seen to fail without `works_in` in `_in_scope`, for each scope."""
    far, near = as_role(areas=(ELSEWHERE,)), as_role(areas=(ELSEWHERE, HERE))
    closed = opened(far, case)
    assert (closed.status_code, closed.json["type"]) == (403, "urn:rujukan:problem:elsewhere")
    page = far.get(f"/en/cases/{case['case_number']}")
    assert page.status_code == 200 and "in which you do not work" in page.text and "commands/take_case" not in page.text
    refused = order(far, case, 1, "take_case")
    assert (refused.status_code, refused.json["reasons"][0]["code"]) == (403, "not_your_area")
    told(far.actor)
    assigned = order(as_role("supervisor"), case, 1, "assign_case", account_id=far.actor.id)
    assert (assigned.status_code, assigned.json["errors"][0]["field"]) == (422, "account_id")
    assert opened(near, case).json["child"] == NAMES


def test_a_supervisor_assigns_by_page_and_sees_whose_cases_are(as_role: As, case, arrive: Arrive, told: Told) -> None:
    """Seen to fail without `people.meet` (the colleague had an id for a name), and with a choice of all accounts."""
    supervisor, rina, nurse = as_role("supervisor"), as_role(name="Rina"), as_role("partner_agency", name="Perawat")
    other = arrive(severity="low")
    for each in (rina, nurse, supervisor):
        told(each.actor)
    rina.get("/en/cases")
    address = f"/en/cases/{case['case_number']}/commands/assign_case"
    form = supervisor.get(address).text
    assert "Rina" in form and nurse.actor.id not in form and supervisor.actor.id not in form
    sent = supervisor.post(address, {"version": "1", "account_id": rina.actor.id}, page=address)
    assert sent.status_code == 303
    assert numbers(rina, "whose=me") == numbers(supervisor, f"whose={rina.actor.id}") == {case["case_number"]}
    assert numbers(supervisor, "whose=nobody") == {other["case_number"]}
    assert numbers(supervisor, "whose=me") == numbers(supervisor, "whose=left") == set()
    queue = supervisor.get(f"/en/cases?whose={rina.actor.id}").text
    assert "Rina" in queue and case["case_number"] in queue and other["case_number"] not in queue
    assert supervisor.api("GET", f"{CASES}?whose=$ne").status_code == 422
    assert order(supervisor, case, 2, "put_back_case").json["assigned_to"] is None


def test_the_cases_of_somebody_who_leaves_are_put_back_once(
    as_role: As, case, arrive: Arrive, told: Told, foundation: Foundation
) -> None:
    """Nothing is shut away, and a supervisor sees what is to be assigned. Seen to fail without `hand_back` (403 for a
    colleague), and with an event for each delivery (`had_by` that finds what the account has left, too)."""
    rina, budi, supervisor = as_role(name="Rina"), as_role(name="Budi"), as_role("supervisor")
    other = arrive(severity="low")
    order(rina, case, 1, "take_case")
    order(budi, other, 1, "take_case")
    told(rina.actor, areas=False)
    assert types(foundation, case)[-1] == "case.assigned", "an event of before there were areas changes nothing"
    told(rina.actor, active=False, times=2)
    assert types(foundation, case) == ["case.opened", "case.assigned", "case.put_back"]
    assert types(foundation, other) == ["case.opened", "case.assigned"], "of a colleague's nothing changes"
    assert numbers(supervisor, "whose=left") == numbers(supervisor, f"whose={rina.actor.id}") == {case["case_number"]}
    assert "Left by Rina" in supervisor.get("/en/cases?whose=left").text
    assert "can have the case no longer" in supervisor.get(f"/en/cases/{case['case_number']}").text
    assert opened(budi, case).status_code == 200
    refused = order(supervisor, case, 3, "assign_case", account_id=rina.actor.id)
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "account_id")
    assert order(budi, case, 3, "take_case").json["left_by"] is None
    assert numbers(supervisor, "whose=left") == set()
    assert_stored_is_history(foundation, case["_id"])


@pytest.mark.parametrize("change", [{"role": "analyst"}, {"areas": (ELSEWHERE,)}])
def test_so_are_those_of_somebody_with_another_role_or_other_areas(
    as_role: As, case, told: Told, foundation: Foundation, change: dict[str, Any]
) -> None:
    """Seen to fail with a `hand_back` of those who left alone."""
    rina = as_role()
    order(rina, case, 1, "take_case")
    told(replace(rina.actor, areas=(HERE,)))
    assert types(foundation, case) == ["case.opened", "case.assigned"]
    told(replace(rina.actor, **change))
    assert types(foundation, case) == ["case.opened", "case.assigned", "case.put_back"]


def test_a_case_is_not_given_to_somebody_who_leaves_at_the_same_moment(
    as_role: As, case, told: Told, foundation: Foundation
) -> None:
    """Directory's event is handled after the account was looked up and before it has the case: the assignment comes
    second, looks again, and is refused. Seen to fail without `people.note`."""
    rina, supervisor = as_role(), as_role("supervisor")
    told(rina.actor)
    reached = []

    def leaves_meanwhile(unit: Any, events: Any, by: Actor) -> None:
        if not reached:
            reached.append(by)
            told(rina.actor, active=False)
        note(unit, events, by)

    note = people.note
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "note", leaves_meanwhile)
        answer = order(supervisor, case, 1, "assign_case", account_id=rina.actor.id)
    assert reached and answer.status_code == 422, answer.text
    assert types(foundation, case) == ["case.opened"]


def test_a_case_that_was_stored_before_cases_were_assigned_is_nobody_s(as_role: As, case, foundation) -> None:
    """Seen to fail without the default in records.case: closed to everybody."""
    foundation.database[store.CASES].update_one({"_id": case["_id"]}, {"$unset": {"assigned_to": "", "left_by": ""}})
    worker = as_role()
    assert opened(worker, case).status_code == 200
    assert numbers(worker, "whose=nobody") == {case["case_number"]}
    assert worker.api("GET", f"{CASES}/{case['case_number']}").json["assigned_to"] is None
    assert order(worker, case, 1, "take_case").status_code == 200


def test_the_queue_of_one_s_own_goes_by_an_index(as_role: As, case, foundation: Foundation) -> None:
    """Of an office's many cases one looks at one's own. Seen to fail without the index."""
    worker = as_role()
    order(worker, case, 1, "take_case")
    mine = {"$or": [{"assigned_to": worker.actor.id}, {"left_by": worker.actor.id}]}
    plan = foundation.database[store.CASES].find({"$and": [mine]}, sort=store.QUEUE).explain()
    assert "COLLSCAN" not in str(plan["queryPlanner"]["winningPlan"])
