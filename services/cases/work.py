"""How much work waits in the queues now, for the e-mails of the morning. It reads, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.cases import definitions, store
from services.cases.engine.state import BREACHED, OPEN, REMINDED, REQUESTED, RUNNING
from shared.domain.work import Counts, Work
from shared.domain.working_time import start_of_day, wib_date
from shared.foundation import Foundation


def count(foundation: Foundation) -> Work:
    """What waits now, by role and by agency. Raises Unavailable."""
    now = foundation.clock()
    return tally(store.with_work(foundation.database, tomorrow(now)), now)


def tomorrow(now: datetime) -> datetime:
    """When the day of this moment is over, in WIB."""
    return start_of_day(wib_date(now) + timedelta(days=1))


def tally(cases: Iterable[Mapping[str, Any]], now: datetime) -> Work:
    """What waits in these stored cases.

    A deadline that has passed is overdue also when the clock has not said so yet. One that is paused, or that had
    passed before it was entered, is left out, as everywhere.
    """
    work, end = Work(now), tomorrow(now)
    for case in cases:
        definition = definitions.find(case["workflow"])
        leads = definition.managed_by if definition else ()
        approves: Iterable[str] = ()
        if definition and (awaited := case["awaited"]):
            approves = definition.steps[awaited["step"]].approved_by
            for role in approves:
                key = (role, awaited["by"])
                work.proposed[key] = work.proposed.get(key, 0) + 1
        for role in {*leads, *approves}:
            counts = work.by_role.setdefault(role, Counts())
            counts.awaiting += role in approves
            if role in leads:
                counts.tasks += bool(case["tasks"])
                _add_due(counts, case["deadlines"], now, end)
        for each in case["referrals"]:
            if each["state"] in OPEN:
                counts = work.by_agency.setdefault(each["agency_id"], Counts())
                counts.unanswered += each["state"] == REQUESTED
                own = [deadline for deadline in case["deadlines"] if deadline["subject"] == each["referral_id"]]
                _add_due(counts, own, now, end)
    return work


def _add_due(counts: Counts, deadlines: Iterable[Mapping[str, Any]], now: datetime, end: datetime) -> None:
    """Counts what these deadlines of one case or referral are: overdue, or else due before `end`, or neither."""
    going = [each["due_at"] for each in deadlines if each["phase"] in (RUNNING, REMINDED)]
    if any(each["phase"] == BREACHED for each in deadlines) or any(due <= now for due in going):
        counts.overdue += 1
    elif any(due < end for due in going):
        counts.due_today += 1
