"""Every state that a case can reach, the nearest first, by driving the very `decide` and `evolve` that run in service.

The way that is kept to a state is a shortest one: a counter-example is a story of as few commands as can be. States
that differ only in what no condition can see (times, ids, which of two equal referrals) count as one. Time passes by a
command of its own: a deadline runs out, all at once, whenever that can matter. What no condition can see (an agency
accepts) is gone through together with what follows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count, product
from typing import Any

from services.cases.engine import classes, commands
from services.cases.engine.decide import decide, holds
from services.cases.engine.definition import DeadlineRule, Definition, Step
from services.cases.engine.evolve import evolve
from services.cases.engine.guards import GuardFailed
from services.cases.engine.naming import ABOUT
from services.cases.engine.refusals import Refusal
from services.cases.engine.state import ACCEPTED, DONE, IN_SERVICE, REQUESTED, Case, Deadline, Event, Referral
from shared import domain
from shared.access.actor import Actor, system_actor

START = datetime(2026, 3, 2, 3, tzinfo=UTC)
MOST_STATES = 200_000
FIRST, SECOND = "agency-first", "agency-second"
CLOCK = system_actor("cases.clock")
OPENING = commands.Open(
    by=CLOCK, at=START, now=START, case_id="case-0", about={name: next(iter(domain.codes(name))) for name in ABOUT}
)
"""How every story begins. No condition sees what a case knows by then, and every code has its deadline (naming.py)."""

Marking = tuple[Any, ...]


class TooManyStates(Exception):
    """The workflow has more states than can be gone through: fewer facts in conditions make fewer."""


@dataclass(frozen=True)
class Move:
    """One command that was tried: what it is about, and what came of it."""

    command: commands.Command
    events: tuple[Event, ...]


@dataclass
class Node:
    """A state, a shortest way to it (so many commands from the opening), and where its moves lead."""

    case: Case
    distance: int = 0
    before: Marking | None = None
    moves: tuple[Move, ...] = ()
    following: set[Marking] = field(default_factory=set)


@dataclass
class Space:
    """All that was found: states by marking, moves that were possible, guards that failed (with where)."""

    nodes: dict[Marking, Node] = field(default_factory=dict)
    moves: int = 0
    taken: set[tuple[str, str, int | None]] = field(default_factory=set)
    """(step, from, number of the branch) of every step that was taken; None where it stayed."""
    requested: set[str] = field(default_factory=set)
    began: set[str] = field(default_factory=set)
    """The deadlines that began."""
    lacking: dict[tuple[str, str], tuple[int, Marking | None, tuple[Move, ...]]] = field(default_factory=dict)
    """(deadline, stage or kind of referral) that did not begin as it should: how far, the state before, the moves."""
    failed: list[tuple[Marking, commands.Command, GuardFailed]] = field(default_factory=list)

    def way(self, marking: Marking) -> list[Move]:
        """The shortest way from the opening to a state."""
        moves: list[Move] = []
        node = self.nodes[marking]
        while node.before is not None:
            moves[:0] = node.moves
            node = self.nodes[node.before]
        return moves


def explore(definition: Definition, parallel: int = 4, most: int = MOST_STATES) -> Space:
    """Everything that can happen with at most `parallel` open referrals. Raises TooManyStates."""
    return _Explorer(definition, parallel, most).space()


def completable(definition: Definition, case: Case, most: int = MOST_STATES) -> bool:
    """Whether a case, as it stands, can still come to an end; its referrals go on, no more of them are needed for it.

    Raises TooManyStates.
    """
    parallel = max(1, sum(1 for _ in case.open_referrals()))
    return _Explorer(definition, parallel, most).ends(case)


class _Explorer:
    def __init__(self, definition: Definition, parallel: int, most: int) -> None:
        self._definition = definition
        self._parallel = parallel
        self._most = most
        self._values = classes.representatives(definition)
        self._told_apart = classes.told_apart(definition)
        self._remembered = sorted(classes.remembered(definition))
        self._counts = classes.counts_referrals(definition)
        self._classes = classes.kind_classes(definition)
        self._states = classes.state_classes(definition)
        self._ended: set[tuple[type, bool, str, str]] = set()
        self._completed_seen = any("completed" in guard.asks for guard in classes.guards(definition))

    def space(self) -> Space:
        space = Space()
        opened = decide(self._definition, None, OPENING)
        if isinstance(opened, Refusal):
            raise AssertionError("a case can always be opened")
        first = evolve(self._definition, None, opened[0])
        self._note(space, None, (Move(OPENING, opened),), first)
        opening = self._marking(first)
        found = {opening: Node(self._kept(first))}
        waiting = [(0, 0, opening)]
        numbers = count(1)
        while waiting:  # those that are equally far in the order in which they were found
            *_, here = heappop(waiting)
            if here in space.nodes:
                continue
            if len(space.nodes) >= self._most:
                raise TooManyStates
            node = space.nodes[here] = found[here]
            for moves, case in self._following(space, here, node.case, self._commands(node.case)):
                there = self._marking(case)
                node.following.add(there)
                distance = node.distance + len(moves)
                if there not in found or distance < found[there].distance:
                    found[there] = Node(self._kept(case), distance, here, moves)
                    heappush(waiting, (distance, next(numbers), there))
        return space

    def ends(self, case: Case) -> bool:
        """Whether a final stage can be reached from here."""
        space = Space()
        # Whenever it was opened: times are no part of a state, and commands are given at START.
        first = self._kept(case).but(opened_at=START)
        seen = {self._marking(first)}
        waiting = deque([first])
        while waiting:
            here = waiting.popleft()
            if self._definition.stages[here.stage].final:
                return True
            for _, after in self._following(space, self._marking(here), here, self._commands(here)):
                there = self._marking(after)
                if there not in seen:
                    if len(seen) >= self._most:
                        raise TooManyStates
                    seen.add(there)
                    waiting.append(self._kept(after))
        return False

    def _following(
        self,
        space: Space,
        here: Marking,
        case: Case,
        tried: Iterable[commands.Command],
        before: tuple[Move, ...] = (),
    ) -> Iterator[tuple[tuple[Move, ...], Case]]:
        """Where the possible ones of the commands lead. One that no condition can see leads on to what it allows."""
        for command in tried:
            try:
                reached = self._run(case, command)
            except GuardFailed as error:
                space.failed.append((here, command, error))
                continue
            if reached is None:
                continue
            events, after = reached
            moves = (*before, Move(command, events))
            self._note(space, here, moves, after)
            space.moves += 1
            yield moves, after
            if isinstance(command, commands.Accept | commands.StartService) and self._marking(after) == here:
                then = self._answers(after, after.referrals[command.referral_id], self._manager())
                yield from self._following(space, here, after, then, moves)

    def _run(self, case: Case, command: commands.Command) -> tuple[tuple[Event, ...], Case] | None:
        decided = decide(self._definition, case, command)
        if isinstance(decided, Refusal) or not decided:
            return None
        for event in decided:
            case = evolve(self._definition, case, event)
        return decided, case

    def _note(self, space: Space, here: Marking | None, moves: tuple[Move, ...], after: Case) -> None:
        """What the last of the moves from a state has shown."""
        for event in moves[-1].events:
            if event.type == "case.step_taken":
                step = self._definition.steps[event.data["step"]]
                # All that conditions see but the stage is after the step as its branches were asked.
                asked = after.but(stage=event.data["from_stage"])
                space.taken.add((step.name, asked.stage, self._branch(asked, step)))
            elif event.type == "referral.requested":
                space.requested.add(event.data["kind"])
            if "deadlines" in event.data:
                began = {each["name"] for each in event.data["deadlines"]}
                space.began |= began
                where, rules = self._due(event, after)
                for rule in rules:
                    if rule is not None and rule.name not in began:
                        distance = len(moves) + (0 if here not in space.nodes else space.nodes[here].distance)
                        known = space.lacking.get((rule.name, where))
                        if known is None or distance < known[0]:
                            space.lacking[rule.name, where] = distance, here, moves

    def _branch(self, asked: Case, step: Step) -> int | None:
        numbered = enumerate(each.when for each in step.to)
        return next((number for number, when in numbered if when is None or holds(self._definition, asked, when)), None)

    def _due(self, event: Event, after: Case) -> tuple[str, Iterable[DeadlineRule | None]]:
        """The deadlines that should begin with an event, and the stage or the kind of referral to which they belong."""
        if "referral_id" not in event.data:
            return after.stage, self._definition.of_stage[after.stage]
        kind = self._definition.referrals[after.referrals[event.data["referral_id"]].kind]
        return kind.name, (kind.response if event.type == "referral.requested" else kind.service,)

    def _marking(self, case: Case) -> Marking:
        """What tells this state from others, as far as anything that can happen depends on it."""
        awaited = case.awaited
        referrals = [(self._classes[each.kind], self._states[each.state]) for each in case.open_referrals()]
        done = {self._classes[each.kind] for each in case.referrals.values() if each.state == DONE}
        return (
            case.stage,
            tuple(case.facts.get(name) for name in self._remembered),
            case.consents,
            tuple(sorted(referrals)) if self._counts else frozenset(referrals),
            tuple(sorted(done)) if self._completed_seen else (),
            None if awaited is None else (awaited.step, tuple(sorted(self._told(awaited.facts).items()))),
        )

    def _told(self, facts: Any) -> dict[str, str]:
        return {name: value for name, value in facts.items() if name in self._told_apart}

    def _kept(self, case: Case) -> Case:
        """The case without what no longer matters, so that it stays small however long its story is."""
        kept = {
            key: each
            for key, each in case.referrals.items()
            if each.open or (self._completed_seen and each.state == DONE)
        }
        running = tuple(each for each in case.deadlines if not each.subject or each.subject in kept)
        return case.but(referrals=kept, deadlines=running, tasks=(), since={})

    def _commands(self, case: Case) -> Iterator[commands.Command]:
        manager = self._manager()
        for step in self._definition.steps.values():
            if case.stage in step.origins and case.awaited is None:
                by = Actor("account-first", step.by[0])
                for facts in self._recordings(step):
                    yield commands.TakeStep(by=by, at=START, now=START, step=step.name, facts=facts)
        if case.awaited is not None:
            by = Actor("account-second", self._definition.steps[case.awaited.step].approved_by[0])
            yield commands.Approve(by=by, at=START, now=START)
            yield commands.Reject(by=by, at=START, now=START)
        for consent in self._definition.consents:
            kind = commands.WithdrawConsent if consent in case.consents else commands.GiveConsent
            yield kind(by=manager, at=START, now=START, consent=consent)
        yield from self._on_referrals(case, manager)

    def _on_referrals(self, case: Case, manager: Actor) -> Iterator[commands.Command]:
        if sum(1 for _ in case.open_referrals()) < self._parallel:
            for name in dict.fromkeys(self._classes.values()):
                kind = self._definition.referrals[name]
                free = f"referral-{case.version}"
                yield commands.RequestReferral(
                    by=manager,
                    at=START,
                    now=START,
                    referral_id=free,
                    kind=name,
                    agency_id=f"{FIRST}-{free}",
                    agency_kind=kind.agency_kinds[0],
                )
        seen = set()
        for each in case.open_referrals():
            if (each.kind, each.state) in seen:
                continue
            seen.add((each.kind, each.state))
            yield from self._answers(case, each, manager)

    def _answers(self, case: Case, referral: Referral, manager: Actor) -> Iterator[commands.Command]:
        member = Actor("account-member", self._definition.answered_by[0], agency_id=referral.agency_id)
        said: dict[str, Any] = {"by": member, "at": START, "now": START, "referral_id": referral.referral_id}
        if referral.state == REQUESTED:
            yield commands.Accept(**said)
        elif referral.state == ACCEPTED:
            yield commands.StartService(**said)
        elif self._completed_seen:
            yield self._complete(referral, said)
        revocable = list(self._definition.revoke_reasons)[:1]
        for reason in revocable:
            yield commands.Revoke(by=manager, at=START, now=START, referral_id=referral.referral_id, reason=reason)
        # However else it ends, the case is then as if it had been revoked: seen once in each stage, that is enough.
        for end in self._ends(case, referral, said):
            tried = type(end), bool(getattr(end, "suitable", ())), referral.kind, case.stage
            if tried not in self._ended or not revocable:
                self._ended.add(tried)
                yield end

    def _ends(self, case: Case, referral: Referral, said: dict[str, Any]) -> Iterator[commands.Command]:
        if referral.state == REQUESTED:
            for reason in list(self._definition.decline_reasons)[:1]:
                yield commands.Decline(**said, reason=reason)
        if referral.state == IN_SERVICE and not self._completed_seen:
            yield self._complete(referral, said)
        for each in case.deadlines:
            if each.subject == referral.referral_id and each.expires_at is not None:
                yield self._passes(each, {})
                yield self._passes(each, {each.subject: (f"{SECOND}-{each.subject}",)})

    def _complete(self, referral: Referral, said: dict[str, Any]) -> commands.Command:
        return commands.Complete(**said, outcome=next(iter(self._definition.referrals[referral.kind].outcomes)))

    def _passes(self, each: Deadline, suitable: dict[str, tuple[str, ...]]) -> commands.Tick:
        end = (each.expires_at or each.due_at) + timedelta(hours=1)
        return commands.Tick(by=CLOCK, at=end, now=end, suitable=suitable, only=each.key)

    def _recordings(self, step: Step) -> Iterator[dict[str, str]]:
        """What a step can record, as far as anything depends on it; a fact that it only may record is left out too."""
        values: dict[str, tuple[str | None, ...]] = {}
        values.update({name: self._tried(name, self._values[name][:1]) for name in step.records})
        values.update({name: (None, *self._tried(name, ())) for name in step.may_record if name not in values})
        for chosen in product(*values.values()):
            yield {name: value for name, value in zip(values, chosen, strict=True) if value is not None}

    def _tried(self, fact: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
        return self._values[fact] if fact in self._told_apart else otherwise

    def _manager(self) -> Actor:
        return Actor("account-manager", self._definition.managed_by[0])
