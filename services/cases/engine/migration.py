"""From one version of a workflow to the next: what becomes of a live case, or every reason why it has to stay.

Pure as `decide`: the case and its history come in, an event or a refusal comes out. Words that the new version does not
have are looked up in its `takes_over`. Deadlines are counted anew by the new rules, from when they began, without the
time in which they stood still.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.cases.engine import deadlines
from services.cases.engine.decide import holds
from services.cases.engine.definition import DeadlineRule, Definition, Duration, TakesOver
from services.cases.engine.evolve import evolve
from services.cases.engine.explore import TooManyStates, completable
from services.cases.engine.refusals import Reason, Refusal, reason
from services.cases.engine.state import (
    ACCEPTED,
    BREACHED,
    IN_SERVICE,
    LATE,
    PAUSED,
    REMINDED,
    RUNNING,
    Case,
    Deadline,
    Event,
)

BEGINS_STAGE = ("case.opened", "case.step_taken")
"""Events with which a case comes to a stage, if they say which deadlines begin."""


@dataclass(frozen=True)
class Still:
    """A time in which a deadline stood still; `end` is None while it does."""

    start: datetime
    end: datetime | None


def migrate(
    old: Definition, new: Definition, case: Case, history: Sequence[Event], by: str, now: datetime
) -> Event | Refusal:
    """The event that takes a case over from `old` to `new`, or every reason why it cannot be taken over.

    `history` are the case's events, oldest first.
    """
    mapping = new.takes_over or TakesOver(old.version)
    reasons = list(_unmapped(new, mapping, case))
    if reasons:
        return Refusal(tuple(reasons))
    data = _mapped(new, mapping, case, by)
    moved = Event("case.migrated", data, now)
    past = _Past(old, mapping, case, history)
    data["deadlines"] = list(_deadlines(new, mapping, evolve(new, case, moved), case, past, now))
    after = evolve(new, case, moved)
    reasons = [
        reason("breaks", invariant=each.name) for each in new.invariants.values() if holds(new, after, each.never)
    ]
    reasons = reasons or list(_stranded(new, after))
    return Refusal(tuple(reasons)) if reasons else moved


def _stranded(new: Definition, case: Case) -> Iterator[Reason]:
    """Why it is not certain that the case, as it would be, can come to an end."""
    try:
        if not completable(new, case):
            yield reason("strands", stage=case.stage)
    except TooManyStates:
        yield reason("unproven", stage=case.stage)


def unknown_sources(old: Definition, new: Definition) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Words in `takes_over` that the old version does not have, each with its path in the new file."""
    mapping = new.takes_over
    if mapping is None:
        return
    known: dict[str, Iterable[str]] = {
        "stages": old.stages,
        "steps": old.steps,
        "facts": old.facts,
        "values": old.facts,
        "consents": old.consents,
        "referrals": old.referrals,
        "pauses": old.pauses,
        "deadlines": old.deadlines,
    }
    for part, names in known.items():
        for name in getattr(mapping, part):
            if name not in names:
                yield ("takes_over", part, name), f"version {old.version} has no {part.removesuffix('s')} {name!r}"


def _unmapped(new: Definition, mapping: TakesOver, case: Case) -> Iterator[Reason]:
    """What the case has and the new version has no place for."""
    if mapping.stage(case.stage) not in new.stages:
        yield reason("stage_gone", stage=case.stage)
    for fact, value in case.facts.items():
        yield from _unmapped_fact(new, mapping, fact, value)
    for consent in sorted(case.consents):
        if (name := mapping.consents.get(consent, consent)) is not None and name not in new.consents:
            yield reason("consent_gone", consent=consent)
    for kind in dict.fromkeys(each.kind for each in case.referrals.values()):
        if mapping.referrals.get(kind, kind) not in new.referrals:
            yield reason("kind_gone", kind=kind)
    for pause in sorted(case.pauses):
        if (name := mapping.pauses.get(pause, pause)) is not None and name not in new.pauses:
            yield reason("pause_gone", pause=pause)
    if case.awaited is not None:
        step = new.steps.get(mapping.steps.get(case.awaited.step, case.awaited.step))
        if step is None or mapping.stage(case.stage) not in step.origins or not step.approved_by:
            yield reason("awaited_step_gone", step=case.awaited.step)
        else:
            for fact, value in case.awaited.facts.items():
                yield from _unmapped_fact(new, mapping, fact, value)


