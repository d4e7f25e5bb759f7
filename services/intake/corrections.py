"""Correcting what is held about a child, as the child or guardian has asked: sealed anew, classified anew, found anew.

What was held before is opened by nobody any more: the child gets a new keyset (older copies of the database: until the
vault's key is rotated). Of the values nothing is kept outside the vault. It knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from services.intake import matching, model, registration
from services.intake.store import REPORTS, change_report
from services.intake.subject_requests import (
    CORRECTED,
    CORRECTION,
    Refused,
    close_in,
    is_held,
    of_kind,
    open_request,
    to_answer,
)
from shared.access import Actor
from shared.events import NewEvent
from shared.foundation import Foundation
from shared.journal import Command, Unit
from shared.vault import NotHeld

PURPOSE = "subject_correction"
ACTION = "identity.corrected"
SEALED = registration.PERSON_FIELDS
OPEN = ("sex", "age_years", "school_attendance")
"""Codes and the age, which intake keeps beside the report."""


def held(foundation: Foundation, actor: Actor, request_id: str) -> dict[str, Any]:
    """What is held now in the fields that a request says are wrong; absent: nothing is held. Audited before.

    Raises NotHeld for an unknown request, Refused, access's NotReadable, journal.Unavailable.
    """
    request, _, child = to_answer(foundation.database, request_id, CORRECTION)
    sealed = [name for name in request["wrong"] if name in SEALED]
    try:
        opened = foundation.sealed.open(actor, child["person_id"], sealed, PURPOSE, "request") if sealed else {}
    except NotHeld:
        raise Refused("nothing_held") from None
    return {**opened, **{name: child[name] for name in request["wrong"] if name in OPEN and child[name] is not None}}


def correct(
    foundation: Foundation,
    actor: Actor,
    request_id: str,
    version: int,
    values: Mapping[str, Any],
    command: Command | None = None,
) -> None:
    """Puts `values` in the place of the fields that the request names, and closes it. A value that is None is kept no
    more, an age that is None is unknown.

    That somebody corrects is written to the audit log before: no entry, no correction. Raises NotHeld for an unknown
    request, Refused, journal.VersionConflict for another version than the actor saw, journal.KeyReused,
    journal.Unavailable.
    """
    now, audited = foundation.clock(), False

    def work(unit: Unit) -> dict[str, Any]:
        nonlocal audited
        request = open_request(unit, request_id, version)
        of_kind(request, CORRECTION)
        report = unit.find_one(unit.database[REPORTS], {"_id": request["report_id"]})
        if report is None:
            raise NotHeld(request_id)
        number, child = is_held(report, request["child_id"])
        if report.get("hold") is not None:
            raise Refused("on_hold")
        if not audited:  # once, though a unit may run again
            sealed = [name for name in request["wrong"] if name in SEALED]
            foundation.audit.record(actor, ACTION, child["person_id"], sealed, PURPOSE)
            audited = True
        after = _classified(report, child, values)
        _sealed(unit, foundation, report, after, values)
        children = [after if each is child else each for each in report["children"]]
        severity = model.worst(each["severity"] for each in children)
        event = NewEvent("report.corrected", _said(request, number, after, severity))
        change_report(unit, report, event, {f"children.{number - 1}": after, "severity": severity})
        close_in(unit, request, CORRECTED, actor, now)
        return {}

    foundation.journal.run(work, actor=actor, command=command)


def _classified(report: Mapping[str, Any], child: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The child as it is kept after the correction, its work classified by the rules of the day of receipt."""
    known = {**{name: child[name] for name in OPEN}, **{name: values[name] for name in OPEN if name in values}}
    one = model.Child(child["child_id"], child["person_id"], **known)
    rules = model.rules_on(date.fromisoformat(report["received_on"]))
    stated = model.classified(one, report["work"], rules)
    return {**child, **registration.kept_child(one, stated, report["work"], rules)}


def _sealed(
    unit: Unit, foundation: Foundation, report: Mapping[str, Any], child: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Seals the child anew, and makes anew by what it is found."""
    person_id: str = child["person_id"]
    sealed = {name: values[name] for name in SEALED if name in values}
    try:
        held_now = foundation.sealed.seal_anew(unit, person_id, sealed)
    except NotHeld:
        raise Refused("nothing_held") from None
    found_by = matching.findable(foundation, report["_id"], child["age_years"], held_now, report["kecamatan"])
    foundation.found.replace(unit, person_id, found_by)


def _said(request: Mapping[str, Any], number: int, child: Mapping[str, Any], severity: str) -> dict[str, Any]:
    return {
        "report_id": request["report_id"],
        "request_id": request["_id"],
        "child_number": number,
        "corrected": request["wrong"],
        "child": {name: child[name] for name in registration.TOLD_OF_A_CHILD},
        "severity": severity,
    }
