"""All that people can do to a case, gone through without any of the check's shortcuts: to hold the check against it.

It knows `decide` and `evolve`, and nothing of explore.py. No two values, kinds, or states of referrals count as one; of
the roles that may do the same, one does it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any

from services.cases.engine import Case, Definition, Refusal, commands, decide, evolve
from shared.access.actor import Actor
from tests.unit.cases.engine.cases import CLOCK, MONDAY

CODES = {"severity": "high", "age_band": "age_13_14"}
Found = Iterator[tuple[commands.Command, Case]]


def opened(definition: Definition) -> Case:
    """A new case."""
    return _after(definition, None, commands.Open(by=CLOCK, at=MONDAY, now=MONDAY, case_id="case-1", about=CODES))


def moves(definition: Definition, case: Case, referrals: int = 1) -> Found:
    """Every command that is possible now, with the case after it; so many referrals are open at most."""
    for command in _commands(definition, case, referrals):
        decided = decide(definition, case, command)
        if not isinstance(decided, Refusal) and decided:
            yield command, _after(definition, case, command)


def alike(case: Case) -> Any:
    """What tells a case from others, but for times and ids."""
    referrals = sorted((each.kind, each.state) for each in case.referrals.values() if each.open)
    done = {each.kind for each in case.referrals.values() if each.state == "completed"}
    awaited = case.awaited and (case.awaited.step, tuple(sorted(case.awaited.facts.items())))
    facts = tuple(sorted(case.facts.items()))
    return case.stage, facts, case.consents, tuple(referrals), tuple(sorted(done)), awaited


def nearest(definition: Definition, wanted: Callable[[Case], bool], most: int = 20_000) -> int | None:
    """How many commands lead to the nearest case that is wanted, one command after the other; None if none was found
    among so many cases."""
    first = opened(definition)
    seen = {alike(first)}
    waiting = deque([(0, first)])
    while waiting and len(seen) < most:
        distance, case = waiting.popleft()
        if wanted(case):
            return distance
        for _, after in moves(definition, case):
            if alike(after) not in seen:
                seen.add(alike(after))
                waiting.append((distance + 1, after))
    return None


def _after(definition: Definition, case: Case | None, command: commands.Command) -> Case:
    decided = decide(definition, case, command)
    assert not isinstance(decided, Refusal), decided
    for event in decided:
        case = evolve(definition, case, event)
    assert case is not None
    return case


def _commands(definition: Definition, case: Case, referrals: int) -> Iterator[commands.Command]:
    def said(number: int, role: str, agency: str | None = None) -> dict[str, Any]:
        return {"by": Actor(f"account-{number}", role, agency), "at": MONDAY, "now": MONDAY}

    for step in definition.steps.values():
        if case.stage in step.origins:
            for role, facts in product(step.by[:1], _facts(definition, step.records, step.may_record)):
                yield commands.TakeStep(**said(1, role), step=step.name, facts=facts)
    if case.awaited is not None:
        for role in definition.steps[case.awaited.step].approved_by[:1]:
            yield commands.Approve(**said(2, role))
            yield commands.Reject(**said(2, role))
    for role in definition.managed_by[:1]:
        for consent in definition.consents:
            given = consent in case.consents
            yield (commands.WithdrawConsent if given else commands.GiveConsent)(**said(1, role), consent=consent)
        if sum(1 for _ in case.open_referrals()) < referrals:
            for kind in definition.referrals.values():
                new = {"referral_id": f"referral-{case.version}", "kind": kind.name, "agency_id": "agency-1"}
                yield commands.RequestReferral(**said(1, role), **new, agency_kind=kind.agency_kinds[0])
        for each in case.open_referrals():
            of = {"referral_id": each.referral_id}
            member = said(3, definition.answered_by[0], each.agency_id)
            yield commands.Accept(**member, **of)
            yield commands.StartService(**member, **of)
            yield commands.Complete(**member, **of, outcome=next(iter(definition.referrals[each.kind].outcomes)))
            yield commands.Decline(**member, **of, reason=next(iter(definition.decline_reasons)))
            yield commands.Revoke(**said(1, role), **of, reason=next(iter(definition.revoke_reasons)))
    for running in case.deadlines:
        if running.expires_at is not None:
            end = running.expires_at + timedelta(hours=1)
            yield commands.Tick(by=CLOCK, at=end, now=end, only=running.key)


def _facts(definition: Definition, records: tuple[str, ...], may: tuple[str, ...]) -> Iterator[dict[str, str]]:
    values: dict[str, tuple[str | None, ...]] = {name: (None, *definition.facts[name].values) for name in may}
    values |= {name: definition.facts[name].values for name in records}
    for chosen in product(*values.values()):
        yield {name: value for name, value in zip(values, chosen, strict=True) if value is not None}
