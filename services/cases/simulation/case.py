"""One case while it is played: who manages it, the agencies that answer its referrals, and the clock.

Whoever acts looks at what is `available`, gives a command, and `decide` has the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from random import Random
from typing import TYPE_CHECKING, Any

import simpy

from services.cases.engine import Event, Refusal, available, commands, decide, evolve
from services.cases.engine.refusals import Reason
from services.cases.engine.state import DECLINED, EXPIRED, REQUESTED, Task
from services.cases.model import URGENCY
from services.cases.simulation.figures import Length, working_days
from shared.access.actor import Actor, system_actor
from shared.domain.working_time import add_working_hours, in_office_hours

if TYPE_CHECKING:
    from services.cases.simulation.play import City

Waiting = Generator[simpy.Event, Any, None]
CLOCK = system_actor("cases.clock")
FAR = datetime(9999, 1, 1, tzinfo=UTC)


class PlayedCase:
    """A case that is carried from its report to its closure, or to the end of the run."""

    def __init__(self, city: City, number: int) -> None:
        self._city, self._number = city, number
        self._definition, self._figures, self._result = city.definition, city.figures, city.result
        self._random = cache(partial(city.random, number))
        self._changed = city.env.event()
        self._over: dict[str, simpy.Event] = {}
        """Referral -> comes when it ends without its agency."""
        self._needed: list[str] = []
        self._chosen: str | None = None
        self._earliest = city.now
        self._entered = city.now
        self._watched: datetime | None = None
        about = {name: drawn(weights, self._random("about", name)) for name, weights in city.figures.about.items()}
        self._urgency = URGENCY.get(about.get("severity", ""), URGENCY["medium"])
        self._result.arrived += 1
        opening = commands.Open(by=CLOCK, at=city.now, now=city.now, case_id=f"case-{number}", about=about)
        decided = decide(self._definition, None, opening)
        if isinstance(decided, Refusal):
            raise AssertionError("a case can always be opened")
        self._case = evolve(self._definition, None, decided[0])
        self._opened = city.now
        self._saw(decided)
        self._enter(self._case.stage)

    # --- Who manages the case ---------------------------------------------------------------------------------------

    def life(self) -> Waiting:
        """Does what is next, again and again, until the case is in a final stage."""
        while not self._definition.stages[self._case.stage].final:
            if self._case.awaited is not None:
                yield from self._approve()
            elif self._case.tasks:
                yield from self._see_to(self._case.tasks[0])
            elif self._needed:
                yield from self._refer(self._needed[0], set())
            else:
                yield from self._step()

    def _approve(self) -> Waiting:
        awaited = self._case.awaited
        if awaited is None:
            return
        role, random = self._definition.steps[awaited.step].approved_by[0], self._random("approval")
        rejects = random.random() < self._figures.rejected
        kind = commands.Reject if rejects else commands.Approve
        by = Actor(f"account-second-{role}", role)
        yield from self._work(role, self._figures.approval, random, partial(self._gives, kind, by))

    def _see_to(self, task: Task) -> Waiting:
        """Asks another agency if one is left that has not been asked; else goes on without."""
        referral = self._case.referrals.get(task.subject)
        if referral is not None and self._case.stage in self._definition.referrals[referral.kind].stages:
            ended = [each for each in self._case.referrals.values() if each.state in (DECLINED, EXPIRED)]
            asked = {each.agency_id for each in ended if each.kind == referral.kind}
            if self._city.agency(referral.kind, asked) is not None:
                yield from self._refer(referral.kind, asked)
                return
        finished = partial(self._gives, commands.FinishTask, self._manager(), task_id=task.task_id)
        yield from self._work(self._manager().role, self._figures.request, self._random("requests"), finished)

    def _refer(self, kind: str, asked: set[str]) -> Waiting:
        reasons = self._reasons("request_referral", kind)
        if any(each.code == "no_consent" for each in reasons):
            yield from self._consent(reasons)
            return
        if not reasons:
            requested = partial(self._requests, kind, asked)
            yield from self._work(self._manager().role, self._figures.request, self._random("requests"), requested)
        if kind in self._needed:
            self._needed.remove(kind)

    def _requests(self, kind: str, asked: set[str]) -> bool:
        agency_id = self._city.agency(kind, asked)
        return agency_id is not None and self._gives(
            commands.RequestReferral,
            self._manager(),
            referral_id=f"referral-{self._number}-{len(self._case.referrals)}",
            kind=kind,
            agency_id=agency_id,
            agency_kind=self._definition.referrals[kind].agency_kinds[0],
        )

    def _consent(self, reasons: tuple[Reason, ...]) -> Waiting:
        consent = next(each.about["consent"] for each in reasons if each.code == "no_consent")
        given = partial(self._gives, commands.GiveConsent, self._manager(), consent=consent)
        yield from self._work(self._manager().role, self._figures.consent, self._random("consents"), given)

    def _step(self) -> Waiting:
        """Takes the step that was chosen, when it is time and nothing stands in its way."""
        if self._chosen is None and not self._choose(("no_consent", "not_fulfilled")):
            yield self._changed
            return
        name = self._chosen or ""
        if self._city.now < self._earliest:
            yield self._city.until(self._earliest) | self._changed
            return
        reasons = self._reasons("take_step", name)
        codes = {each.code for each in reasons}
        if "no_consent" in codes:
            yield from self._consent(reasons)
        elif "not_fulfilled" in codes and any(self._case.open_referrals()):
            yield self._changed
        elif codes:
            self._chosen = None
            if not self._choose(()):
                yield self._changed
        else:
            step, work = self._definition.steps[name], self._figures.steps[name]
            facts = {fact: drawn(each, self._random("facts", fact)) for fact, each in work.facts.items()}
            by = Actor(f"account-first-{step.by[0]}", step.by[0])
            taken = partial(self._gives, commands.TakeStep, by, step=name, facts=facts)
            yield from self._work(by.role, work.work, self._random("work", name), taken)
            self._chosen = None

    def _choose(self, allowed: tuple[str, ...]) -> bool:
        """Chooses a step by its weight among those in whose way there is no more than what is allowed."""
        wanted = self._figures.choices.get(self._case.stage, {})
        steps = self._definition.steps
        standing = {role: self._standing(role) for role in {steps[name].by[0] for name in wanted}}
        open_ways = {
            name: weight
            for name, weight in wanted.items()
            if weight and all(each.code in allowed for each in standing[steps[name].by[0]]["take_step", name])
        }
        if not open_ways:
            return False
        self._chosen = drawn(open_ways, self._random("choice", self._case.stage))
        after = self._figures.steps[self._chosen].after
        now = self._city.now
        self._earliest = now if after is None else after.after(now, self._random("after", self._chosen))
        return True

    def _work(self, role: str, length: Length, random: Random, give: Callable[[], bool]) -> Waiting:
        """Waits for somebody of the role, the most urgent case first, who then works in office time and gives it."""
        if not in_office_hours(self._city.now):
            yield self._city.until(opening(self._city.now))
        asked, stage = self._city.now, self._case.stage
        due = min((each.due_at for each in self._case.deadlines), default=FAR)
        with self._city.people[role].request(priority=(self._urgency, due, self._number)) as turn:  # type: ignore[arg-type]
            yield turn
            self._result.free[stage].append(working_days(asked, self._city.now))
            yield self._city.until(length.after(self._city.now, random))
            give()

    def _manager(self) -> Actor:
        role = self._definition.managed_by[0]
        return Actor(f"account-first-{role}", role)

    def _reasons(self, command: str, subject: str) -> tuple[Reason, ...]:
        """What stands in the way of a command for somebody who may give it."""
        role = self._definition.steps[subject].by[0] if command == "take_step" else self._manager().role
        return self._standing(role)[command, subject]

    def _standing(self, role: str) -> dict[tuple[str, str], tuple[Reason, ...]]:
        """What stands in the way of each command, for a role."""
        by = Actor(f"account-first-{role}", role)
        possible = available(self._definition, self._case, by, self._city.now)
        return {(each.command, each.subject): each.reasons for each in possible}

    # --- Agencies and the clock -------------------------------------------------------------------------------------

    def _answers(self, referral_id: str) -> Waiting:
        """The agency that was asked: it waits for a place, answers, and gives the service."""
        referral = self._case.referrals[referral_id]
        each, random = self._figures.referrals[referral.kind], self._random("service", referral.kind)
        member = Actor(f"account-{referral.agency_id}", self._definition.answered_by[0], referral.agency_id)
        over = self._over[referral_id] = self._city.env.event()
        declines = random.random() < each.declines
        outcome = drawn(each.outcomes or dict.fromkeys(self._definition.referrals[referral.kind].outcomes, 1), random)
        with self._city.agencies[referral.kind][referral.agency_id].request() as place:
            yield place | over
            yield self._city.until(each.answer.after(self._city.now, random)) | over
            if over.triggered:
                return
            if declines:
                reason = next(iter(self._definition.decline_reasons))
                self._gives(commands.Decline, member, referral_id=referral_id, reason=reason)
                return
            self._gives(commands.Claim, member, referral_id=referral_id)
            self._gives(commands.Accept, member, referral_id=referral_id)
            yield self._city.until(each.begin.after(self._city.now, random)) | over
            self._gives(commands.StartService, member, referral_id=referral_id)
            yield self._city.until(each.service.after(self._city.now, random)) | over
            self._gives(commands.Complete, member, referral_id=referral_id, outcome=outcome)

    def _watch(self) -> None:
        """Has the clock look when something is due next."""
        due = self._case.next_at
        if due is not None and due != self._watched:
            self._watched = due
            self._city.env.process(self._tick(due))

    def _tick(self, due: datetime) -> Waiting:
        yield self._city.until(due)
        suitable = {
            each.referral_id: self._city.suitable(each.kind)
            for each in self._case.open_referrals()
            if each.state == REQUESTED
        }
        self._gives(commands.Tick, CLOCK, suitable=suitable)

    # --- What happens -----------------------------------------------------------------------------------------------

    def _gives(self, kind: type[commands.Command], by: Actor, /, **said: Any) -> bool:
        """Gives a command; whether it was possible."""
        now = self._city.now
        decided = decide(self._definition, self._case, kind(by=by, at=now, now=now, **said))
        if isinstance(decided, Refusal):
            return False
        for event in decided:
            self._case = evolve(self._definition, self._case, event)
        self._saw(decided)
        return True

    def _saw(self, events: tuple[Event, ...]) -> None:
        """Keeps count, and lets whoever waits go on."""
        for event in events:
            if event.type != "case.clock_paused":
                self._result.begun.update(each["name"] for each in event.data.get("deadlines", ()) if not each["late"])
            match event.type:
                case "case.step_taken" if event.data["to_stage"] != event.data["from_stage"]:
                    self._leave(event.data["from_stage"])
                    self._enter(event.data["to_stage"])
                case "case.deadline_at_risk":
                    self._result.at_risk[event.data["name"]] += 1
                case "case.deadline_breached":
                    self._result.breached[event.data["name"]] += 1
                case "referral.requested":
                    self._city.env.process(self._answers(event.data["referral_id"]))
                case "referral.expired" | "referral.revoked":
                    self._over[event.data["referral_id"]].succeed()
        if events:
            self._changed.succeed()
            self._changed = self._city.env.event()
        self._watch()

    def _leave(self, stage: str) -> None:
        self._result.there[stage] -= 1
        self._result.stays[stage].append(working_days(self._entered, self._city.now))

    def _enter(self, stage: str) -> None:
        self._entered, self._chosen = self._city.now, None
        self._result.came[stage] += 1
        self._result.there[stage] += 1
        if self._definition.stages[stage].final:
            self._result.closed += 1
            self._result.ways.append(working_days(self._opened, self._city.now))
        open_kinds = {each.kind for each in self._case.open_referrals()}
        self._needed = [
            kind
            for kind, each in self._figures.referrals.items()
            if self._random("needs", stage, kind).random() < each.needed.get(stage, 0) and kind not in open_kinds
        ]


def drawn(weights: Mapping[str, float], random: Random) -> str:
    """A name, chosen by its weight."""
    return random.choices(list(weights), list(weights.values()))[0]


def opening(moment: datetime) -> datetime:
    """When the offices open next after a moment at which they are closed."""
    # The first office minute that passes ends a minute after they open.
    return add_working_hours(moment, 1 / 60) - timedelta(minutes=1)
