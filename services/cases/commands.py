"""Carrying out commands on a case: read, decide, append, store, in one unit of work.

It knows no HTTP and no Kafka: pages, API, handlers and the clock use it alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from services.cases import agencies, definitions, lateness, model, people, store
from services.cases.engine import Case, Definition, Event, Refusal, commands, decide, earliest, evolve
from services.cases.engine.refusals import reason
from shared.access import Actor, system_actor
from shared.domain import areas_served, services_given
from shared.domain.working_time import start_of_day, wib_date
from shared.foundation import Foundation
from shared.ids import derived_id, derived_number, new_id
from shared.journal import Command, Unit, VersionConflict
from shared.mongo import Unavailable
from shared.telemetry.logs import get_logger

NUMBER_LETTER = "K"
CLOCK = system_actor("cases.clock")
OPENER = system_actor("cases.worker")
SWEEP = 500
TRANSFER_IN = "transfer_in"
"""The channel by which another office hands its case over to us."""
OF_THE_REPORT = ("report_id", "received_on", "kecamatan", "kelurahan", "work_type", "demonstration", "channel")
CORRECTABLE = ("sex", "age_band", "legal_class", "statistical_class", "severity")
OF_THE_CHILD = ("child_id", "person_id", "sex", "age_band", "legal_class", "statistical_class", "severity")

log = get_logger(__name__)


class Unknown(Exception):
    """There is no such case."""


class Refused(Exception):
    """The command is not possible now; `refusal` has all the reasons."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(", ".join(refusal.codes))
        self.refusal = refusal


@dataclass(frozen=True)
class Order:
    """What somebody asks of a case, in the words of `available`: the command, what it is about, and its details.

    `occurred_on` is a day in WIB; None, or today, means now.
    """

    command: str
    subject: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    agency_id: str = ""
    account_id: str = ""
    reason: str = ""
    outcome: str = ""
    occurred_on: date | None = None


_OTHERS: Mapping[str, Callable[[Order, dict[str, Any]], commands.Command]] = {
    "approve": lambda order, said: commands.Approve(**said),
    "reject": lambda order, said: commands.Reject(**said),
    "give_consent": lambda order, said: commands.GiveConsent(consent=order.subject, **said),
    "withdraw_consent": lambda order, said: commands.WithdrawConsent(consent=order.subject, **said),
    "pause_clock": lambda order, said: commands.PauseClock(pause=order.subject, **said),
    "resume_clock": lambda order, said: commands.ResumeClock(pause=order.subject, **said),
    "finish_task": lambda order, said: commands.FinishTask(task_id=order.subject, **said),
    "take_case": lambda order, said: commands.TakeCase(**said),
    "put_back_case": lambda order, said: commands.PutBackCase(**said),
    "claim": lambda order, said: commands.Claim(referral_id=order.subject, **said),
    "release": lambda order, said: commands.Release(referral_id=order.subject, **said),
    "accept": lambda order, said: commands.Accept(referral_id=order.subject, **said),
    "decline": lambda order, said: commands.Decline(referral_id=order.subject, reason=order.reason, **said),
    "start_service": lambda order, said: commands.StartService(referral_id=order.subject, **said),
    "complete": lambda order, said: commands.Complete(referral_id=order.subject, outcome=order.outcome, **said),
    "revoke": lambda order, said: commands.Revoke(referral_id=order.subject, reason=order.reason, **said),
}
TAKE_STEP, REQUEST, ASSIGN = "take_step", "request_referral", "assign_case"
COMMANDS = (TAKE_STEP, *_OTHERS, REQUEST, ASSIGN)
OF_AN_AGENCY = ("claim", "release", "accept", "decline", "start_service", "complete")
"""What an agency does to a referral that was asked of it."""


def first_child_id(child: Mapping[str, Any]) -> str:
    """The id of a reported child in the first report about it."""
    return str(child.get("first_child_id") or child["child_id"])


def case_ids(report: Mapping[str, Any]) -> list[str]:
    """The ids of the cases of a registered report's children, in their order: a repeated report has the same."""
    return [derived_id("case", report["report_id"], child["child_id"]) for child in report["children"]]


