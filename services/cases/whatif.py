"""What would have become of cases under a draft: what was asked of them is asked of the draft, at the same times.

The history of a case tells which commands were accepted. They are given to the definition that the case is on, and to
the draft, by the engine itself, with the clock ticking in between; then the two ends are compared. Who may take a step
is not compared: a history says who acted, not in which role. No case is changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from services.cases import agencies, definitions, model, store
from services.cases.engine import Case, Definition, Event, Refusal, commands, decide, evolve, joining
from services.cases.engine.definition import TakesOver
from services.cases.engine.referrals import WITHDRAWN
from shared.access.actor import Actor, system_actor
from shared.foundation import Foundation
from shared.mongo import reachable

CLOCK, OPENER = system_actor("cases.clock"), system_actor("cases.worker")
MOST_TICKS = 1_000
OF_THE_REPORT = ("case.corrected", "case.report_separated")
"""What is said of the report, and nobody asks of the case."""
Coming = TypeVar("Coming", commands.Open, commands.JoinReport)


@dataclass
class Played:
    """A case played through a definition: how it ended, the commands that were refused, what the clock said."""

    case: Case
    refused: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """What each refused command was about (a step, consent, kind) and the codes of the reasons."""
    breached: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Compared:
    """One case as it went and as it would have gone."""

    case_number: str
    before: Played
    after: Played


def compare(foundation: Foundation, draft: Definition, since: datetime) -> Iterator[Compared]:
    """Every case that was opened since a moment, beside what would have become of it under the draft."""
    now = foundation.clock()
    with reachable():
        kinds = {each["_id"]: each["kind"] for each in foundation.database[agencies.AGENCIES].find({}, {"kind": 1})}
    for document in store.every(foundation.database, {"opened_at": {"$gte": since}}, "case_number", "workflow"):
        entries = store.history(foundation.database, document["_id"])
        definition = definitions.of(document["workflow"])
        before, after = (replay(definition, each, entries, now, kinds) for each in (definition, draft))
        yield Compared(document["case_number"], before, after)


def count(foundation: Foundation, since: datetime) -> int:
    """How many cases were opened since a moment."""
    with reachable():
        return foundation.database[store.CASES].count_documents({"opened_at": {"$gte": since}})


def replay(
    definition: Definition,
    draft: Definition,
    entries: Sequence[Mapping[str, Any]],
    until: datetime,
    agency_kinds: Mapping[str, str],
) -> Played:
    """A case's journal entries, oldest first, given to `draft` as commands. `definition` is what they were given to,
    `agency_kinds` the kind of each agency by its id.

    Words that the draft calls otherwise are translated by its `takes_over`.
    """
    return _Replay(definition, draft, entries, agency_kinds).played(until)


class _Replay:
    def __init__(
        self,
        definition: Definition,
        draft: Definition,
        entries: Sequence[Mapping[str, Any]],
        agency_kinds: Mapping[str, str],
    ) -> None:
        self._definition, self._draft = definition, draft
        self._agency_kinds = agency_kinds
        self._entries = entries
        self._events = [model.from_entry(entry) for entry in entries]
        taken = draft.takes_over
        self._words = taken if taken is not None and draft.id != definition.id else TakesOver(definition.version)
        self._awaited = ""
        self._confirmed = {event.data["task_id"] for event in self._events if event.type == "case.transfer_received"}
        self._asked_next = {
            event.data["kind"]: (event.data["agency_id"],)
            for event, entry in zip(self._events, entries, strict=True)
            if event.type == "referral.requested" and entry["actor"] == CLOCK.id
        }

    def played(self, until: datetime) -> Played:
        opened = self._events[0]
        said = {"by": CLOCK, "at": opened.at, "now": max(opened.at, self._entries[0]["recorded_at"])}
        opening = self._handed_over(commands.Open(case_id=opened.data["case_id"], about=opened.data["about"], **said))
        decided = decide(self._draft, None, opening)
        if isinstance(decided, Refusal):
            raise AssertionError("a case can always be opened")
        played = Played(evolve(self._draft, None, decided[0]))
        for follows in decided[1:]:
            played.case = evolve(self._draft, played.case, follows)
        for event, entry in zip(self._events[1:], self._entries[1:], strict=True):
            if event.type in OF_THE_REPORT:  # it holds in any definition
                self._tick(played, entry["recorded_at"])
                played.case = evolve(self._draft, played.case, event)
                continue
            made = self._command(event, entry)
            if made is not None:
                about, command = made
                self._tick(played, entry["recorded_at"])
                self._give(played, about, command)
        self._tick(played, until)
        return played

    def _give(self, played: Played, about: str, command: commands.Command) -> None:
        decided = decide(self._draft, played.case, command)
        if isinstance(decided, Refusal):
            played.refused.append((about, decided.codes))
            return
        for event in decided:
            played.case = evolve(self._draft, played.case, event)
            if event.type == "case.deadline_breached":
                played.breached.append(event.data["name"])

    def _tick(self, played: Played, until: datetime) -> None:
        """The clock says what is due, in its order, until a moment."""
        for _ in range(MOST_TICKS):
            moment = played.case.next_at
            if moment is None or moment > until:
                return
            suitable = {each.referral_id: self._asked_next.get(each.kind, ()) for each in played.case.open_referrals()}
            self._give(played, "", commands.Tick(by=CLOCK, at=moment, now=moment, suitable=suitable))

    def _command(self, event: Event, entry: Mapping[str, Any]) -> tuple[str, commands.Command] | None:
        """What was asked for an event to happen, and what it was about; None for what followed from something else."""
        data, words = event.data, self._words
        said: dict[str, Any] = {"at": event.at, "now": max(event.at, entry["recorded_at"])}
        if entry["actor"] == CLOCK.id:
            return None
        manager = {**said, "by": Actor(entry["actor"], self._draft.managed_by[0])}
        match event.type:
            case "case.step_proposed":
                self._awaited = data["step"]
                return self._step(event, entry, said)
            case "case.step_taken":
                if self._awaited == data["step"]:
                    self._awaited = ""
                    return self._answer(commands.Approve, data["step"], entry, said)
                return self._step(event, entry, said)
            case "case.step_rejected":
                self._awaited = ""
                return self._answer(commands.Reject, data["step"], entry, said)
            case "case.consent_given" | "case.consent_withdrawn":
                consent = words.consents.get(data["consent"], data["consent"])
                kind = commands.GiveConsent if event.type == "case.consent_given" else commands.WithdrawConsent
                return None if consent is None else (consent, kind(consent=consent, **manager))
            case "case.clock_paused" | "case.clock_resumed":
                pause = words.pauses.get(data["pause"], data["pause"])
                stands = commands.PauseClock if event.type == "case.clock_paused" else commands.ResumeClock
                return None if pause is None else (pause, stands(pause=pause, **manager))
            case "case.report_joined":
                reported = {name: data[name] for name in ("report_id", "child_id", "person_id", "about")}
                return "report", self._handed_over(commands.JoinReport(by=OPENER, **reported, **said))
            case "case.task_finished":
                return "task", commands.FinishTask(task_id=data["task_id"], **manager)
        return self._on_referral(event, entry, said) if event.type.startswith("referral.") else None

    def _handed_over(self, command: Coming) -> Coming:
        """The command as it was: another office waited for our word where the task of giving it was raised."""
        return replace(command, transferred=joining.confirming(command) in self._confirmed)

    def _step(self, event: Event, entry: Mapping[str, Any], said: dict[str, Any]) -> tuple[str, commands.Command]:
        name = self._words.steps.get(event.data["step"], event.data["step"])
        step = self._draft.steps.get(name)
        role = step.by[0] if step and step.by else self._draft.managed_by[0]
        facts = self._words.translated(event.data["facts"])
        return name, commands.TakeStep(by=Actor(entry["actor"], role), step=name, facts=facts, **said)

    def _answer(
        self, kind: type[commands.Approve] | type[commands.Reject], step: str, entry: Mapping[str, Any], said: Any
    ) -> tuple[str, commands.Command]:
        name = self._words.steps.get(step, step)
        found = self._draft.steps.get(name)
        roles = (found.approved_by or found.by) if found else self._draft.managed_by
        return name, kind(by=Actor(entry["actor"], roles[0]), **said)

    def _on_referral(
        self, event: Event, entry: Mapping[str, Any], said: dict[str, Any]
    ) -> tuple[str, commands.Command] | None:
        data = event.data
        kind = self._words.referrals.get(data["kind"], data["kind"])
        member = Actor(entry["actor"], self._draft.answered_by[0], agency_id=data["agency_id"])
        manager = {**said, "by": Actor(entry["actor"], self._draft.managed_by[0])}
        on = {**said, "by": member, "referral_id": data["referral_id"]}
        match event.type:
            case "referral.requested":
                return kind, commands.RequestReferral(
                    referral_id=data["referral_id"],
                    kind=kind,
                    agency_id=data["agency_id"],
                    agency_kind=self._agency_kind(data["kind"], data["agency_id"]),
                    **manager,
                )
            case "referral.claimed":
                return kind, commands.Claim(**on)
            case "referral.released":
                return kind, commands.Release(**on)
            case "referral.accepted":
                return kind, commands.Accept(**on)
            case "referral.declined":
                return kind, commands.Decline(**on, reason=data["reason"])
            case "referral.service_started":
                return kind, commands.StartService(**on)
            case "referral.completed":
                return kind, commands.Complete(**on, outcome=data["outcome"])
            case "referral.revoked" if data["reason"] != WITHDRAWN:
                return kind, commands.Revoke(referral_id=data["referral_id"], reason=data["reason"], **manager)
        return None

    def _agency_kind(self, kind: str, agency_id: str) -> str:
        """The kind of an agency that was asked for a kind of referral. One that is of another kind by now, by which it
        could not have been asked, was of the first of those that could."""
        now, asked = self._agency_kinds.get(agency_id, ""), self._definition.referrals.get(kind)
        return now if asked is None or now in asked.agency_kinds else asked.agency_kinds[0]
