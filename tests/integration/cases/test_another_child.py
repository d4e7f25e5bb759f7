"""A child was taken for one of an earlier report, and is another: the report leaves the case of that child."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.cases import store
from services.cases.handlers import handlers
from shared.access import system_actor
from shared.clock import utc_now
from shared.events import Event
from shared.events.catalogue import consume
from shared.foundation import Foundation
from shared.journal import Context
from tests.integration.cases.test_cases import CASES, Arrive, As, assert_stored_is_history, types
from tests.integration.cases.test_one_open_case import close, read

pytestmark = pytest.mark.mongo
Separated = Callable[..., None]
CODES = {"sex": "male", "age_band": "age_13_14", "legal_class": "child_labour", "statistical_class": "unknown"}


@pytest.fixture
def separated(foundation: Foundation) -> Separated:
    """Intake says of a case's own report, or of one that joined it, that its child is another; twice, as a topic that
    is read again does."""

    def say(case: dict[str, Any], joined: dict[str, Any] | None = None, received: datetime | None = None) -> None:
        now, report = utc_now(), joined or case
        codes = {**CODES, "school_attendance": "unknown", "severity": report.get("severity", "high")}
        data = {
            **{name: report[name] for name in ("report_id", "report_number", "received_on")},
            **{name: case[name] for name in ("kecamatan", "kelurahan", "work_type", "demonstration")},
            "channel": "walk_in",
            "received_at": (received or now).isoformat(),
            "child_number": 1,
            "first_child_id": case["first_child_id"],
            "child": {**{name: report[name] for name in ("child_id", "person_id")}, **codes},
        }
        read = consume("report.child_separated", data)
        event = Event("e", "report.child_separated", "intake", report["report_id"], 2, 1, now, now, read, "clerk", "c")
        for _ in range(2):
            foundation.journal.transact(
                lambda unit: handlers(foundation)["report.child_separated"](event, unit),
                Context(system_actor("test").id),
            )

    return say


def stored(foundation: Foundation, case: dict[str, Any]) -> dict[str, Any]:
    found = foundation.database["cases"].find_one({"_id": case["_id"]})
    assert found is not None
    return found


def own_case(foundation: Foundation, report: dict[str, Any]) -> dict[str, Any]:
    found = foundation.database["cases"].find_one({"report_id": report["report_id"]})
    assert found is not None, "the report has no case of its own"
    return found


def test_what_had_joined_leaves_and_gets_a_case_of_its_own(
    arrive: Arrive, separated: Separated, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail without the leaving in `evolve` (task and deadline stay), without `store.leave`, and with a case
    that is opened for the child that it was taken for (it joins at once again)."""
    received = utc_now() - timedelta(hours=1)
    case = arrive(severity="low")
    arrive(severity="emergency", same_as=[case["child_id"]], received=received, channel="transfer_in")
    [joined] = stored(foundation, case)["joined"]
    separated(case, joined, received)

    left = stored(foundation, case)
    assert (left["joined"], left["tasks"]) == ([], [])
    assert types(foundation, case)[-2:] == ["case.transfer_received", "case.report_separated"]
    assert_stored_is_history(foundation, case["_id"])
    own = own_case(foundation, joined)
    assert (own["first_child_id"], own["child_id"], own["severity"]) == (joined["child_id"],) * 2 + ("emergency",)
    assert own["open"] and own["opened_at"] == joined["received_at"], "its time counts from the receipt"
    assert_stored_is_history(foundation, own["_id"])
    assert foundation.database["cases"].count_documents({}) == 2
    page = as_role().get(f"/id/cases/{case['case_number']}")
    assert joined["report_number"] not in page.text and "Sebuah laporan ternyata tentang anak lain" in page.text
    assert own["case_number"] not in page.text, "it is no other case of this child"


def test_the_case_that_it_leaves_can_end(
    arrive: Arrive, separated: Separated, as_role: As, foundation: Foundation
) -> None:
    case = arrive()
    arrive(same_as=[case["child_id"]])
    [joined] = stored(foundation, case)["joined"]
    separated(case, joined)
    assert close(as_role(), as_role("supervisor"), case).json["stage"] == "closed"


def test_one_that_was_read_leaves_too_also_after_the_end(
    arrive: Arrive, separated: Separated, as_role: As, foundation: Foundation
) -> None:
    case, worker, supervisor = arrive(), as_role(), as_role("supervisor")
    arrive(same_as=[case["child_id"]])
    [joined] = stored(foundation, case)["joined"]
    assert read(worker, case).status_code == 200
    assert close(worker, supervisor, case).json["stage"] == "closed"
    separated(case, joined)
    assert own_case(foundation, joined)["open"] and not stored(foundation, case)["open"]
    assert_stored_is_history(foundation, case["_id"])
    version = worker.api("GET", f"{CASES}/{case['case_number']}").json["version"]
    offered = worker.api("GET", f"{CASES}/{case['case_number']}/available").json["items"]
    [again] = [each for each in offered if each["subject"] == "reopen"]
    assert again["possible"] and version == stored(foundation, case)["version"]