def open_cases(
    unit: Unit,
    report: Mapping[str, Any],
    received_at: datetime,
    now: datetime,
    existing: Set[str],
    open_of: MutableMapping[str, str],
) -> int:
    """Opens a case for each child of a registered report that has none `existing`. Returns how many were opened.

    A child that has an open case (`open_of`: first id of a child -> case, added to here) gets no second one: the report
    joins it.
    """
    opened = 0
    for case_id, child in zip(case_ids(report), report["children"], strict=True):
        if case_id in existing:
            continue
        record = model.Record(
            case_id=case_id,
            case_number=derived_number(NUMBER_LETTER, case_id),
            first_child_id=first_child_id(child),
            **{name: report[name] for name in OF_THE_REPORT},
            **{name: child[name] for name in OF_THE_CHILD},
        )
        if record.first_child_id in open_of:
            _join(unit, open_of[record.first_child_id], record, report["report_number"], received_at, now)
            continue
        opening = commands.Open(
            by=OPENER,
            at=received_at,
            now=now,
            case_id=case_id,
            about=record.about(),
            transferred=record.channel == TRANSFER_IN,
        )
        case = write(unit, record, None, _decided(None, opening))
        store.put(unit, record, None, case, report_number=report["report_number"])
        open_of[record.first_child_id] = case_id
        opened += 1
    return opened


def _join(
    unit: Unit, case_id: str, reported: model.Record, report_number: str, received_at: datetime, now: datetime
) -> None:
    """Lets a report join the open case of its child, once. `reported` is the record of the case that it would open."""
    if store.joined_by(unit, reported.report_id, reported.child_id):
        return
    record, case = load(unit, case_id)
    joining = commands.JoinReport(
        by=OPENER,
        at=received_at,
        now=now,
        report_id=reported.report_id,
        child_id=reported.child_id,
        person_id=reported.person_id,
        about=reported.about(),
        transferred=reported.channel == TRANSFER_IN,
    )
    store.put(unit, record, case, write(unit, record, case, _decided(case, joining)))
    store.join(unit, case_id, model.joined_entry(reported, report_number, received_at))


def separate(
    unit: Unit,
    report: Mapping[str, Any],
    child: Mapping[str, Any],
    received_at: datetime,
    now: datetime,
) -> None:
    """A child of a report is another one than was said: what had joined the case of another leaves it, and gets a case
    of its own or joins the one that its child has. Where the report opened the case, that is its child's alone, and
    what had joined it goes to the child that it named. `report` and `child` are as the report's registering told them,
    but for `first_child_id`. Nothing happens where this is so already.

    Raises Unknown.
    """
    report_id, child_id = report["report_id"], child["child_id"]
    joined = store.joined_by(unit, report_id, child_id)
    record, case = load(unit, joined or derived_id("case", report_id, child_id))
    if record.first_child_id == child_id:
        return
    if joined is not None:
        store.put(unit, record, case, _left(unit, record, case, report_id, child_id, child_id, now))
        store.leave(unit, joined, report_id, child_id)
        open_cases(unit, {**report, "children": [child]}, received_at, now, set(), store.open_of(unit, [child_id]))
        return
    if child_id in store.open_of(unit, [child_id]):
        # A later report about this child overtook this one and has opened a case: two of one child cannot both be open.
        log.warning("separation_overtaken", case=record.case_id, report=report_id)
        return
    former, others = record.first_child_id, store.joined_to(unit, record.case_id)
    after = _left(unit, record, case, report_id, child_id, child_id, now)
    movable = [each for each in others if model.can_open(each)]
    for each in movable:
        after = _left(unit, record, after, each["report_id"], each["child_id"], former, now)
    store.put(unit, replace(record, first_child_id=child_id), case, after)
    for each in movable:
        store.leave(unit, record.case_id, each["report_id"], each["child_id"])
        of_another = model.as_registered(each, former)
        open_cases(unit, of_another, each["received_at"], now, set(), store.open_of(unit, [former]))


def _left(
    unit: Unit, record: model.Record, case: Case, report_id: str, child_id: str, first_child_id: str, now: datetime
) -> Case:
    """The case after a report was found to be about another child than the others of the case."""
    said = {"report_id": report_id, "child_id": child_id, "first_child_id": first_child_id}
    return write(unit, record, case, [Event("case.report_separated", said, now)])


