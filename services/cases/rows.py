"""What the rows of the queues say: what whoever reads them can do next, and what is due first.

One page of a queue is looked at, with two questions to the database at most. Nothing is decided here: `available` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.cases import commands, definitions, records, store, texts
from services.cases.engine import Definition, Possible, available
from services.cases.engine.state import LATE, OPEN, PAUSED
from shared.access import current_actor, may
from shared.web import current_foundation

SHOWN = 3
"""How many commands a row of the work queue names at most; the case page has all of them."""
WAITING = ("approve", "reject", "finish_task")
STEP = "take_step"


@dataclass(frozen=True)
class Next:
    """What can be done now, each as (command, subject, its words); how many more there are; the stored deadline that
    comes first (an overdue one if there is any), and what it is called."""

    commands: Sequence[tuple[str, str, str]] = ()
    more: int = 0
    deadline: Mapping[str, Any] | None = None
    due: str = ""


def of_cases(page: Sequence[Mapping[str, Any]]) -> dict[str, Next]:
    """By the id of each stored case of a page: what the actor can do. One on a version that this process does not have
    says nothing."""
    database, actor, now = current_foundation().database, current_actor(), current_foundation().clock()
    known = {found["workflow"]: definitions.find(found["workflow"]) for found in page}
    works_for = records.works_for(each for each in known.values() if each is not None)
    rows: dict[str, Next] = {}
    for found, state in zip(page, store.read_all(database, page), strict=True):
        definition = known[found["workflow"]]
        if definition is None:
            rows[found["_id"]] = Next()
            continue
        mine = available(definition, state, actor, now, works_for) if may(actor, "case.act", found) else []
        now_mine = [each for each in mine if each.now and each.command not in commands.OF_AN_AGENCY]
        first = [each for each in now_mine if each.command in WAITING]
        first += [each for each in now_mine if each.command == STEP and not _ends(definition, each.subject)]
        named = first[:SHOWN] or now_mine[:1]
        deadline = _first_deadline(found)
        due = "" if deadline is None else texts.deadline(definition, deadline["name"])
        rows[found["_id"]] = Next(_in_words(definition, found, named), len(now_mine) - len(named), deadline, due)
    return rows


def of_referrals(page: Sequence[Mapping[str, Any]]) -> dict[str, Next]:
    """By the id of each stored referral of a page: which answers the actor can give."""
    database, actor, now = current_foundation().database, current_actor(), current_foundation().clock()
    open_ones = [each for each in page if each["state"] in OPEN and may(actor, "referral.answer", each)]
    cases = store.by_id(database, {each["case_id"] for each in open_ones})
    rows: dict[str, Next] = {}
    for found in open_ones:
        definition = definitions.find(found["workflow"])
        if definition is None or found["case_id"] not in cases:
            continue
        possible = available(definition, cases[found["case_id"]], actor, now)
        own = [each for each in possible if each.subject == found["_id"] and each.command in commands.OF_AN_AGENCY]
        answers = (each for each in own if each.now)
        rows[found["_id"]] = Next(_in_words(definition, records.known_to_agency(found), answers))
    return rows


def _ends(definition: Definition, step: str) -> bool:
    """Whether a step can only end a case. Such a one is possible nearly always, and rarely what comes next."""
    branches = definition.steps[step].to
    return bool(branches) and all(definition.stages[branch.stage].final for branch in branches)


def _first_deadline(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The deadline of a stored case that comes first. One that had passed before it was entered tells nothing any more
    where another runs."""
    going = [each for each in found["deadlines"] if each["phase"] != PAUSED]
    return min(going, key=lambda each: (each["phase"] == LATE, each["due_at"]), default=None)


def _in_words(
    definition: Definition, shown: Mapping[str, Any], possible: Iterable[Possible]
) -> list[tuple[str, str, str]]:
    """Commands with their words, as a row has them."""
    return [
        (each.command, each.subject, texts.command(definition, shown, each.command, each.subject)) for each in possible
    ]
