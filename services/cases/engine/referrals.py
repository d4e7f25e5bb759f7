"""The life of a referral inside its case: requested to an agency's queue, claimed, accepted, in service, completed;
or declined, expired and asked of the next agency, revoked. One decision sees all referrals of the case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from services.cases.engine import deadlines
from services.cases.engine.commands import (
    Accept,
    Claim,
    Command,
    Complete,
    Decline,
    OnReferral,
    Release,
    RequestReferral,
    Revoke,
    StartService,
    Tick,
)
from services.cases.engine.definition import Definition, ReferralKind
from services.cases.engine.refusals import Reason, reason
from services.cases.engine.state import ACCEPTED, IN_SERVICE, OPEN, REQUESTED, Case, Event
from shared.ids import derived_id

FIND_AGENCY = "find_agency"
WITHDRAWN = "consent_withdrawn"
FROM = {
    Claim: (REQUESTED,),
    Release: (REQUESTED,),
    Accept: (REQUESTED,),
    Decline: (REQUESTED,),
    StartService: (ACCEPTED,),
    Complete: (IN_SERVICE,),
    Revoke: OPEN,
}
"""The states in which a referral takes a command."""


def situation(definition: Definition, case: Case, command: RequestReferral | OnReferral) -> Iterator[Reason]:
    """Why such a command is not possible now."""
    if isinstance(command, RequestReferral):
        yield from _request_situation(definition, case, command)
        return
    referral = case.referrals.get(command.referral_id)
    if referral is None:
        yield reason("unknown_referral")
        return
    if isinstance(command, Revoke):
        if command.by.role not in definition.managed_by:
            yield reason("wrong_role", needed=", ".join(definition.managed_by))
    elif command.by.role not in definition.answered_by or command.by.agency_id != referral.agency_id:
        yield reason("wrong_agency")
    if referral.state not in FROM[type(command)]:
        yield reason("wrong_state", state=referral.state)
    elif isinstance(command, Release) and referral.claimed_by is None:
        yield reason("not_claimed")
    elif isinstance(command, Claim) and referral.claimed_by == command.by.id:
        yield reason("claimed_already")
    elif not isinstance(command, Revoke) and referral.claimed_by not in (None, command.by.id):
        yield reason("claimed_by_another", who=str(referral.claimed_by))


def details(definition: Definition, case: Case, command: RequestReferral | OnReferral) -> Iterable[Reason]:
    """What is wrong with what a command says."""
    match command:
        case Claim() | Accept() | StartService():
            return ()
        case RequestReferral():
            return _request_details(definition, case, command)
        case Decline() if command.reason not in definition.decline_reasons:
            return [reason("unknown_reason")]
        case Revoke() if command.reason not in definition.revoke_reasons:
            return [reason("unknown_reason")]
        case Complete():
            referral = case.referrals.get(command.referral_id)
            if referral is not None and command.outcome not in definition.referrals[referral.kind].outcomes:
                return [reason("unknown_outcome")]
    return ()


def events(definition: Definition, case: Case, command: RequestReferral | OnReferral) -> Iterator[Event]:
    """What a possible command makes happen."""
    if isinstance(command, RequestReferral):
        yield _requested(definition, case, command.kind, command.referral_id, command.agency_id, (), command)
        return
    data: dict[str, Any] = {"referral_id": command.referral_id, "by": command.by.id}
    match command:
        case Claim():
            yield Event("referral.claimed", data, command.at)
        case Release():
            yield Event("referral.released", data, command.at)
        case Accept():
            kind = definition.referrals[case.referrals[command.referral_id].kind]
            begun = deadlines.of_referral(kind.service, command.referral_id, _known(case), command.at, command.now)
            yield Event("referral.accepted", {**data, "deadlines": deadlines.written(begun)}, command.at)
        case Decline():
            yield Event("referral.declined", {**data, "reason": command.reason}, command.at)
            yield _task(command.referral_id, command.at)
        case StartService():
            yield Event("referral.service_started", data, command.at)
        case Complete():
            yield Event("referral.completed", {**data, "outcome": command.outcome}, command.at)
        case Revoke():
            yield Event("referral.revoked", {**data, "reason": command.reason}, command.at)


def without_consent(definition: Definition, case: Case, consent: str, at: datetime) -> Iterator[Event]:
    """What the withdrawal of a consent does to the referrals that rest on it: they are revoked."""
    for referral in case.open_referrals():
        if consent in definition.referrals[referral.kind].consents:
            data = {"referral_id": referral.referral_id, "by": "", "reason": WITHDRAWN}
            yield Event("referral.revoked", data, at)


def expired(definition: Definition, case: Case, referral_id: str, command: Tick) -> Iterator[Event]:
    """A referral that nobody answered ends; the next suitable agency is asked, or a case worker has to find one."""
    referral = case.referrals[referral_id]
    kind = definition.referrals[referral.kind]
    yield Event("referral.expired", {"referral_id": referral_id}, command.now)
    tried = (*referral.tried, referral.agency_id)
    busy = {each.agency_id for each in case.open_referrals() if each.kind == referral.kind}
    possible = (each for each in command.suitable.get(referral_id, ()) if each not in (*tried, *busy))
    following = next((each for each in possible if _has_room(case, each, command)), None)
    if following is not None and not _missing(case, kind) and case.stage in kind.stages:
        new_id = derived_id("referral", referral_id, "next")
        yield _requested(definition, case, referral.kind, new_id, following, tried, command)
    else:
        yield _task(referral_id, command.now)


def _request_situation(definition: Definition, case: Case, command: RequestReferral) -> Iterator[Reason]:
    if command.by.role not in definition.managed_by:
        yield reason("wrong_role", needed=", ".join(definition.managed_by))
    kind = definition.referrals.get(command.kind)
    if kind is None:
        yield reason("unknown_kind", kind=command.kind)
        return
    if case.stage not in kind.stages:
        yield reason("wrong_stage", stage=case.stage)
    for consent in _missing(case, kind):
        yield reason("no_consent", consent=consent)


def _request_details(definition: Definition, case: Case, command: RequestReferral) -> Iterator[Reason]:
    kind = definition.referrals.get(command.kind)
    if kind is not None:
        yield from _unsuitable(kind, case, command)
    if command.referral_id in case.referrals:
        yield reason("referral_exists")
    if any(each.kind == command.kind and each.agency_id == command.agency_id for each in case.open_referrals()):
        yield reason("asked_already")


def _unsuitable(kind: ReferralKind, case: Case, command: RequestReferral) -> Iterator[Reason]:
    """Why this agency is not asked for this service in this place. Whether it has room is for who asks to weigh."""
    services = command.agency_services
    if command.agency_kind not in kind.agency_kinds:
        yield reason("wrong_agency_kind", needed=", ".join(kind.agency_kinds))
    elif services is not None and kind.service_kind not in (None, *services):
        yield reason("service_not_given", service=str(kind.service_kind))
    place = case.about.get("kecamatan", "")
    if command.agency_areas and place not in command.agency_areas:
        yield reason("place_not_served", kecamatan=place)


def _has_room(case: Case, agency_id: str, tick: Tick) -> bool:
    """Whether an agency takes one more, with what this case has asked of it by now: two that expire together do not
    both take its last place."""
    own = sum(1 for each in case.open_referrals() if each.agency_id == agency_id)
    return agency_id not in tick.room or own < tick.room[agency_id]


def _missing(case: Case, kind: ReferralKind) -> list[str]:
    return [consent for consent in kind.consents if consent not in case.consents]


def _requested(
    definition: Definition,
    case: Case,
    kind: str,
    referral_id: str,
    agency_id: str,
    tried: tuple[str, ...],
    command: Command,
) -> Event:
    rule = definition.referrals[kind].response
    begun = deadlines.of_referral(rule, referral_id, _known(case), command.at, command.now)
    data = {
        "referral_id": referral_id,
        "kind": kind,
        "agency_id": agency_id,
        "tried": list(tried),
        "deadlines": deadlines.written(begun),
    }
    return Event("referral.requested", data, command.at)


def _task(referral_id: str, at: datetime) -> Event:
    data = {"task_id": derived_id("task", referral_id, FIND_AGENCY), "kind": FIND_AGENCY, "subject": referral_id}
    return Event("case.task_raised", data, at)


def _known(case: Case) -> dict[str, str]:
    return {**case.about, **case.facts}
