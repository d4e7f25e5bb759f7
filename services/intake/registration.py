"""Registering a report: one unit of work seals what identifies, writes the event, and keeps the report's codes.

It knows no HTTP: pages and API hand it a report that the schema has accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from services.intake import matching, model, store
from shared.access import Actor
from shared.domain.working_time import WIB, wib_date
from shared.foundation import Foundation
from shared.ids import new_id, new_number
from shared.journal import Command, Duplicate, Unit
from shared.vault import NotHeld, Opened

PERSON_FIELDS = ("name", "alias", "nik", "guardian_name", "guardian_phone", "address", "school")
TOLD_OF_A_CHILD = (
    "child_id",
    "person_id",
    "sex",
    "age_band",
    "school_attendance",
    "legal_class",
    "statistical_class",
    "severity",
)
"""What an event tells of a child, besides whose first it is."""
NUMBER_LETTER = "L"
ATTEMPTS = 5


class UnknownChild(Exception):
    """`same_as` names no child that is known, or two children of the report name one. `place` is the child's place in
    the report, from 0."""

    def __init__(self, place: int, code: str) -> None:
        super().__init__(f"{code}: child {place}")
        self.place, self.code = place, code


class WrongInstance(Exception):
    """A demonstration report came to a live instance, or a real one to a demonstration."""


def register(
    foundation: Foundation, actor: Actor, report: Mapping[str, Any], command: Command | None
) -> Mapping[str, Any]:
    """Registers an accepted report and returns it as it is kept; a repeated command gets the report of the first time.

    Raises WrongInstance, UnknownChild, journal.KeyReused, journal.Unavailable, vault.NotHeld.
    """
    demonstration = foundation.settings.demonstration
    if report.get("demonstration") not in (None, demonstration):
        raise WrongInstance
    for attempt in range(ATTEMPTS):
        try:
            return _register(foundation, actor, report, command, demonstration)
        except Duplicate:  # two random numbers met: take another
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _register(
    foundation: Foundation, actor: Actor, report: Mapping[str, Any], command: Command | None, demonstration: bool
) -> Mapping[str, Any]:
    now = foundation.clock()
    report_id, number = new_id("report"), new_number(NUMBER_LETTER)
    sealed_report = _about_report(report)
    first = _first_children(foundation, report["children"])
    people = [{name: child[name] for name in PERSON_FIELDS if child.get(name)} for child in report["children"]]
    children = tuple(
        model.Child(
            child_id=new_id("child"),
            person_id=new_id("person") if person else None,
            sex=child["sex"],
            age_years=child["age_years"],
            school_attendance=child["school_attendance"],
            first_child_id=first_id,
        )
        for child, person, first_id in zip(report["children"], people, first, strict=True)
    )
    work = {name: value for name, value in report["work"].items() if value is not None}
    rules = model.rules_on(report["received_on"])
    register = model.Register(
        report_id=report_id,
        report_number=number,
        channel=report["channel"],
        received_on=report["received_on"],
        kelurahan=report["kelurahan"],
        work_type=report["work_type"],
        children=children,
        work=work,
        anonymous_reporter=report["reporter"].get("anonymous", False),
        demonstration=demonstration,
        occurred_at=received_at(report["received_on"], now),
    )
    [event] = model.decide(None, register, rules)

    kept: dict[str, Any] = {}

    place = event.data["kecamatan"]

    def work_unit(unit: Unit) -> dict[str, Any]:
        vault = foundation.sealed
        vault.create(unit, report_id, sealed_report)
        for child, person in zip(children, people, strict=True):
            if child.person_id is not None:
                found_by = matching.findable(foundation, report_id, child.age_years, person, place)
                vault.create(unit, child.person_id, person, found_by)
        version = unit.append(report_id, 0, [event])
        kept.update(_document(register, event.data, rules, actor, now, version))
        unit.insert(foundation.database[store.REPORTS], kept)
        return {"report_id": report_id, "number": number}

    answer = foundation.journal.add(work_unit, actor=actor, command=command)
    if answer["report_id"] == report_id:
        return kept
    earlier = store.get(foundation.database, answer["report_id"])
    if earlier is None:
        raise NotHeld(answer["report_id"])
    return earlier


def _first_children(foundation: Foundation, children: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """For each child the id that it has in the first report about it, None where this is the first.

    Raises UnknownChild.
    """
    first: list[str | None] = []
    for place, child in enumerate(children):
        same_as = child.get("same_as")
        known = store.child(foundation.database, same_as) if same_as else None
        if same_as and known is None:
            raise UnknownChild(place, "unknown_child")
        found = None if known is None else str(known.get("first_child_id") or known["child_id"])
        if found is not None and found in first:
            raise UnknownChild(place, "same_child_twice")
        first.append(found)
    return first


def _about_report(report: Mapping[str, Any]) -> dict[str, str]:
    """What identifies somebody in the report as a whole, by the names under which the vault keeps it."""
    found = {
        "reporter_name": report["reporter"].get("name"),
        "reporter_phone": report["reporter"].get("phone"),
        "workplace_name": report["workplace"].get("name"),
        "workplace_address": report["workplace"].get("address"),
        "narrative": report.get("narrative"),
        **{f"transfer_{name}": value for name, value in report["transfer"].items()},
    }
    return {name: value for name, value in found.items() if value}


def received_at(received_on: date, registered_at: datetime) -> datetime:
    """When a report was received: as it was registered, or at noon in WIB of the earlier day that the paper names."""
    if received_on == wib_date(registered_at):
        return registered_at
    return datetime.combine(received_on, time(12), WIB)


def _document(
    register: model.Register,
    data: Mapping[str, Any],
    rules: model.Rules,
    actor: Actor,
    now: datetime,
    version: int,
) -> dict[str, Any]:
    children = [
        kept_child(child, stated, register.work, rules)
        for child, stated in zip(register.children, data["children"], strict=True)
    ]
    return {
        "_id": register.report_id,
        "number": register.report_number,
        "version": version,
        "status": "registered",
        "channel": register.channel,
        "received_on": register.received_on.isoformat(),
        "registered_at": now,
        "registered_by": actor.id,
        "kecamatan": data["kecamatan"],
        "kelurahan": register.kelurahan,
        "work_type": register.work_type,
        "work": {name: list(value) if isinstance(value, tuple) else value for name, value in register.work.items()},
        "severity": data["severity"],
        "anonymous_reporter": register.anonymous_reporter,
        "demonstration": register.demonstration,
        "children": children,
    }


def kept_child(
    child: model.Child, stated: Mapping[str, Any], work: Mapping[str, Any], rules: model.Rules
) -> dict[str, Any]:
    """A child as the report keeps it: as its event states it, with its age and why it is of its class in law."""
    legal = model.classify(model.facts_of(child.age_years, work), rules).legal
    return {
        **stated,
        "age_years": child.age_years,
        "legal_rule": f"{legal.rule}@{legal.version}",
        "legal_citation": legal.citation,
        "missing_facts": list(legal.missing),
        "worst_possible": None if legal.settled else legal.worst,
    }


def identities(
    foundation: Foundation, actor: Actor, report: Mapping[str, Any], purpose: str, basis: str
) -> dict[str, Any]:
    """What identifies the people in a report, as far as it is open to the actor's role, and what is held and `closed`.

    Each subject's opening is audited before anything is returned.

    Raises vault.NotHeld for what was erased, journal.Unavailable.
    """
    vault = foundation.sealed
    of_report = vault.open_readable(actor, report["_id"], purpose, basis)
    of_children = [
        vault.open_readable(actor, child["person_id"], purpose, basis) if _is_held(child) else Opened({}, [])
        for child in report["children"]
    ]
    return {
        "report": of_report.values,
        "children": [each.values for each in of_children],
        "closed": {"report": of_report.closed, "children": [each.closed for each in of_children]},
    }


def _is_held(child: Mapping[str, Any]) -> bool:
    """Whether anything identifies this child: it was known, and not erased."""
    return child["person_id"] is not None and child.get("erased_at") is None