def _unmapped_fact(new: Definition, mapping: TakesOver, fact: str, value: str) -> Iterator[Reason]:
    name = mapping.facts.get(fact, fact)
    if name is None:
        return
    if name not in new.facts:
        yield reason("fact_gone", fact=fact)
    elif mapping.value(fact, value) not in new.facts[name].values:
        yield reason("value_gone", fact=fact, value=value)


def _mapped(new: Definition, mapping: TakesOver, case: Case, by: str) -> dict[str, Any]:
    awaited = case.awaited
    return {
        "by": by,
        "from_definition": case.definition,
        "definition": new.id,
        "stage": mapping.stage(case.stage),
        "facts": mapping.translated(case.facts),
        "consents": sorted(_kept(mapping.consents, case.consents)),
        "pauses": {name: list(new.pauses[name].deadlines) for name in sorted(_kept(mapping.pauses, case.pauses))},
        "kinds": {each.referral_id: mapping.referrals.get(each.kind, each.kind) for each in case.referrals.values()},
        "awaited": None
        if awaited is None
        else {"step": mapping.steps.get(awaited.step, awaited.step), "facts": mapping.translated(awaited.facts)},
        "deadlines": [],
    }


def _kept(names: Mapping[str, str | None], held: Iterable[str]) -> Iterator[str]:
    return (name for each in held if (name := names.get(each, each)) is not None)


# --- Deadlines, counted anew ----------------------------------------------------------------------------------------


def _deadlines(
    new: Definition, mapping: TakesOver, moved: Case, case: Case, past: _Past, now: datetime
) -> Iterator[dict[str, Any]]:
    """The deadlines of the case under the new rules, as its event carries them. `moved` is the case but for them."""
    former = {(mapping.deadline(each.name), each.subject): each for each in case.deadlines}
    for rule, subject, index in _running(new, moved, past):
        length = rule.length(past.known(index))
        if length is not None:
            before = former.get((rule.name, subject))
            times = past.still(rule.name)
            held = any(rule.name in new.pauses[pause].deadlines for pause in moved.pauses)
            began = past.history[index].at
            yield _counted(rule, subject, length, began, _until_now(times, held, now), before, now)


def _running(new: Definition, moved: Case, past: _Past) -> Iterator[tuple[DeadlineRule, str, int]]:
    """The rules that the case is under, what each is about, and the place in the history at which its time began."""
    for rule in new.deadlines.values():
        if moved.stage in rule.stages:
            yield rule, "", past.counted(rule.name)
    for task in moved.unread():
        for rule in new.of_reports():
            yield rule, task.subject, past.report_joined(task.task_id)
    for referral in moved.open_referrals():
        kind = new.referrals[referral.kind]
        served = referral.state in (ACCEPTED, IN_SERVICE)
        applies = kind.service if served else kind.response
        if applies is not None:
            begins = "referral.accepted" if served else "referral.requested"
            yield applies, referral.referral_id, past.referral_began(referral.referral_id, begins)


def _until_now(times: Sequence[Still], held: bool, now: datetime) -> list[Still]:
    """The times in which a deadline stood still, the last open if it is held still, closed if it is no longer."""
    if not held:
        return [Still(each.start, each.end or now) for each in times]
    return [*times] if times and times[-1].end is None else [*times, Still(now, None)]


def _counted(
    rule: DeadlineRule,
    subject: str,
    length: Duration,
    began: datetime,
    times: Sequence[Still],
    before: Deadline | None,
    now: datetime,
) -> dict[str, Any]:
    if before is not None and before.phase == LATE and length.after(began) <= now:
        # It never ran, so nothing held it still: it had passed before it was entered.
        entry = next(iter(deadlines.written([Deadline(rule.name, subject, length.after(began), phase=LATE)])))
        return {**entry, "phase": LATE, "still_since": None}
    due_at, since, left, still = _reach(length, began, times)
    running = deadlines.begun(rule, subject, since, left, due_at)
    phase = RUNNING
    if before is not None and still is None:
        was = before.before if before.phase == PAUSED else before.phase
        if due_at <= now and was == BREACHED:
            phase = was
        elif was != RUNNING and running.remind_at is not None and running.remind_at <= now:
            phase = REMINDED
    if phase == BREACHED and rule.expires is not None:
        expires_at, _, _, still = _reach(rule.expires, due_at, times)
        running = running.but(expires_at=expires_at)
    return {**next(iter(deadlines.written([running]))), "phase": phase, "still_since": still}


