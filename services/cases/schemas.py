"""What crosses the wire of cases: cases and referrals without identities, their queues, what can be asked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask_babel import gettext
from marshmallow import Schema, ValidationError, fields, post_load, validate

from services.cases import commands, definitions, glass
from services.cases.engine import Definition
from services.cases.engine.state import ENDED, OPEN
from shared import domain
from shared.web.paging import Page, Paged

TERM = validate.Regexp(r"[a-z][a-z0-9_]{0,39}\Z")
SUBJECT = validate.Regexp(r"([a-z][a-z0-9_]{0,39}|(referral|task)-[0-9a-f]{32})?\Z")
ACCOUNT = r"account-[0-9a-f]{32}"
AGENCY = validate.Regexp(r"agency-[0-9a-f]{32}\Z")


def one_of(kind: str, **options: Any) -> fields.String:
    """A code of a list of `shared.domain`."""
    return fields.String(validate=validate.OneOf(list(domain.codes(kind))), **options)


class WordOfTheWorkflow(validate.Validator):
    """A word of any version that this city has now, for one may come while this runs. Whether a case's own version has
    the word, its engine says."""

    def __init__(self, words: Callable[[Definition], Iterable[str]], may_be_left_out: bool = False) -> None:
        self._words = words
        self._may_be_left_out = may_be_left_out

    def all(self) -> list[str]:
        """The words, those of the newest version first, each once; "" stands for none, where that is possible."""
        words = dict.fromkeys(word for version in definitions.newest_first() for word in self._words(version))
        return [*words, ""] if self._may_be_left_out else list(words)

    def __call__(self, value: str) -> str:
        if value not in self.all():
            raise ValidationError(gettext("Must be one of: {choices}.").format(choices=", ".join(self.all())))
        return value


def word(words: Callable[[Definition], Iterable[str]]) -> fields.String:
    """A word of the workflow, or none."""
    known = WordOfTheWorkflow(words, may_be_left_out=True)
    return fields.String(validate=known, metadata={"enum": known.all()}, load_default="")


def stage(**options: Any) -> fields.String:
    """A stage of the workflow."""
    known = WordOfTheWorkflow(lambda workflow: workflow.stages)
    return fields.String(validate=known, metadata={"enum": known.all()}, **options)


class _Ordered(Schema):
    """`occurred_on` dates the command back to a day in WIB; absent means now."""

    occurred_on = fields.Date(format="iso", load_default=None, allow_none=True)

    @post_load
    def as_order(self, data: dict[str, Any], **_: Any) -> commands.Order:
        """What is asked, as commands.py takes it."""
        return commands.Order(**data)


class Order(_Ordered):
    """One command of `available`, with its details.

    `take_step` needs `facts`, `request_referral` needs `agency_id`, `revoke` needs `reason`, `assign_case` needs
    `account_id`.
    """

    command = fields.String(
        required=True,
        validate=validate.OneOf([each for each in commands.COMMANDS if each not in commands.OF_AN_AGENCY]),
    )
    subject = fields.String(load_default="", validate=SUBJECT)
    facts = fields.Dict(keys=fields.String(validate=TERM), values=fields.String(validate=TERM), load_default=dict)
    agency_id = fields.String(load_default="", validate=AGENCY)
    account_id = fields.String(load_default="", validate=validate.Regexp(rf"{ACCOUNT}\Z"))
    reason = word(lambda workflow: workflow.revoke_reasons)


class AgencyOrder(_Ordered):
    """One command of an agency on its referral. `decline` needs `reason`, `complete` needs `outcome`."""

    command = fields.String(required=True, validate=validate.OneOf(commands.OF_AN_AGENCY))
    reason = word(lambda workflow: workflow.decline_reasons)
    outcome = word(lambda workflow: [code for kind in workflow.referrals.values() for code in kind.outcomes])


class Reason(Schema):
    """Why a command is not possible now."""

    code = fields.String(required=True)
    message = fields.String(required=True)


class Possible(Schema):
    """A command, what it is about, and what stands in your way: nothing if you can give it now."""

    command = fields.String(required=True)
    subject = fields.String(required=True)
    name = fields.String(required=True)
    possible = fields.Boolean(required=True)
    reasons = fields.List(fields.Nested(Reason), required=True)


class Available(Schema):
    """Every command that there is for a case or a referral, in the workflow's order."""

    items = fields.List(fields.Nested(Possible), required=True)