def test_a_case_that_it_opened_is_its_own_and_no_other_of_the_first_child(
    arrive: Arrive, separated: Separated, as_role: As, foundation: Foundation
) -> None:
    """Seen to fail without the new `first_child_id` in what is stored."""
    case, worker, supervisor = arrive(), as_role(), as_role("supervisor")
    close(worker, supervisor, case)
    second = arrive(same_as=[case["child_id"]])
    assert second["case_number"] in worker.get(f"/id/cases/{case['case_number']}").text
    separated(second)
    assert stored(foundation, second)["first_child_id"] == second["child_id"]
    assert second["case_number"] not in worker.get(f"/id/cases/{case['case_number']}").text
    assert_stored_is_history(foundation, second["_id"])
    third = arrive(same_as=[case["child_id"]])
    assert third["_id"] not in (case["_id"], second["_id"]), "the first child has no open case"


def test_what_had_joined_a_case_that_another_child_opened_goes_to_the_child_that_it_named(
    arrive: Arrive, separated: Separated, foundation: Foundation
) -> None:
    """The first report about a child may be read after the second. Seen to fail without the moving: the first report
    stays in the case of a stranger, and its child has none."""
    first = arrive(severity="low")
    foundation.database["cases"].delete_many({})
    second = arrive(same_as=[first["child_id"]])
    arrive(same_as=[first["child_id"]], severity="emergency")
    arrive(same_as=[first["child_id"]])
    one, other = stored(foundation, second)["joined"]
    separated(second)
    left = stored(foundation, second)
    assert (left["joined"], left["tasks"], left["first_child_id"]) == ([], [], second["child_id"])
    assert_stored_is_history(foundation, second["_id"])
    opened = own_case(foundation, one)
    assert (opened["first_child_id"], opened["severity"]) == (first["child_id"], "emergency")
    assert [each["report_id"] for each in opened["joined"]] == [other["report_id"]]
    assert foundation.database["cases"].count_documents({}) == 2


def test_what_joined_before_more_was_kept_of_it_stays(
    arrive: Arrive, separated: Separated, foundation: Foundation
) -> None:
    case = arrive()
    foundation.database["cases"].delete_many({})
    second = arrive(same_as=[case["child_id"]])
    arrive(same_as=[case["child_id"]])
    kept = ("received_at", "kelurahan", "channel")
    foundation.database["cases"].update_one({}, {"$unset": {f"joined.0.{name}": True for name in kept}})
    separated(second)
    left = stored(foundation, second)
    assert len(left["joined"]) == len(left["tasks"]) == 1, "it is read where it is"
    assert left["first_child_id"] == second["child_id"]


def test_a_later_report_that_overtook_keeps_the_one_open_case(
    arrive: Arrive, separated: Separated, foundation: Foundation
) -> None:
    """It names the child as one of its own before the separation was read."""
    case = arrive()
    arrive(same_as=[case["child_id"]])
    [joined] = stored(foundation, case)["joined"]
    later = arrive(same_as=[joined["child_id"]])
    separated(case, joined)
    assert later["_id"] != case["_id"] and stored(foundation, case)["joined"] == []
    assert [each["report_id"] for each in stored(foundation, later)["joined"]] == [joined["report_id"]]

    foundation.database["cases"].delete_many({})
    second = arrive(same_as=[case["child_id"]])
    overtook = arrive(same_as=[second["child_id"]])
    separated(second)
    both = foundation.database["cases"].find({"_id": {"$in": [second["_id"], overtook["_id"]]}, "open": True})
    assert len({each["first_child_id"] for each in both}) == 2


def test_what_was_corrected_meanwhile_is_so_in_the_case_that_it_gets(
    arrive: Arrive, separated: Separated, foundation: Foundation
) -> None:
    """Of what had joined the case of a stranger. Seen to fail without the codes kept with what joined."""
    first = arrive()
    foundation.database["cases"].delete_many({})
    second = arrive(same_as=[first["child_id"]])
    arrive(same_as=[first["child_id"]])
    [joined] = stored(foundation, second)["joined"]
    child = {**CODES, "severity": "emergency", "child_id": joined["child_id"], "person_id": None}
    data = {
        "report_id": joined["report_id"],
        "request_id": "request-" + "1" * 32,
        "child_number": 1,
        "corrected": ["age_years"],
        "child": {**child, "school_attendance": "unknown"},
        "severity": "emergency",
    }
    now = utc_now()
    told = consume("report.corrected", data)
    event = Event("e", "report.corrected", "intake", joined["report_id"], 2, 1, now, now, told, "worker", "c")
    foundation.journal.transact(
        lambda unit: handlers(foundation)["report.corrected"](event, unit), Context(system_actor("test").id)
    )
    separated(second)
    assert own_case(foundation, joined)["severity"] == "emergency"


def test_the_index_of_what_joined_is_used(arrive: Arrive, foundation: Foundation) -> None:
    """Every separation asks by it."""
    arrive()
    store.ensure_indexes(foundation.database)
    wanted = {"joined": {"$elemMatch": {"report_id": "report-" + "1" * 32, "child_id": "child-" + "1" * 32}}}
    plan = foundation.database["cases"].find(wanted).explain()["queryPlanner"]["winningPlan"]
    assert "joined.report_id" in str(plan)
