"""The shape of a case: its place in the workflow, facts, consents, deadlines, and its referrals with their own lives.

Values only. Ids and codes, never an identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self

from services.cases.engine.definition import Duration
from services.cases.engine.guards import COMPLETED, CONSENTS, REFERRALS, STAGE

REQUESTED, ACCEPTED, IN_SERVICE = "requested", "accepted", "in_service"
OPEN = (REQUESTED, ACCEPTED, IN_SERVICE)
DECLINED, EXPIRED, REVOKED, DONE = "declined", "expired", "revoked", "completed"
ENDED = (DECLINED, EXPIRED, REVOKED, DONE)

READ_REPORT = "read_report"
"""The kind of task that a report brings which joins the case."""
CONFIRM_TRANSFER = "confirm_transfer"
"""The kind of a task: tell the other office that we have the case that it handed over."""

NOTHING_NEW: Mapping[str, str] = {}
"""No facts beside those that are recorded."""

RUNNING, REMINDED, BREACHED, LATE, PAUSED = "running", "reminded", "breached", "late", "paused"


class Event(NamedTuple):
    """A fact about a case. `at` is when it happened: paper is dated back."""

    type: str
    data: Mapping[str, Any]
    at: datetime


class Value:
    """A frozen value that can be copied with changes, in a tenth of the time of dataclasses.replace."""

    def but(self, **changes: Any) -> Self:
        """The same with some fields changed. Raises TypeError for a field that there is not."""
        return self.changed(changes)

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """As `but`, of changes by field."""
        values = {**self.__dict__, **changes}
        if len(values) != len(self.__dict__):
            raise TypeError(f"{type(self).__name__} has no {', '.join(changes.keys() - self.__dict__.keys())}")
        copy = object.__new__(type(self))
        object.__setattr__(copy, "__dict__", values)
        return copy


class Deadline(NamedTuple):
    """A deadline that runs. `subject` is the id of a referral or of a report that joined, or empty for the case's own.

    `phase`: running; reminded (at risk); breached (escalated); late (it had passed before it was entered: marked, not
    escalated); paused, with what is `left` of it. (A tuple: most commands make some, in a third of a dataclass's time.)
    """

    name: str
    subject: str
    due_at: datetime
    remind_at: datetime | None = None
    expires_at: datetime | None = None
    phase: str = RUNNING
    left: Duration | None = None
    before: str = RUNNING
    """The phase in which it was paused."""

    def but(self, **changes: Any) -> Self:
        """The same with some fields changed. Raises ValueError (from 3.13 on TypeError) for one that there is not."""
        return self._replace(**changes)

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the other deadlines of the case."""
        return self.name, self.subject

    @property
    def next_at(self) -> datetime | None:
        """When something must be said of it next; None if nothing more."""
        if self.phase == RUNNING:
            return self.due_at if self.remind_at is None else self.remind_at
        if self.phase == REMINDED:
            return self.due_at
        return self.expires_at if self.phase == BREACHED else None


@dataclass(frozen=True)
class Referral(Value):
    """A service asked of an agency. Its queue has it while nobody has claimed it."""

    referral_id: str
    kind: str
    agency_id: str
    state: str = REQUESTED
    claimed_by: str | None = None
    tried: tuple[str, ...] = ()
    """The agencies that were asked before this one and did not answer."""
    outcome: str | None = None

    @property
    def open(self) -> bool:
        """Whether it still asks something of somebody."""
        return self.state in OPEN


@dataclass(frozen=True)
class Awaited:
    """A step that waits for a second person."""

    step: str
    facts: Mapping[str, str]
    by: str
    at: datetime


@dataclass(frozen=True)
class Task:
    """Something that a case worker has to see to. `subject` is the referral or report that it is about, or empty."""

    task_id: str
    kind: str
    subject: str


@dataclass(frozen=True)
class Case(Value):
    """A case as its history makes it. `about` is what was known when it opened (severity, age band), as far as it
    was not corrected since."""

    case_id: str
    definition: str
    stage: str
    opened_at: datetime
    about: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    consents: frozenset[str] = frozenset()
    referrals: Mapping[str, Referral] = field(default_factory=dict)
    deadlines: tuple[Deadline, ...] = ()
    pauses: frozenset[str] = frozenset()
    awaited: Awaited | None = None
    tasks: tuple[Task, ...] = ()
    assigned_to: str | None = None
    """The account of the case worker who has it; None if nobody has."""
    left_by: str | None = None
    """The account that had it last and can no longer, until somebody takes it."""
    version: int = 1
    since: Mapping[str, datetime] = field(default_factory=dict)
    """When something last happened to what commands follow: the stage, a referral, a consent, a pause."""
    open_elsewhere: bool = False
    """Whether another case of the child is open, as whoever reads the case has looked up. No event says it."""

    @property
    def next_at(self) -> datetime | None:
        """When the clock must look at this case next; None if nothing is due."""
        return min((moment for each in self.deadlines if (moment := each.next_at) is not None), default=None)

    def open_referrals(self) -> Iterator[Referral]:
        """Those that still ask something of somebody, in the order in which they were asked."""
        return (each for each in self.referrals.values() if each.open)

    def unread(self) -> Iterator[Task]:
        """The reports that joined and that nobody has read yet."""
        return (task for task in self.tasks if task.kind == READ_REPORT)

    def knows(
        self, asked: Iterable[str], consents: Iterable[str], new: Mapping[str, str] = NOTHING_NEW
    ) -> dict[str, Any]:
        """What a guard sees of it, of what it asks for, with facts that a step adds; what nobody recorded is None."""
        return {name: new[name] if name in new else self._known(name, consents) for name in asked}

    def _known(self, name: str, consents: Iterable[str]) -> Any:
        if name == STAGE:
            return self.stage
        if name == CONSENTS:
            return {consent: consent in self.consents for consent in consents}
        if name == REFERRALS:
            return [{"kind": each.kind, "state": each.state} for each in self.open_referrals()]
        if name == COMPLETED:
            return sorted({each.kind for each in self.referrals.values() if each.state == DONE})
        return self.facts.get(name)