def correct(unit: Unit, report_id: str, child: Mapping[str, Any], now: datetime) -> None:
    """Puts the codes of a corrected child into its case and the referrals of that. Deadlines that run stay as they are;
    those that begin later go by the new codes. Nothing happens where the case has these codes already. Where the report
    joined the case of another they are only kept: that case goes by what its own report says.

    Raises Unknown.
    """
    codes = {name: child[name] for name in CORRECTABLE}
    if store.joined_by(unit, report_id, child["child_id"]):
        store.correct_joined(unit, report_id, child["child_id"], codes)
        return
    record, case = load(unit, derived_id("case", report_id, child["child_id"]))
    corrected = replace(record, **codes)
    if corrected == record:
        return
    after = write(unit, corrected, case, [Event("case.corrected", codes, now)])
    store.put(unit, corrected, case, after, all_referrals=True)


def hand_back(unit: Unit, account_id: str, areas: Sequence[str] | None, now: datetime) -> None:
    """Puts back the cases that an account has and can no longer have: all, or those outside its `areas` (none named:
    the whole city). Nothing happens to cases that were put back already."""
    for case_id in store.had_by(unit, account_id, areas):
        record, case = load(unit, case_id)
        event = Event("case.put_back", {"account_id": account_id, "left": True}, now)
        store.put(unit, record, case, write(unit, record, case, [event]))


def act(
    foundation: Foundation, actor: Actor, case_id: str, version: int, order: Order, command: Command | None
) -> Mapping[str, Any]:
    """Carries out what the actor asks of the case that it knows as `version`. Returns `case_id` and new `version`.

    Raises Unknown, Refused, journal.VersionConflict, journal.KeyReused, journal.Unavailable.
    """
    referral_id = new_id("referral")

    def work(unit: Unit) -> dict[str, Any]:
        record, case = load(unit, case_id)
        if case.version != version:
            raise VersionConflict(case_id, version, case.version)
        after = _carried_out(foundation, unit, actor, record, case, order, referral_id)
        return {"case_id": case_id, "version": after.version}

    reads = [(foundation.database[store.CASES], case_id)]
    if order.agency_id:
        reads.append((foundation.database[agencies.AGENCIES], order.agency_id))
    if order.account_id:
        reads.append((foundation.database[people.ACCOUNTS], order.account_id))
    return foundation.journal.change(work, reads, actor=actor, command=command)


def answer(
    foundation: Foundation,
    actor: Actor,
    referral: Mapping[str, Any],
    version: int,
    order: Order,
    command: Command | None,
) -> Mapping[str, Any]:
    """Carries out what a member of an agency asks of a stored referral (`_id`, `case_id`) that it knows as `version`.
    Returns `referral_id` and `version`.

    Why it is not possible is said before that the version is an old one: whoever claims second is told who was first.
    Raises as `act`.
    """
    referral_id, case_id = referral["_id"], referral["case_id"]

    def work(unit: Unit) -> dict[str, Any]:
        known = unit.read(unit.database[store.REFERRALS], referral_id)
        if known is None:
            raise Unknown
        record, case = load(unit, case_id)
        after = _carried_out(foundation, unit, actor, record, case, order, "")
        if known["version"] != version:
            raise VersionConflict(referral_id, version, known["version"])
        return {"referral_id": referral_id, "version": after.version}

    reads = [(foundation.database[store.REFERRALS], referral_id), (foundation.database[store.CASES], case_id)]
    return foundation.journal.change(work, reads, actor=actor, command=command)


