"""Carrying out commands on a case: read, decide, append, store, in one unit of work.

It knows no HTTP and no Kafka: pages, API, handlers and the clock use it alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime
from typing import Any

from services.cases import model, store
from shared.access import Actor, system_actor
from shared.foundation import Foundation
from shared.ids import derived_id, derived_number
from shared.journal import Command, Unit, VersionConflict
from shared.telemetry import metrics
from shared.telemetry.logs import get_logger

NUMBER_LETTER = "K"
CLOCK = system_actor("cases.clock")
SWEEP = 500
OF_THE_REPORT = ("report_id", "received_on", "kecamatan", "kelurahan", "work_type", "demonstration")
OF_THE_CHILD = ("child_id", "person_id", "sex", "age_band", "legal_class", "statistical_class", "severity")

log = get_logger(__name__)


class Unknown(Exception):
    """There is no such case."""


def apply(unit: Unit, case: model.Case | None, command: model.Command) -> model.Case | None:
    """Decides a command in a unit and writes the events. Returns the case after them. Raises model.Refused."""
    for event in model.decide(case, command):
        version = case.version if case else 0
        stream = case.case_id if case else event.data["case_id"]
        unit.append(stream, version, [event])
        case = model.evolve(case, event.type, event.data, event.occurred_at or command.now)
    return case


def case_ids(report: Mapping[str, Any]) -> list[str]:
    """The ids of the cases of a registered report's children, in their order: a repeated report has the same."""
    return [derived_id("case", report["report_id"], child["child_id"]) for child in report["children"]]


def open_cases(unit: Unit, report: Mapping[str, Any], received_at: datetime, now: datetime, existing: Set[str]) -> int:
    """Opens a case for each child of a registered report that has none `existing`. Returns how many were opened."""
    opened = 0
    for case_id, child in zip(case_ids(report), report["children"], strict=True):
        if case_id in existing:
            continue
        about = {
            **{name: report[name] for name in OF_THE_REPORT},
            **{name: child[name] for name in OF_THE_CHILD},
        }
        command = model.Open(case_id, derived_number(NUMBER_LETTER, case_id), about, received_at, now)
        case = apply(unit, None, command)
        if case is not None:
            store.put(unit, case, report_number=report["report_number"])
            opened += 1
    return opened


def screen(
    foundation: Foundation,
    actor: Actor,
    case_id: str,
    version: int,
    risk: str,
    screened_at: datetime | None,
    command: Command | None,
) -> Mapping[str, Any]:
    """Screens the case that the actor knows as `version`. Returns its `case_id` and new `version`.

    Raises Unknown, model.Refused, journal.VersionConflict, journal.KeyReused, journal.Unavailable.
    """
    now = foundation.clock()

    def work(unit: Unit) -> dict[str, Any]:
        before = _load(unit, case_id)
        if before.version != version:
            raise VersionConflict(case_id, version, before.version)
        after = apply(unit, before, model.Screen(risk, screened_at or now, now))
        if after is None:
            raise Unknown
        store.put(unit, after)
        return {"case_id": case_id, "version": after.version}

    answer = foundation.journal.run(work, actor=actor, command=command)
    metrics.DEADLINES.labels("screening", "screened").inc()
    return answer


def sweep(foundation: Foundation, limit: int = SWEEP) -> int:
    """Escalates every deadline for screening that has passed, each once however often this runs. Returns how many.

    Late or overlapping runs do no harm: each case is decided anew in its own unit of work.
    """
    escalated = 0
    for case_id in store.due(foundation.database, foundation.clock(), limit):

        def work(unit: Unit, case_id: str = case_id) -> dict[str, Any]:
            before = _load(unit, case_id)
            after = apply(unit, before, model.MarkOverdue(foundation.clock()))
            if after is None or after.version == before.version:
                return {"escalated": False}
            store.put(unit, after)
            return {"escalated": True}

        try:
            if foundation.journal.run(work, actor=CLOCK)["escalated"]:
                escalated += 1
        except VersionConflict:
            log.info("deadline_decided_elsewhere", case=case_id)
    if escalated:
        metrics.DEADLINES.labels("screening", "overdue").inc(escalated)
        log.info("deadlines_escalated", cases=escalated)
    return escalated


def _load(unit: Unit, case_id: str) -> model.Case:
    found = unit.find_one(unit.database[store.CASES], {"_id": case_id})
    if found is None:
        raise Unknown
    return model.from_document(found)