class Deadline(Schema):
    """A deadline that runs, of the case, a referral, or a report that joined.

    `phase`: running, reminded, breached, late (it had passed when it was entered), paused.
    """

    name = fields.String(required=True)
    referral_id = fields.String(required=True, allow_none=True)
    report_id = fields.String(required=True, allow_none=True)
    due_at = fields.AwareDateTime(required=True)
    phase = fields.String(required=True)


class CaseReferral(Schema):
    """A referral as its case shows it."""

    referral_id = fields.String(required=True)
    kind = fields.String(required=True)
    agency_id = fields.String(required=True)
    state = fields.String(required=True)
    claimed_by = fields.String(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)


class Awaited(Schema):
    """A step that waits for a second person, and who proposed it."""

    step = fields.String(required=True)
    facts = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    by = fields.String(required=True)
    at = fields.AwareDateTime(required=True)


class Task(Schema):
    """Something that a case worker has to see to."""

    task_id = fields.String(required=True)
    kind = fields.String(required=True)
    referral_id = fields.String(required=True, allow_none=True)
    report_id = fields.String(required=True, allow_none=True)


class JoinedReport(Schema):
    """A further report about the child, which joined the case."""

    report_id = fields.String(required=True)
    report_number = fields.String(required=True)
    child_id = fields.String(required=True)
    received_on = fields.String(required=True, metadata={"format": "date"})


class Case(Schema):
    """A case, without what identifies anybody. `due_at` is its nearest deadline, `assigned_to` the account that has it,
    `left_by` one that had it and can no longer."""

    case_id = fields.String(required=True)
    case_number = fields.String(required=True)
    report_id = fields.String(required=True)
    report_number = fields.String(required=True)
    joined = fields.List(fields.Nested(JoinedReport), required=True)
    workflow = fields.String(required=True)
    stage = stage(required=True)
    channel = fields.String(allow_none=True)
    received_on = fields.String(required=True, metadata={"format": "date"})
    kecamatan = fields.String(required=True)
    kelurahan = fields.String(required=True)
    work_type = fields.String(required=True)
    sex = fields.String(required=True)
    age_band = fields.String(required=True)
    legal_class = fields.String(required=True)
    statistical_class = fields.String(required=True)
    severity = fields.String(required=True)
    facts = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    consents = fields.List(fields.String(), required=True)
    referrals = fields.List(fields.Nested(CaseReferral), required=True)
    deadlines = fields.List(fields.Nested(Deadline), required=True)
    pauses = fields.List(fields.String(), required=True)
    awaited = fields.Nested(Awaited, required=True, allow_none=True)
    tasks = fields.List(fields.Nested(Task), required=True)
    assigned_to = fields.String(required=True, allow_none=True)
    left_by = fields.String(required=True, allow_none=True)
    due_at = fields.AwareDateTime(required=True, allow_none=True)
    overdue = fields.Boolean(required=True)
    demonstration = fields.Boolean(required=True)
    version = fields.Integer(required=True)


class Queue(Paged):
    """Which cases, and which page of them. `awaiting`: those in which a step waits for a second person. `waits_for_me`:
    those in which a task, a decision or a deadline that passed waits for you. `whose`: `me`, `nobody`, `left` (whose
    case worker can have them no longer), or an account."""

    stage = stage()
    severity = one_of("severity")
    kecamatan = one_of("kecamatan")
    report_id = fields.String(validate=validate.Regexp(r"report-[0-9a-f]{32}\Z"))
    overdue = fields.Boolean()
    awaiting = fields.Boolean()
    waits_for_me = fields.Boolean()
    whose = fields.String(validate=validate.Regexp(rf"(me|nobody|left|{ACCOUNT})\Z"))


