"""The words of cases that do not stand in a template: why a command is not possible, and what commands are called."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext

from services.cases.engine import Definition
from services.cases.engine.definition import OF_REPORT
from services.cases.engine.refusals import Reason
from shared.web.formats import format_datetime
from shared.web.labels import ROLE_NAMES, in_language, label
from shared.web.language import N_

#: Why something is not possible, by the code of the reason.
REASONS = {
    "wrong_role": N_("This is for others: %(needed)s."),
    "wrong_office": N_("This step is for people of other agencies: %(needed)s."),
    "wrong_stage": N_("Not in the stage that the case is in: %(stage)s."),
    "awaits_approval": N_("A second person has to decide on this first: %(step)s."),
    "nothing_awaited": N_("Nothing waits for a second person."),
    "own_proposal": N_("Nobody agrees to their own proposal. Ask a colleague."),
    "no_consent": N_("This consent is not recorded: %(consent)s."),
    "consent_given": N_("This consent is recorded already: %(consent)s."),
    "not_fulfilled": N_("A condition is not fulfilled: %(condition)s."),
    "unknown_step": N_("There is no such step."),
    "unknown_consent": N_("There is no such consent."),
    "unknown_pause": N_("There is no such reason for a pause."),
    "unknown_task": N_("There is no such task any more."),
    "unknown_kind": N_("There is no such kind of referral."),
    "unknown_agency": N_("Choose an agency that is active."),
    "unknown_referral": N_("There is no such referral in this case."),
    "unknown_reason": N_("Choose a reason."),
    "unknown_outcome": N_("Choose an outcome."),
    "paused_already": N_("The clock stands still for this reason already."),
    "not_paused": N_("The clock does not stand still for this reason."),
    "wrong_agency": N_("This is for the agency that was asked."),
    "wrong_agency_kind": N_("This kind of agency does not give this service. Possible: %(needed)s."),
    "service_not_given": N_("This agency does not give this service: %(service)s."),
    "place_not_served": N_("This agency does not serve this area: %(kecamatan)s."),
    "wrong_state": N_("Not in the state that the referral is in: %(state)s."),
    "claimed_already": N_("You have taken it already."),
    "claimed_by_another": N_("A colleague has taken it already."),
    "not_claimed": N_("Nobody has taken it."),
    "referral_exists": N_("This referral exists already."),
    "asked_already": N_("This agency has been asked for this service already, and the referral is open."),
    "taken_already": N_("You have this case already."),
    "taken_by_another": N_("A colleague has this case. Take it over first."),
    "nobody_has_it": N_("Nobody has this case."),
    "no_case_worker": N_("Choose a case worker whose account is open."),
    "assigned_already": N_("This case worker has the case already."),
    "not_your_area": N_("You do not work in this kecamatan: %(kecamatan)s."),
    "not_their_area": N_("This case worker does not work in this kecamatan: %(kecamatan)s."),
    "fact_missing": N_("Say this: %(fact)s."),
    "fact_not_asked": N_("This step does not record it."),
    "fact_unknown_value": N_("Choose one of the values."),
    "report_unread": N_("A further report about this child has not been read. Read it, and mark it as seen to."),
    "open_elsewhere": N_("Another case of this child is open. There is at most one."),
    "in_the_future": N_("The date may not be in the future."),
    "before_opening": N_("The date may not lie before the report was received."),
    "before_what_it_follows": N_("The date may not lie before what this follows: %(since)s."),
}

#: Why the identities of a case are closed to somebody who may open those of others.
CLOSED = {
    "glass_closed": N_("Nothing in this case waits for you, so its identities are closed to you. See break-glass."),
    "elsewhere": N_("This case is of a kecamatan in which you do not work, so its identities are closed to you."),
    "taken_by_another": N_(
        "%(who)s has this case, so its identities are closed to you. If you stand in for them, take it over; that is "
        "recorded."
    ),
}

#: Why the glass is not broken, not shut or not reviewed.
GLASS = {
    "open_anyway": N_("Something in this case waits for you, so its identities are open to you without this."),
    "open_already": N_("You have broken the glass of this case, and it is still open."),
    "shut_already": N_("It is shut already."),
    "still_open": N_("It is still open. It can be reviewed once it is shut."),
    "reviewed_already": N_("It has been reviewed already."),
    "own_grant": N_("Nobody reviews their own break-glass. Another supervisor does."),
}

#: The states of a grant of break-glass.
GLASS_STATES = {
    "open": (N_("Open now"), "danger"),
    "to_review": (N_("Waits for review"), "warning"),
    "reviewed": (N_("Reviewed"), "good"),
}

#: A condition that people meet often, in their words.
NO_OPEN_REFERRAL = N_("Referrals are still open. They must be completed or revoked first.")

#: Reasons that are about one field of what was sent.
FIELDS = {
    "in_the_future": "occurred_on",
    "before_opening": "occurred_on",
    "before_what_it_follows": "occurred_on",
    "unknown_agency": "agency_id",
    "wrong_agency_kind": "agency_id",
    "service_not_given": "agency_id",
    "place_not_served": "agency_id",
    "asked_already": "agency_id",
    "no_case_worker": "account_id",
    "assigned_already": "account_id",
    "not_their_area": "account_id",
    "unknown_reason": "reason",
    "unknown_outcome": "outcome",
    "unknown_step": "subject",
    "unknown_consent": "subject",
    "unknown_pause": "subject",
    "unknown_task": "subject",
    "unknown_kind": "subject",
    "unknown_referral": "subject",
}
OF_FACTS = ("fact_missing", "fact_not_asked", "fact_unknown_value")
#: Reasons that concern who asks.
OF_THE_ACTOR = ("wrong_role", "wrong_office", "wrong_agency", "own_proposal", "not_your_area")

#: What a command is called, but for a step, which has a name of its own; %(name)s is what it is about.
COMMANDS = {
    "approve": N_("Agree: %(name)s"),
    "reject": N_("Do not agree: %(name)s"),
    "give_consent": N_("Record: %(name)s"),
    "withdraw_consent": N_("Record as withdrawn: %(name)s"),
    "request_referral": N_("Refer: %(name)s"),
    "claim": N_("Take over"),
    "release": N_("Put back into the queue"),
    "accept": N_("Accept"),
    "decline": N_("Decline"),
    "start_service": N_("Record the beginning of the service"),
    "complete": N_("Record the end of the service"),
    "revoke": N_("Take back the referral: %(name)s"),
    "pause_clock": N_("Let the clock stand still: %(name)s"),
    "resume_clock": N_("Let the clock run on: %(name)s"),
    "finish_task": N_("Mark as seen to: %(name)s"),
    "take_case": N_("Take this case"),
    "put_back_case": N_("Put this case back"),
    "assign_case": N_("Assign this case"),
}

#: Commands that a page shows together, in this order.
GROUPS = (
    (N_("Steps"), ("approve", "reject", "finish_task", "take_step")),
    (N_("Referrals"), ("request_referral", "revoke")),
    (N_("Consents"), ("give_consent", "withdraw_consent")),
    (N_("Deadlines"), ("pause_clock", "resume_clock")),
    (N_("Whose case it is"), ("take_case", "put_back_case", "assign_case")),
)

STATES = {
    "requested": (N_("Waits for an answer"), "warning"),
    "accepted": (N_("Accepted"), "information"),
    "in_service": (N_("Service began"), "information"),
    "completed": (N_("Completed"), "good"),
    "declined": (N_("Declined"), "danger"),
    "expired": (N_("Not answered in time"), "danger"),
    "revoked": (N_("Taken back"), "neutral"),
}

TASKS = {
    "find_agency": N_("Find another agency"),
    "read_report": N_("Read the further report and judge the risk anew"),
    "confirm_transfer": N_("Tell the other office that we have the case"),
}
NEW_REPORT = N_("A further report: %(name)s")
RESPONSE, SERVICE = N_("Answer: %(name)s"), N_("Service: %(name)s")

#: An event in a history; %(name)s is the step, consent, referral or deadline that it is about.
EVENTS = {
    "case.opened": N_("Case opened"),
    "case.report_joined": N_("A further report about the child joined this case"),
    "case.report_separated": N_("A report was found to be about another child"),
    "case.migrated": N_("The case goes on by a newer version of the workflow"),
    "case.step_proposed": N_("Proposed: %(name)s"),
    "case.step_rejected": N_("Not agreed: %(name)s"),
    "case.consent_given": N_("Recorded: %(name)s"),
    "case.consent_withdrawn": N_("Withdrawn: %(name)s"),
    "case.corrected": N_("What is known of the child was corrected on request"),
    "case.clock_paused": N_("The clock stands still: %(name)s"),
    "case.clock_resumed": N_("The clock runs on: %(name)s"),
    "case.transfer_received": N_("Handed over to us by another office, which waits for our word that we have it"),
    "case.assigned": N_("%(who)s has the case now"),
    "case.put_back": N_("%(who)s put the case back, or it was taken from them"),
    "case.left": N_("%(who)s can have the case no longer: account closed, or another role or area"),
    "case.task_raised": N_("To see to: find another agency"),
    "case.task_finished": N_("A task was seen to"),
    "case.deadline_at_risk": N_("The deadline comes near: %(name)s"),
    "case.deadline_breached": N_("The deadline passed: %(name)s"),
    "referral.requested": N_("Referred: %(name)s"),
    "referral.claimed": N_("Taken over by the agency: %(name)s"),
    "referral.released": N_("Put back into the agency's queue: %(name)s"),
    "referral.accepted": N_("Accepted: %(name)s"),
    "referral.declined": N_("Declined: %(name)s"),
    "referral.expired": N_("Not answered in time: %(name)s"),
    "referral.service_started": N_("Service began: %(name)s"),
    "referral.completed": N_("Service ended: %(name)s"),
    "referral.revoked": N_("Taken back: %(name)s"),
}


def closed(code: str, **about: str) -> str:
    """Why the identities of a case are closed."""
    return gettext(CLOSED[code], **about)


def glass(code: str) -> str:
    """Why the glass is not broken, not shut or not reviewed."""
    return gettext(GLASS[code])


def named(names: Mapping[str, str] | None, code: str) -> str:
    """A name of the definition in the language of the page; the code where there is none."""
    return in_language(names["id"], names["en"]) if names else code


def fact_value(definition: Definition, fact: str, value: str) -> str:
    """What a value of a fact is called."""
    known = definition.facts.get(fact)
    return named(known.labels.get(value) if known else None, value)


def deadline(definition: Definition, name: str) -> str:
    """What a deadline is called: a stage's own name, the answer or service of a kind of referral, or a report's that
    joined."""
    what, _, kind = name.partition(":")
    if what == OF_REPORT:
        return gettext(NEW_REPORT, name=deadline(definition, kind))
    if kind:
        referral = definition.referrals.get(kind)
        words = RESPONSE if what == "response" else SERVICE
        return gettext(words, name=named(referral.names if referral else None, kind))
    rule = definition.deadlines.get(name)
    return named(rule.names if rule else None, name)


def subject(definition: Definition, case: Mapping[str, Any], command: str, about: str) -> str:
    """What a command of `available` is about, in words."""
    if command == "take_step":
        return named(definition.steps[about].names, about)
    if command in ("approve", "reject"):
        awaited = case["awaited"]
        return named(definition.steps[awaited["step"]].names, "") if awaited else ""
    if command in ("give_consent", "withdraw_consent"):
        return named(definition.consents[about], about)
    if command in ("pause_clock", "resume_clock"):
        return named(definition.pauses[about].names, about)
    if command == "request_referral":
        return named(definition.referrals[about].names, about)
    if command in ("take_case", "put_back_case", "assign_case"):
        return ""
    if command == "finish_task":
        kind = next((task["kind"] for task in case["tasks"] if task["task_id"] == about), "")
        return gettext(TASKS[kind]) if kind in TASKS else kind
    kind = next((each["kind"] for each in case["referrals"] if each["referral_id"] == about), "")
    return named(definition.referrals[kind].names, kind) if kind in definition.referrals else kind


def command(definition: Definition, case: Mapping[str, Any], name: str, about: str) -> str:
    """A command of `available` in words."""
    named_subject = subject(definition, case, name, about)
    words = COMMANDS.get(name)
    return gettext(words, name=named_subject) if words else named_subject


def reason(definition: Definition, found: Reason) -> str:
    """A reason in words."""
    about = dict(found.about)
    if found.code == "not_fulfilled" and about.get("condition") == "size(referrals) == 0":
        return gettext(NO_OPEN_REFERRAL)
    if "stage" in about:
        about["stage"] = named(definition.stages[about["stage"]].names, about["stage"])
    if "step" in about and about["step"] in definition.steps:
        about["step"] = named(definition.steps[about["step"]].names, about["step"])
    if about.get("consent") in definition.consents:
        about["consent"] = named(definition.consents[about["consent"]], about["consent"])
    if about.get("fact") in definition.facts:
        about["fact"] = named(definition.facts[about["fact"]].names, about["fact"])
    if "state" in about:
        words, _ = STATES[about["state"]]
        about["state"] = gettext(words)
    if "since" in about:
        about["since"] = format_datetime(datetime.fromisoformat(about["since"]))
    if "service" in about:
        about["service"] = label("service_kind", about["service"])
    if "kecamatan" in about:
        about["kecamatan"] = label("kecamatan", about["kecamatan"])
    if "needed" in about:
        about["needed"] = ", ".join(_needed(found.code, code) for code in about["needed"].split(", "))
    return gettext(REASONS[found.code], **about)


def _needed(code: str, needed: str) -> str:
    return gettext(ROLE_NAMES[needed]) if code == "wrong_role" else label("agency_kind", needed)


def event(definition: Definition, entry: Mapping[str, Any], people: Mapping[str, str]) -> str:
    """An entry of a history in words. `people` are the names of the accounts that had the case."""
    data = entry["data"]
    name = ""
    if "account_id" in data:
        what = "case.left" if data.get("left") else entry["type"]
        return gettext(EVENTS[what], who=people[data["account_id"]])
    if "step" in data:
        name = named(definition.steps[data["step"]].names, data["step"]) if data["step"] in definition.steps else ""
    elif "consent" in data:
        name = named(definition.consents.get(data["consent"]), data["consent"])
    elif "pause" in data:
        pause = definition.pauses.get(data["pause"])
        name = named(pause.names if pause else None, data["pause"])
    elif entry["type"].startswith("referral."):
        kind = definition.referrals.get(data["kind"])
        name = named(kind.names if kind else None, data["kind"])
    elif "deadline" in data:
        name = deadline(definition, data["deadline"])
    words = EVENTS.get(entry["type"])
    return gettext(words, name=name) if words else name


def event_detail(definition: Definition, entry: Mapping[str, Any]) -> str:
    """What an entry of a history says besides: the facts that were recorded, the reason, the outcome."""
    data = entry["data"]
    told = [fact_value(definition, each["fact"], each["value"]) for each in data.get("facts", ())]
    kind = definition.referrals.get(data.get("kind", ""))
    if "outcome" in data and kind is not None:
        told.append(named(kind.outcomes.get(data["outcome"]), data["outcome"]))
    if "reason" in data:
        told.append(reason_name(definition, data["reason"]))
    return ", ".join(told)


def reason_name(definition: Definition, code: str) -> str:
    """What a reason for declining or taking back a referral is called."""
    if code == "consent_withdrawn":
        return gettext("The consent was withdrawn")
    return named(definition.decline_reasons.get(code) or definition.revoke_reasons.get(code), code)
