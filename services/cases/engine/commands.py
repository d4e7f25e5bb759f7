"""What can be asked of a case. Each command says who asks (`by`), when it happened (`at`) and what time it is (`now`).

`at` may lie back, for paper is entered later. Ids of what a command begins come with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.access.actor import Actor


@dataclass(frozen=True, kw_only=True)
class Command:
    """What all commands say."""

    by: Actor
    at: datetime
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Open(Command):
    """Open a case. `at` is when the report was received, from which its deadlines count.

    `transferred`: another office hands it over to us, and waits for a word that we have it.
    """

    case_id: str
    about: Mapping[str, str] = field(default_factory=dict)
    transferred: bool = False


@dataclass(frozen=True, kw_only=True)
class JoinReport(Command):
    """A further report about the child of the case. `at` is when it was received; `about` as a case of its own would
    have it; `transferred` as in `Open`."""

    report_id: str
    child_id: str
    person_id: str | None
    about: Mapping[str, str] = field(default_factory=dict)
    transferred: bool = False


@dataclass(frozen=True, kw_only=True)
class TakeStep(Command):
    """Take a step of the definition, with the facts that it records. `works_for` is the kind of the agency of whoever
    takes it, empty if it has none; unknown (None) where a history is played again."""

    step: str
    works_for: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Approve(Command):
    """Agree, as a second person, to the step that waits."""


@dataclass(frozen=True, kw_only=True)
class Reject(Command):
    """Do not agree to the step that waits, or take back one's own proposal."""


@dataclass(frozen=True, kw_only=True)
class GiveConsent(Command):
    """Record that the guardian, or who stands for the child, consents."""

    consent: str


@dataclass(frozen=True, kw_only=True)
class WithdrawConsent(Command):
    """Record that a consent was taken back: open referrals that rest on it are revoked."""

    consent: str


@dataclass(frozen=True, kw_only=True)
class RequestReferral(Command):
    """Ask an agency for a service. Which services it gives may be unknown (None), where a history is played again; it
    serves the kecamatan of `agency_areas`, or the whole city if none is named."""

    referral_id: str
    kind: str
    agency_id: str
    agency_kind: str
    agency_services: tuple[str, ...] | None = None
    agency_areas: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OnReferral(Command):
    """What concerns one referral."""

    referral_id: str


@dataclass(frozen=True, kw_only=True)
class Claim(OnReferral):
    """Take a referral out of the agency's queue."""


@dataclass(frozen=True, kw_only=True)
class Release(OnReferral):
    """Put a claimed referral back into the agency's queue."""


@dataclass(frozen=True, kw_only=True)
class Accept(OnReferral):
    """Say that the agency will give the service."""


@dataclass(frozen=True, kw_only=True)
class Decline(OnReferral):
    """Say that the agency will not, and why (a code of the definition)."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class StartService(OnReferral):
    """Say that the service began."""


@dataclass(frozen=True, kw_only=True)
class Complete(OnReferral):
    """Say that the service ended, and with what outcome (a code of the referral's kind)."""

    outcome: str


@dataclass(frozen=True, kw_only=True)
class Revoke(OnReferral):
    """Take a referral back, and why (a code of the definition)."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class PauseClock(Command):
    """Let the deadlines of a kind of pause stand still."""

    pause: str


@dataclass(frozen=True, kw_only=True)
class ResumeClock(Command):
    """Let them run on with what was left."""

    pause: str


@dataclass(frozen=True, kw_only=True)
class FinishTask(Command):
    """Say that a task is seen to."""

    task_id: str


@dataclass(frozen=True, kw_only=True)
class TakeCase(Command):
    """Have the case oneself, also where a colleague has it."""


@dataclass(frozen=True, kw_only=True)
class PutBackCase(Command):
    """Have it no longer, or take it from a case worker: it is nobody's."""


@dataclass(frozen=True, kw_only=True)
class AssignCase(Command):
    """Give it to a case worker, who is `to`: an account with its role and areas, as they are known."""

    to: Actor


@dataclass(frozen=True, kw_only=True)
class Tick(Command):
    """Say what the clock has reached, each thing once. `suitable`: referral id -> agencies that could take it over, the
    best first. `room`: agency -> how many open referrals of this case it has room for; any number if it is not named.

    `only` limits it to one deadline (name, subject).
    """

    suitable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    room: Mapping[str, int] = field(default_factory=dict)
    only: tuple[str, str] | None = None