class CaseList(Page):
    """One page of cases, the most urgent first."""

    items = fields.List(fields.Nested(Case), required=True)


class Referral(Schema):
    """A referral as its agency sees it, without what identifies anybody."""

    referral_id = fields.String(required=True, attribute="_id")
    case_number = fields.String(required=True)
    kecamatan = fields.String(required=True)
    severity = fields.String(required=True)
    kind = fields.String(required=True)
    agency_id = fields.String(required=True)
    state = fields.String(required=True)
    claimed_by = fields.String(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)
    due_at = fields.AwareDateTime(required=True, allow_none=True)
    version = fields.Integer(required=True)


class ReferralQueue(Paged):
    """Which referrals, and which page of them."""

    open = fields.Boolean()
    state = fields.String(validate=validate.OneOf([*OPEN, *ENDED]))


class ReferralList(Page):
    """One page of referrals, the nearest deadline first."""

    items = fields.List(fields.Nested(Referral), required=True)


class Referred(Schema):
    """What a referral tells of the child and the report, as held in the vault."""

    child = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    report = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class Entry(Schema):
    """One event in the history of a case."""

    type = fields.String(required=True)
    version = fields.Integer(required=True)
    occurred_at = fields.AwareDateTime(required=True)
    recorded_at = fields.AwareDateTime(required=True)
    actor = fields.String(required=True)
    data = fields.Dict(required=True)


class History(Schema):
    """The history of a case, oldest first."""

    items = fields.List(fields.Nested(Entry), required=True)


class Closed(Schema):
    """The names of fields that are held and not open to your role."""

    child = fields.List(fields.String(), required=True)
    report = fields.List(fields.String(), required=True)


class Identities(Schema):
    """What identifies the child, and what the report says, as held in the vault and open to your role."""

    child = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    report = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    closed = fields.Nested(Closed, required=True)
    erased = fields.Boolean(required=True, metadata={"description": "The child's identity was erased."})


class NewGrant(Schema):
    """Whose glass is broken (the case's number), and why."""

    case_number = fields.String(required=True, validate=validate.Length(min=1, max=40))
    reason = one_of("break_glass_reason", required=True)


class Review(Schema):
    """How a colleague's breaking of the glass is judged."""

    result = one_of("break_glass_result", required=True)


class Grant(Schema):
    """One breaking of the glass: who, which case, why, from when to when, what was opened, and how it was judged."""

    grant_id = fields.String(required=True, attribute="_id")
    case_id = fields.String(required=True)
    case_number = fields.String(required=True)
    account_id = fields.String(required=True)
    name = fields.String(required=True)
    reason = fields.String(required=True)
    begun_at = fields.AwareDateTime(required=True)
    ends_at = fields.AwareDateTime(required=True)
    ended_early = fields.Boolean(required=True)
    state = fields.String(required=True)
    alone = fields.Boolean(required=True, metadata={"description": "No other supervisor was known who could see it."})
    openings = fields.Integer(required=True)
    fields_opened = fields.Integer(required=True)
    review_due_at = fields.AwareDateTime(required=True)
    overdue = fields.Boolean(required=True, metadata={"description": "Its review should have been made by now."})
    result = fields.String(required=True, allow_none=True)
    reviewed_by = fields.String(required=True, allow_none=True)
    reviewed_at = fields.AwareDateTime(required=True, allow_none=True)
    version = fields.Integer(required=True)


class GrantQuery(Paged):
    """Which grants, and which page of them."""

    state = fields.String(validate=validate.OneOf(glass.STATES))


class GrantList(Page):
    """One page of grants, the newest first."""

    items = fields.List(fields.Nested(Grant), required=True)