def sweep(foundation: Foundation, limit: int = SWEEP) -> int:
    """Says what is due: at risk, breached, expired, each once however often this runs. Returns in how many cases.

    Late or overlapping runs do no harm: each case is decided anew in its own unit of work. One that cannot be decided
    on is told in the log and noted as a failure, stays due, and shows on the work pages and in the metrics. A run tries
    up to `limit` others before those at which it has failed, and up to `limit` of these.
    """
    said = 0
    failing = lateness.failing(foundation.database)
    for case_id in store.due(foundation.database, foundation.clock(), limit, failing):

        def work(unit: Unit, case_id: str = case_id) -> dict[str, Any]:
            record, case = load(unit, case_id)
            now = foundation.clock()
            definition = definitions.of(case.definition)
            events = _decided(case, agencies.tick(unit, definition, case, record.kecamatan, CLOCK, now))
            if events:
                agencies.count_asked(unit, events)
                store.put(unit, record, case, write(unit, record, case, events))
            return {"said": bool(events)}

        try:
            happened = foundation.journal.run(work, actor=CLOCK)["said"]
        except VersionConflict:
            log.info("deadline_decided_elsewhere", case=case_id)
            continue
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a case that cannot be decided on keeps no other waiting
            log.error("deadline_failed", case=case_id, error=type(error).__name__)
            lateness.note_failure(foundation.database, case_id, type(error).__name__, foundation.clock())
            continue
        if case_id in failing:
            lateness.forget_failure(foundation.database, case_id)
        said += happened
    if said:
        log.info("deadlines_said", cases=said)
    return said


def _carried_out(
    foundation: Foundation, unit: Unit, actor: Actor, record: model.Record, case: Case, order: Order, referral_id: str
) -> Case:
    now = foundation.clock()
    asked = _command(unit, definitions.of(case.definition), order, {"by": actor, "at": now, "now": now}, referral_id)
    command = _dated(case, asked, order.occurred_on)
    events = _decided(case, command)
    agencies.count_asked(unit, events)
    people.note(unit, events, actor)
    after = write(unit, record, case, events)
    store.put(unit, record, case, after)
    return after


def _command(
    unit: Unit, definition: Definition, order: Order, said: dict[str, Any], referral_id: str
) -> commands.Command:
    if order.command == TAKE_STEP:
        step = definition.steps.get(order.subject)
        works_for = agencies.works_for_now(unit, said["by"]) if step and step.agency_kinds else None
        return commands.TakeStep(step=order.subject, facts=order.facts, works_for=works_for, **said)
    if order.command == ASSIGN:
        account = unit.read(unit.database[people.ACCOUNTS], order.account_id)
        if account is None or not people.can_have(account):
            raise Refused(Refusal((reason("no_case_worker"),)))
        return commands.AssignCase(to=people.actor(account), **said)
    if order.command != REQUEST:
        return _OTHERS[order.command](order, said)
    agency = unit.read(unit.database[agencies.AGENCIES], order.agency_id)
    if agency is None or not agency["active"]:
        raise Refused(Refusal((reason("unknown_agency"),)))
    return commands.RequestReferral(
        referral_id=referral_id,
        kind=order.subject,
        agency_id=agency["_id"],
        agency_kind=agency["kind"],
        agency_services=services_given(agency),
        agency_areas=areas_served(agency),
        **said,
    )


def _dated(case: Case, command: commands.Command, day: date | None) -> commands.Command:
    """The command at the moment that a day stands for: now for today, otherwise its beginning; and on the day on which
    the case was opened, or what the command follows happened, the moment of that."""
    if day is None or day == wib_date(command.now):
        return command
    at = start_of_day(day)
    for known in (case.opened_at, earliest(definitions.of(case.definition), case, command)):
        if day == wib_date(known):
            at = known
    return replace(command, at=at)


def _decided(case: Case | None, command: commands.Command) -> tuple[Event, ...]:
    definition = definitions.current() if case is None else definitions.of(case.definition)
    decision = decide(definition, case, command)
    if isinstance(decision, Refusal):
        raise Refused(decision)
    return decision


def write(unit: Unit, record: model.Record, case: Case | None, events: Iterable[Event]) -> Case:
    """Appends events, and returns the case after them."""
    for event in events:
        version = 0 if case is None else case.version
        definition = definitions.after(case, event)
        unit.append(record.case_id, version, [model.published(definition, record, case, event)])
        case = evolve(definition, case, event)
    if case is None:
        raise Unknown
    return case


def load(unit: Unit, case_id: str) -> tuple[model.Record, Case]:
    """A case as it is stored. Raises Unknown."""
    found = unit.read(unit.database[store.CASES], case_id)
    if found is None:
        raise Unknown
    return store.read(unit.database, found, unit.session)
