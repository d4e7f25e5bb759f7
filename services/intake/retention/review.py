"""What the clock does about retention: proposes what is over, and carries out what a person has approved.

Each proposal and each erasure is one unit of work, decided anew inside it, so that both runs may be killed, repeated or
overlap: what was done is found done. Nothing is erased that no person approved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.intake import erasure, store
from services.intake.retention import courses, proposals
from services.intake.retention.due import Due, due
from shared import failpoints
from shared.access import system_actor
from shared.domain.retention import retention
from shared.domain.working_time import wib_date
from shared.foundation import Foundation
from shared.ids import derived_id
from shared.journal import Duplicate, Mismatch, Unit, VersionConflict
from shared.mongo import Unavailable
from shared.telemetry.logs import get_logger
from shared.worker.parking import waiting_keys

CLOCK = system_actor("intake.retention")
AT_ONCE = 200
SHORTEST_MONTH = timedelta(days=28)
LOST = (VersionConflict, Mismatch, Duplicate)
"""Somebody else changed the same thing at this moment: the next run finds how it stands then."""

log = get_logger(__name__)


@dataclass(frozen=True)
class CarriedOut:
    """What became of the approved: erased, withdrawn because they no longer stand, waiting for the next run."""

    erased: int = 0
    withdrawn: int = 0
    waiting: int = 0


def review(foundation: Foundation) -> int:
    """Proposes to erase what is over, each once however often this runs. Returns how many proposals were made.

    Raises journal.Unavailable; a report that cannot be decided on keeps no other waiting.
    """
    made = 0
    for report_id in courses.ended_before(
        foundation.database, foundation.clock() - SHORTEST_MONTH * retention().shortest
    ):

        def work(unit: Unit, report_id: str = report_id) -> dict[str, Any]:
            return {"made": _propose(unit, foundation, report_id)}

        try:
            made += foundation.journal.run(work, actor=CLOCK)["made"]
        except LOST:
            log.info("retention_decided_elsewhere", report=report_id)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one that fails keeps no other waiting
            log.error("retention_failed", report=report_id, error=type(error).__name__)
        failpoints.reach("retention.reviewed")
    if made:
        log.info("retention_proposed", proposals=made)
    return made


def carry_out(foundation: Foundation) -> CarriedOut:
    """Erases what a person approved long enough ago, if it is still over; what is not any more is withdrawn.

    What waits: its case has events that could not be handled yet. Raises journal.Unavailable.
    """
    counts = {"erased": 0, "withdrawn": 0, "waiting": 0}
    before = foundation.clock() - timedelta(hours=retention().wait_hours)
    after = ""
    while found := proposals.approved_before(foundation.database, before, after, AT_ONCE):
        after = found[-1]
        for proposal_id in found:

            def work(unit: Unit, proposal_id: str = proposal_id) -> dict[str, Any]:
                return {"outcome": _carry_out(unit, foundation, proposal_id, before)}

            try:
                outcome = foundation.journal.run(work, actor=CLOCK)["outcome"]
            except LOST:
                outcome = "waiting"
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - one that fails keeps no other waiting
                log.error("retention_failed", proposal=proposal_id, error=type(error).__name__)
                outcome = "waiting"
            if outcome in counts:
                counts[outcome] += 1
            failpoints.reach("retention.carried_out")
    done = CarriedOut(**counts)
    if done != CarriedOut():
        log.info("retention_carried_out", **counts)
    return done


def _propose(unit: Unit, foundation: Foundation, report_id: str) -> int:
    """Brings the proposals of one report to what is over now. Returns how many were made."""
    report = unit.find_one(unit.database[store.REPORTS], {"_id": report_id})
    if report is None:
        return 0
    now = foundation.clock()
    today = wib_date(now)
    known = courses.of_report(unit, report_id)
    over = due(report, known, retention(), today)
    if None in over and not _holds(unit, foundation, report_id):
        del over[None]
    _say_if_nothing_is_left(unit, foundation, report, known)
    there = {each["child_id"]: each for each in unit.find(unit.database[store.PROPOSALS], {"report_id": report_id})}
    for child_id, before in there.items():
        if before["state"] in proposals.STANDING and child_id not in over:
            proposals.withdraw(unit, before["_id"], _why_not(report, child_id, before, known), now)
    return sum(_propose_one(unit, report, there.get(child_id), found, now) for child_id, found in over.items())


def _propose_one(
    unit: Unit, report: Mapping[str, Any], before: Mapping[str, Any] | None, found: Due, now: datetime
) -> bool:
    said = {"rule": found.rule, "ended_at": found.ended_at, "over_on": found.over_on}
    fresh = {
        "state": proposals.PROPOSED,
        "rule": found.rule,
        "ended_at": found.ended_at,
        "over_on": found.over_on.isoformat(),
        "proposed_at": now,
        **dict.fromkeys(proposals.DECIDED),
    }
    if before is None:
        children = [child["child_id"] for child in report["children"]]
        about = {
            "_id": proposals.about(report["_id"], found.child_id),
            "report_id": report["_id"],
            "report_number": report["number"],
            "child_id": found.child_id,
            "child_number": None if found.child_id is None else children.index(found.child_id) + 1,
        }
        proposals.begin(unit, {**about, **fresh}, said)
        return True
    kept = before["state"] == proposals.KEPT and before["keep_until"] >= wib_date(now).isoformat()
    if kept or before["state"] not in (proposals.KEPT, proposals.WITHDRAWN):
        return False
    proposals.change(unit, before, "retention.proposed", said, fresh)
    return True


def _carry_out(unit: Unit, foundation: Foundation, proposal_id: str, before: datetime) -> str:
    proposal = proposals.load(unit, proposal_id)
    if proposal is None or proposal["state"] != proposals.APPROVED or proposal["decided_at"] > before:
        return "passed"
    report_id, child_id, now = proposal["report_id"], proposal["child_id"], foundation.clock()
    report = unit.find_one(unit.database[store.REPORTS], {"_id": report_id})
    known = courses.of_report(unit, report_id)
    if report is None or waiting_keys(unit, [course["case_id"] for course in known]):
        return "waiting"
    found = due(report, known, retention(), wib_date(now)).get(child_id)
    if found is None or found.ended_at != proposal["ended_at"]:
        proposals.withdraw(unit, proposal_id, _why_not(report, child_id, proposal, known), now)
        return "withdrawn"
    receipt_id = derived_id("erasure", proposal_id, str(proposal["version"]))
    order = erasure.Order("retention", now, CLOCK.id, receipt_id, proposal["decided_by"])
    if child_id is None:
        erasure.erase_report_in(unit, foundation, report_id, order)
    else:
        erasure.erase_in(unit, foundation, report_id, child_id, order)
    failpoints.reach("retention.erasing")
    changes = {"state": proposals.CARRIED_OUT, "carried_out_at": now, "erasure_id": receipt_id}
    proposals.change(unit, proposal, "retention.carried_out", {"erasure_id": receipt_id}, changes)
    return "erased"


def _why_not(
    report: Mapping[str, Any], child_id: str | None, proposal: Mapping[str, Any], known: list[dict[str, Any]]
) -> str:
    """Why a proposal no longer stands, as a code of `proposal_withdrawal`."""
    if report.get("hold") is not None:
        return "hold"
    erased = report if child_id is None else next(c for c in report["children"] if c["child_id"] == child_id)
    if erased.get("erased_at") is not None:
        return "erased"
    ends = [each["ended_at"] for each in known if child_id in (None, each["child_id"])]
    return "not_over" if None not in ends and proposal["ended_at"] in ends else "reopened"


def _holds(unit: Unit, foundation: Foundation, report_id: str) -> bool:
    """Whether anything that stands in the report as a whole is held, or any file."""
    return bool(foundation.sealed.held(unit, report_id) or store.ids_in(unit, report_id))


def _say_if_nothing_is_left(
    unit: Unit, foundation: Foundation, report: Mapping[str, Any], known: list[dict[str, Any]]
) -> None:
    """Takes a report out of the daily review once nothing of it can be erased any more."""
    identified = any(each["person_id"] is not None and each.get("erased_at") is None for each in report["children"])
    if identified or _holds(unit, foundation, report["_id"]):
        return
    for course in known:
        unit.update(unit.database[store.COURSES], {"_id": course["_id"]}, {"$set": {"all_erased": True}})
