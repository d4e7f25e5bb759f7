"""The events of cases and their referrals. Words of the workflow definition are terms; the rest are ids and codes."""

from __future__ import annotations

from shared.domain.roles import ROLES
from shared.events.fields import Code, Count, Date, Flag, Id, ListOf, Moment, Number, Part, Term
from shared.validation import Schema


class Deadline(Schema):
    """A deadline that begins: of the case itself, of one referral, or of a report that joined. `late`: it had passed
    when it was entered."""

    name = Term(required=True)
    referral_id = Id("referral", required=True, allow_none=True)
    report_id = Id("report", allow_none=True)
    due_at = Moment(required=True)
    remind_at = Moment(required=True, allow_none=True)
    expires_at = Moment(required=True, allow_none=True)
    late = Flag(required=True)


class Fact(Schema):
    """A fact and its value, both words of the workflow definition."""

    fact = Term(required=True)
    value = Term(required=True)


class CaseOpened(Schema):
    """A case began for one child of a report. `first_child_id`: the id of the child in the first report about it."""

    case_id = Id("case", required=True)
    case_number = Number("K", required=True)
    report_id = Id("report", required=True)
    child_id = Id("child", required=True)
    person_id = Id("person", required=True, allow_none=True)
    received_on = Date(required=True)
    kecamatan = Code("kecamatan", required=True)
    kelurahan = Code("kelurahan", required=True)
    work_type = Code("work_type", required=True)
    sex = Code("sex", required=True)
    age_band = Code("age_band", required=True)
    legal_class = Code("legal_class", required=True)
    statistical_class = Code("statistical_class", required=True)
    severity = Code("severity", required=True)
    screening_due_at = Moment(required=True)
    late = Flag(required=True)
    demonstration = Flag(required=True)
    first_child_id = Id("child")
    workflow = Term()
    workflow_version = Count()
    stage = Term()
    deadlines = ListOf(Part(Deadline))
    channel = Code("channel")


class OfCase(Schema):
    """What every later event says of its case, so that whoever reads it need not have read what came before."""

    case_id = Id("case", required=True)
    case_number = Number("K", required=True)
    kecamatan = Code("kecamatan", required=True)
    severity = Code("severity", required=True)


class Reported(Schema):
    """What a report that joins a case says of the child."""

    severity = Code("severity", required=True)
    age_band = Code("age_band", required=True)
    legal_class = Code("legal_class", required=True)
    statistical_class = Code("statistical_class", required=True)
    kecamatan = Code("kecamatan", required=True)
    work_type = Code("work_type", required=True)
    sex = Code("sex", required=True)


class CaseReportJoined(OfCase):
    """A further report concerns the child of a case that is open; somebody has to read it. It opens no case."""

    report_id = Id("report", required=True)
    child_id = Id("child", required=True)
    person_id = Id("person", required=True, allow_none=True)
    task_id = Id("task", required=True)
    reported = Part(Reported, required=True)
    deadlines = ListOf(Part(Deadline), required=True)


class CaseReportSeparated(OfCase):
    """A report of this case is about another child than its others: one that joined leaves, with what there was to see
    to in it; where it opened the case, the others leave. `first_child_id`: the child that it is about now."""

    report_id = Id("report", required=True)
    child_id = Id("child", required=True)
    first_child_id = Id("child", required=True)


class CaseStepProposed(OfCase):
    """A step waits for a second person."""

    step = Term(required=True)
    facts = ListOf(Part(Fact), required=True)


class CaseStepRejected(OfCase):
    """The second person did not agree, or who proposed the step took it back."""

    step = Term(required=True)


class CaseStepTaken(OfCase):
    """A step was taken, and what it recorded. `on_time`: within the deadline of the stage that it was taken in (null
    where there is none); `ended`: the case is in a last stage now; `forgets`: facts that are no longer true of it;
    `recounted`: deadlines of the stage that have another length by what was recorded, counted from this step."""

    step = Term(required=True)
    facts = ListOf(Part(Fact), required=True)
    from_stage = Term(required=True)
    to_stage = Term(required=True)
    on_time = Flag(required=True, allow_none=True)
    ended = Flag(required=True)
    deadlines = ListOf(Part(Deadline))
    forgets = ListOf(Term())
    recounted = ListOf(Part(Deadline))


class MovedDeadline(Deadline):
    """A deadline counted anew. `phase`: running, reminded, breached, late; `still_since`: null unless it is paused."""

    phase = Term(required=True)
    still_since = Moment(required=True, allow_none=True)


class MovedReferral(Schema):
    """What kind a referral is of in the newer version."""

    referral_id = Id("referral", required=True)
    kind = Term(required=True)


