"""Deadlines: which begin with a stage or a referral, what the clock says of them, how they stand still and run on.

Each is a moment in the case, not a timer: a clock that stood still says late what it has to say, and says it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.cases.engine.definition import DeadlineRule, Definition, Duration, later
from services.cases.engine.state import BREACHED, LATE, PAUSED, REMINDED, RUNNING, Case, Deadline

AT_RISK, BREACH, EXPIRY = "at_risk", "breached", "expired"


def of_stage(
    definition: Definition, stage: str, known: Mapping[str, Any], at: datetime, now: datetime
) -> list[Deadline]:
    """The deadlines that begin with a stage. One that had passed when it was entered is late, not breached."""
    rules = definition.of_stage.get(stage, ())
    return [begun for rule in rules if (begun := _begin(rule, "", known, at, now)) is not None]


def recounted(
    definition: Definition, case: Case, known: Mapping[str, Any], at: datetime, now: datetime
) -> list[Deadline]:
    """The deadlines of the case's stage that have another length by what is `known` at `at`, counted from then.

    What has passed stays as it is, for the clock says so; so does what ends sooner, unless it may now take longer.
    """
    former = {**case.about, **case.facts}
    own = {each.name: each for each in case.deadlines if not each.subject}
    found = []
    for rule in definition.of_stage.get(case.stage, ()):
        length, was = rule.length(known), rule.length(former)
        if length is None or length == was:
            continue
        new = begun(rule, "", at, length, length.after(at))
        longer = was is not None and was.after(at) < new.due_at
        if rule.name not in own or not _stays(own[rule.name], new, longer, at, now):
            found.append(new)
    return found


def _stays(each: Deadline, new: Deadline, longer: bool, at: datetime, now: datetime) -> bool:
    """Whether a deadline stays as it is, although it would be counted anew as `new`."""
    if LATE in (each.phase, each.before):
        return False
    end = each.due_at if each.left is None else each.left.after(at)
    return end <= now or (end <= new.due_at and not longer)


def of_report(
    definition: Definition, report_id: str, known: Mapping[str, Any], at: datetime, now: datetime
) -> list[Deadline]:
    """The deadlines that begin with a report that joins the case."""
    return [begun for rule in definition.of_reports() if (begun := _begin(rule, report_id, known, at, now)) is not None]


def of_referral(
    rule: DeadlineRule | None, referral_id: str, known: Mapping[str, Any], at: datetime, now: datetime
) -> list[Deadline]:
    """The deadline that begins with a referral's state."""
    begun = None if rule is None else _begin(rule, referral_id, known, at, now)
    return [] if begun is None else [begun]


def reached(case: Case, now: datetime, only: tuple[str, str] | None = None) -> Iterator[tuple[str, Deadline]]:
    """What the clock has to say at `now`, in the order in which it came due: (at_risk | breached | expired, deadline).

    A deadline that is breached already when the clock looks is not said to be at risk first.
    """
    said = []
    for each in case.deadlines:
        if only is not None and each.key != only:
            continue
        if each.phase in (RUNNING, REMINDED) and each.due_at <= now:
            said.append((each.due_at, BREACH, each))
            each = each.but(phase=BREACHED)
        elif each.phase == RUNNING and each.remind_at is not None and each.remind_at <= now:
            said.append((each.remind_at, AT_RISK, each))
        if each.phase == BREACHED and each.expires_at is not None and each.expires_at <= now:
            said.append((each.expires_at, EXPIRY, each))
    return ((what, each) for _, what, each in sorted(said, key=lambda entry: entry[0]))


def paused(definition: Definition, each: Deadline, at: datetime) -> Deadline:
    """A deadline standing still since `at`, with what is left of it in its own unit."""
    if each.next_at is None or each.phase == PAUSED:
        return each
    end = each.expires_at if each.phase == BREACHED and each.expires_at is not None else each.due_at
    left = _unit(definition, each).between(at, end)
    return each.but(phase=PAUSED, before=each.phase, left=left)


def resumed(definition: Definition, each: Deadline, at: datetime) -> Deadline:
    """A deadline running on from `at`. What was reminded of or escalated before is not said again."""
    rule, left = definition.rule(each.name), each.left or Duration(0)
    running = each.but(phase=each.before, left=None, before=RUNNING)
    if each.before == BREACHED:
        return running.but(expires_at=left.after(at))
    due_at = left.after(at)
    return running.but(
        due_at=due_at,
        remind_at=None if rule is None else _remind_at(rule, at, left, due_at),
        expires_at=None if rule is None or rule.expires is None else rule.expires.after(due_at),
    )


def begun(rule: DeadlineRule, subject: str, at: datetime, length: Duration, due_at: datetime) -> Deadline:
    """A deadline that runs since `at` for so long, with its reminder and its expiry."""
    expires_at = None if rule.expires is None else rule.expires.after(due_at)
    return Deadline(rule.name, subject, due_at, _remind_at(rule, at, length, due_at), expires_at)


def moved(definition: Definition, entries: Sequence[Mapping[str, Any]]) -> tuple[Deadline, ...]:
    """Deadlines as a migration has carried them: each in its phase, and standing still where it does."""
    found = []
    for each, entry in zip(read(entries), entries, strict=True):
        in_phase = each.but(phase=entry["phase"])
        since = entry["still_since"]
        found.append(in_phase if since is None else paused(definition, in_phase, since))
    return tuple(found)


def written(deadlines: Iterable[Deadline]) -> list[dict[str, Any]]:
    """Deadlines as an event carries them."""
    return [
        {
            "name": each.name,
            "subject": each.subject,
            "due_at": each.due_at,
            "remind_at": each.remind_at,
            "expires_at": each.expires_at,
            "late": each.phase == LATE,
        }
        for each in deadlines
    ]


def read(entries: Iterable[Mapping[str, Any]]) -> tuple[Deadline, ...]:
    """Deadlines as an event has carried them."""
    return tuple(
        Deadline(
            each["name"],
            each["subject"],
            each["due_at"],
            each["remind_at"],
            each["expires_at"],
            LATE if each["late"] else RUNNING,
        )
        for each in entries
    )


def _begin(rule: DeadlineRule, subject: str, known: Mapping[str, Any], at: datetime, now: datetime) -> Deadline | None:
    length = rule.length(known)
    if length is None:
        return None
    due_at = length.after(at)
    if due_at <= now and at < now:
        return Deadline(rule.name, subject, due_at, phase=LATE)
    return begun(rule, subject, at, length, due_at)


def _remind_at(rule: DeadlineRule, at: datetime, length: Duration, due_at: datetime) -> datetime | None:
    """The moment of the reminder; none where the whole length is no longer than the reminder is early."""
    if rule.remind is None:
        return None
    early = rule.remind
    if early.unit == length.unit:
        left = length.amount - early.amount
        return later(at, left, length.unit) if left > 0 else None
    moment = early.before(due_at)
    return moment if moment > at else None


def _unit(definition: Definition, each: Deadline) -> Duration:
    """A duration of the unit in which what is left of a deadline is counted."""
    rule = definition.rule(each.name)
    if rule is None:
        return Duration(0)
    if each.phase == BREACHED and rule.expires is not None:
        return rule.expires
    return next(iter(rule.within.values()))