def _reach(
    length: Duration, start: datetime, times: Sequence[Still]
) -> tuple[datetime, datetime, Duration, datetime | None]:
    """When a length of time is over: (the moment, since when it runs without a break, what was left of it then, and
    since when it stands still, or None if it runs)."""
    left = length
    for each in times:
        if each.end is not None and each.end <= start:
            continue
        stood = max(start, each.start)
        spent = left.between(start, stood)
        if spent.amount >= left.amount:
            break
        left = Duration(left.amount - spent.amount, left.unit)
        if each.end is None:
            return left.after(stood), stood, left, stood
        start = each.end
    return left.after(start), start, left, None


class _Past:
    """The history of a case, as far as deadlines follow from it."""

    def __init__(self, old: Definition, mapping: TakesOver, case: Case, history: Sequence[Event]) -> None:
        self.history = history
        self._mapping = mapping
        self._about = case.about
        self._still = _still(old, history)

    def counted(self, name: str) -> int:
        """Where in the history a deadline of the case's stage began, or was counted anew."""
        began = max(
            at for at, event in enumerate(self.history) if event.type in BEGINS_STAGE and "deadlines" in event.data
        )
        anew = (at for at in range(began, len(self.history)) if name in self._recounted(at))
        return max(anew, default=began)

    def _recounted(self, index: int) -> set[str]:
        entries = self.history[index].data.get("recounted", ())
        return {self._mapping.deadline(each["name"]) for each in entries}

    def referral_began(self, referral_id: str, type_name: str) -> int:
        """Where in the history a referral was requested, or accepted."""
        return max(
            at
            for at, event in enumerate(self.history)
            if event.type == type_name and event.data["referral_id"] == referral_id
        )

    def report_joined(self, task_id: str) -> int:
        """Where in the history a report joined."""
        joins = (at for at, event in enumerate(self.history) if event.type == "case.report_joined")
        return next(at for at in joins if self.history[at].data["task_id"] == task_id)

    def known(self, index: int) -> dict[str, str]:
        """What was known of the case after an event, in the words of the new version; of a report that joined, what was
        known of that."""
        facts: dict[str, str] = {}
        for event in self.history[: index + 1]:
            if event.type == "case.migrated":
                facts = dict(event.data["facts"])
            elif event.type == "case.step_taken":
                facts.update(event.data["facts"])
                for name in event.data.get("forgets", ()):
                    del facts[name]
        joined = self.history[index].type == "case.report_joined"
        reported = self.history[index].data["about"] if joined else {}
        return {**self._about, **self._mapping.translated(facts), **reported}

    def still(self, name: str) -> list[Still]:
        """When a deadline of the new version stood still under the name that it had."""
        former = [each for each in self._still if self._mapping.deadline(each) == name]
        return sorted((each for old in former for each in self._still[old]), key=lambda each: each.start)


def _still(old: Definition, history: Iterable[Event]) -> dict[str, list[Still]]:
    """When the deadlines of each name stood still, the earliest first."""
    times: dict[str, list[Still]] = {}
    pauses: dict[str, set[str]] = {}

    def close(names: Iterable[str], at: datetime) -> None:
        for name in names:
            if times.get(name) and times[name][-1].end is None:
                times[name][-1] = Still(times[name][-1].start, at)

    for event in history:
        if event.type == "case.clock_paused":
            held = {name for names in pauses.values() for name in names}
            pauses[event.data["pause"]] = set(event.data["deadlines"])
            for name in pauses[event.data["pause"]] - held:
                times.setdefault(name, []).append(Still(event.at, None))
        elif event.type == "case.clock_resumed":
            ends = pauses.pop(event.data["pause"], set())
            close(ends - {name for names in pauses.values() for name in names}, event.at)
        elif event.type == "case.migrated":
            close(list(times), event.at)
            pauses = {pause: set(names) for pause, names in event.data["pauses"].items()}
            for name in {name for names in pauses.values() for name in names}:
                times.setdefault(name, []).append(Still(event.at, None))
        elif event.type == "case.step_taken" and _ends(old, event.data["to_stage"]):
            close(list(times), event.at)
            pauses = {}
    return times


def _ends(old: Definition, stage: str) -> bool:
    return stage in old.stages and old.stages[stage].final