class MovedPause(Schema):
    """A reason for which deadlines stand still, and which they are in the newer version."""

    pause = Term(required=True)
    deadlines = ListOf(Term(), required=True)


class AwaitedStep(Schema):
    """A step that waits for a second person."""

    step = Term(required=True)
    facts = ListOf(Part(Fact), required=True)


class CaseMigrated(OfCase):
    """The case goes on by a newer version of the workflow; all that is said of its way is in the words of that."""

    workflow = Term(required=True)
    from_version = Count(required=True)
    workflow_version = Count(required=True)
    stage = Term(required=True)
    facts = ListOf(Part(Fact), required=True)
    consents = ListOf(Term(), required=True)
    pauses = ListOf(Part(MovedPause), required=True)
    referrals = ListOf(Part(MovedReferral), required=True)
    awaited = Part(AwaitedStep, required=True, allow_none=True)
    deadlines = ListOf(Part(MovedDeadline), required=True)


class CaseCorrected(OfCase):
    """Codes of the case's child were corrected on request; all of them as they are now, `severity` too. What was due
    already stays due when it was."""

    sex = Code("sex", required=True)
    age_band = Code("age_band", required=True)
    legal_class = Code("legal_class", required=True)
    statistical_class = Code("statistical_class", required=True)


class CaseConsent(OfCase):
    """A consent was given, or taken back."""

    consent = Term(required=True)


class CaseClockPaused(OfCase):
    """Deadlines of the case stand still, and why."""

    pause = Term(required=True)
    deadlines = ListOf(Term(), required=True)


class CaseClockResumed(OfCase):
    """Deadlines of the case run on with what was left of them."""

    pause = Term(required=True)
    deadlines = ListOf(Part(Deadline), required=True)


class CaseAssigned(OfCase):
    """A case worker has the case now: the actor, who took it, or one whom a supervisor chose."""

    account_id = Id("account", required=True)


class CasePutBack(OfCase):
    """Nobody has the case now. `account_id` had it; `left`: the account closed, or has another role or other areas."""

    account_id = Id("account", required=True)
    left = Flag(required=True)


class CaseTaskRaised(OfCase):
    """A case worker has something to see to: an agency must be found for a referral."""

    task_id = Id("task", required=True)
    kind = Term(required=True)
    referral_id = Id("referral", required=True)


class CaseTransferReceived(OfCase):
    """Another office has handed the case over to us, and waits for our word that we have it."""

    task_id = Id("task", required=True)


class CaseTaskFinished(OfCase):
    """A task was seen to."""

    task_id = Id("task", required=True)


class CaseDeadlineAtRisk(OfCase):
    """A deadline comes near. Said once."""

    deadline = Term(required=True)
    referral_id = Id("referral", required=True, allow_none=True)
    report_id = Id("report", allow_none=True)
    due_at = Moment(required=True)


class CaseDeadlineBreached(CaseDeadlineAtRisk):
    """A deadline passed, and whom it is escalated to. Said once."""

    escalate_to = ListOf(Code(ROLES), required=True)


class OfReferral(OfCase):
    """What every event of a referral says of it."""

    referral_id = Id("referral", required=True)
    kind = Term(required=True)
    agency_id = Id("agency", required=True)


class ReferralRequested(OfReferral):
    """A service was asked of an agency; it lies in the agency's queue. `tried`: who did not answer."""

    tried = ListOf(Id("agency"), required=True)
    deadlines = ListOf(Part(Deadline), required=True)


class ReferralTaken(OfReferral):
    """A member of the agency took it out of the queue, or put it back."""


class ReferralAccepted(OfReferral):
    """The agency will give the service."""

    deadlines = ListOf(Part(Deadline), required=True)


class ReferralRefused(OfReferral):
    """The agency will not give the service, or it was taken back, and why."""

    reason = Term(required=True)


class ReferralMoved(OfReferral):
    """Nobody answered in time, or the service began."""


class ReferralCompleted(OfReferral):
    """The service ended, and with what outcome."""

    outcome = Term(required=True)


class OfGrant(OfCase):
    """What every event of a grant says of it. Who broke the glass is the actor of its first event."""

    grant_id = Id("grant", required=True)


class GlassBroken(OfGrant):
    """A supervisor broke the glass of a case, why and until when. `alone`: no other supervisor was known."""

    reason = Code("break_glass_reason", required=True)
    ends_at = Moment(required=True)
    alone = Flag(required=True)


class GlassUsed(OfGrant):
    """Identities were opened through the broken glass: so many fields."""

    fields_opened = Count(required=True)


class GlassEnded(OfGrant):
    """Who broke the glass ended it before its hour was over."""


class GlassReviewed(OfGrant):
    """Another supervisor judged it, and how."""

    result = Code("break_glass_result", required=True)
