"""The engine beside SpiffWorkflow (spiff.py): one case from report to closure with two referrals, in memory and stored;
beside the bare write of the same documents; and how long the check takes by the number of parallel referrals.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, groupby
from operator import itemgetter
from typing import Any, Protocol
from unittest.mock import patch

from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from services.cases import commands as product
from services.cases import store
from services.cases.definitions import current as workflow
from services.cases.engine import Case, Definition, Refusal, commands, decide, evolve
from services.cases.engine.checks import check
from services.cases.handlers import handlers
from shared.access import Actor, system_actor
from shared.events import Event
from shared.foundation import Foundation
from shared.ids import new_id
from shared.journal import Command, Context, Unit
from tests.performance import spiff
from tests.performance.figures import Figure, share
from tests.performance.ground import Ground, a_registered_report

PLAYED, STORED, ROUNDS = 200, 25, 5
PARALLEL = 8
NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
OFFICE, CITY = "agency-office", system_actor("bench")
WORKER = Actor("account-worker", "case_worker", OFFICE)
SUPERVISOR = Actor("account-supervisor", "supervisor", OFFICE)
ASSESSED = {"needs": "services", "working": "working", "schooling": "none"}
ASKED = {"health": "health_centre", "education": "education_office"}
"""Kind of referral -> kind of the agency that is asked."""


class Ready(Protocol):
    """What `stored` needs of the ground: places where nothing is yet."""

    def new_prefix(self) -> str: ...

    def foundation(self, service: str, prefix: str) -> Foundation: ...


@dataclass(frozen=True)
class Sizes:
    """How many cases are played in memory and stored in one round, how many rounds, and referrals in the check."""

    played: int = PLAYED
    stored: int = STORED
    rounds: int = ROUNDS
    parallel: int = PARALLEL


def figures(here: Ground, sizes: Sizes) -> list[Figure]:
    """All of them."""
    return [*in_memory(sizes), *stored(here, sizes), *checked(sizes)]


# --- In memory ------------------------------------------------------------------------------------------------------


def in_memory(sizes: Sizes) -> list[Figure]:
    """Commands per second of one core, all in turn in each round: the medians.

    SpiffWorkflow's process has no deadlines, so ours is played with them, as it is shipped, and without.
    """
    definition, few = workflow(), max(sizes.played // 20, 1)
    without = without_deadlines(definition)
    ours, same, theirs = [], [], []
    for number in range(sizes.rounds):
        # Each command at a moment of its own, as they come: no deadline was reckoned before.
        begins = [NOW + timedelta(days=number, seconds=97 * each) for each in range(sizes.played)]
        ours.append(_rate((list(story(begin)) for begin in begins), partial(play, definition)))
        same.append(_rate((list(story(begin)) for begin in begins), partial(play, without)))
        theirs.append(_rate([spiff.SAID] * few, spiff.play))
    floor, unit = statistics.median(theirs), "a second of one core"
    return [
        share("commands decided and evolved, beside SpiffWorkflow", statistics.median(ours), floor, unit, 20),
        share("the same without deadlines, which it has not either", statistics.median(same), floor, unit, 20),
    ]


def without_deadlines(definition: Definition) -> Definition:
    """The same steps and referrals, and nothing is ever due."""
    kinds = {
        kind: replace(each, response=replace(each.response, within={}), service=None)
        for kind, each in definition.referrals.items()
    }
    return replace(definition, deadlines={}, referrals=kinds)


def play(definition: Definition, given: Iterable[commands.Command]) -> Case:
    """One case, in memory."""
    case: Case | None = None
    for command in given:
        decided = decide(definition, case, command)
        if isinstance(decided, Refusal):
            raise AssertionError(f"{command}: {decided.codes}")
        for event in decided:
            case = evolve(definition, case, event)
    if case is None:
        raise AssertionError("a story begins with a case")
    return case


def story(begin: datetime) -> Iterator[commands.Command]:
    """The commands of one case from its report to its closure, a minute apart: what spiff.SAID says there."""
    moments = (begin + timedelta(minutes=number) for number in count())

    def said(by: Actor) -> dict[str, Any]:
        now = next(moments)
        return {"by": by, "at": now, "now": now}

    take, better = commands.TakeStep, {"working": "stopped", "schooling": "school"}
    yield commands.Open(case_id="case-1", about={"severity": "high"}, **said(WORKER))
    yield take(step="screen", facts={"risk": "medium"}, **said(WORKER))
    yield take(step="assess", facts=ASSESSED, **said(WORKER))
    for consent in ("services", "disclosure"):
        yield commands.GiveConsent(consent=consent, **said(WORKER))
    yield take(step="agree_plan", **said(WORKER))
    yield commands.Approve(**said(SUPERVISOR))
    for kind, agency in ASKED.items():
        asked = {"kind": kind, "agency_id": f"agency-{kind}", "agency_kind": agency}
        yield commands.RequestReferral(referral_id=f"referral-{kind}", **asked, **said(WORKER))
    for kind in ASKED:
        member, referral_id = Actor(f"account-{kind}", "partner_agency", f"agency-{kind}"), f"referral-{kind}"
        yield commands.Claim(referral_id=referral_id, **said(member))
        yield commands.Accept(referral_id=referral_id, **said(member))
        yield commands.StartService(referral_id=referral_id, **said(member))
        yield commands.Complete(referral_id=referral_id, outcome="helped", **said(member))
    yield take(step="end_services", facts=better, **said(WORKER))
    yield take(step="visit", facts=better, **said(WORKER))
    yield take(step="close", facts={"closure_reason": "goals_reached"}, **said(WORKER))
    yield commands.Approve(**said(SUPERVISOR))


def _rate(cases: Iterable[Sequence[Any]], play: Callable[[Any], object]) -> float:
    """Commands per second of processor time, which others on the machine do not change. Making a story is not timed."""
    played, seconds = 0, 0.0
    for each in cases:
        began = time.process_time()
        play(each)
        seconds += time.process_time() - began
        played += 1
    return played * spiff.COMMANDS / seconds


# --- Stored ---------------------------------------------------------------------------------------------------------


def stored(here: Ready, sizes: Sizes) -> list[Figure]:
    """Commands per second, each safely on disk before the next, in turn: ours, SpiffWorkflow's, and the bare write."""
    few = max(sizes.stored // 5, 1)
    rates: dict[str, list[float]] = defaultdict(list)
    for _ in range(sizes.rounds):
        foundation, other = (here.foundation("cases", here.new_prefix()) for _ in range(2))
        city, watch = City(foundation), Watch()
        with recorded() as transactions:
            for _ in range(sizes.stored):
                city.play()
        city.watch = Watch()
        for _ in range(sizes.stored):
            city.play()
        watch.time(lambda db=other.database, same=transactions: write(db, same))
        persistence, theirs = spiff.Persistence(other.database["workflows"]), Watch()
        for number in range(few):
            theirs.time(partial(persistence.play, number))
        rates["ours"].append(len(transactions) / city.watch.seconds)
        rates["bare"].append(len(transactions) / watch.seconds)
        rates["theirs"].append(few * spiff.COMMANDS / theirs.seconds)
        rates["our core"].append(len(transactions) / city.watch.processor)
        rates["their core"].append(few * spiff.COMMANDS / theirs.processor)
        for each in (foundation, other):
            each.database.client.close()
    found = {name: statistics.median(each) for name, each in rates.items()}
    name = "commands stored, beside"
    return [
        share(f"{name} SpiffWorkflow", found["ours"], found["theirs"], "a second", 5),
        share(f"{name} SpiffWorkflow, of one core", found["our core"], found["their core"], "a second of one core"),
        share(f"{name} the bare write of the same documents", found["ours"], found["bare"], "a second", 0.6),
    ]


class Watch:
    """How long calls took together: by the clock, and of this process's time on a processor."""

    def __init__(self) -> None:
        self.seconds = self.processor = 0.0

    def time(self, call: Callable[[], object]) -> None:
        """Calls it, and adds its time."""
        began = time.perf_counter(), time.process_time()
        call()
        self.seconds += time.perf_counter() - began[0]
        self.processor += time.process_time() - began[1]


class City:
    """Two agencies, and cases that are carried from report to closure as the web processes do it, without HTTP.

    `watch`: how long its commands have taken. What the story has to look up between them does not count.
    """

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self.watch = Watch()
        self._agencies = {kind: new_id("agency") for kind in ASKED}
        for kind, agency_id in self._agencies.items():
            facts = {"agency_id": agency_id, "kind": ASKED[kind], "kecamatan": None, "active": True}
            self._hear("agency.registered", agency_id, facts)

    def play(self) -> dict[str, Any]:
        """One case; returns it as it is stored."""
        report = dict(a_registered_report().data)
        self._hear("report.registered", report["report_id"], report)
        [case_id] = product.case_ids(report)
        take, better = partial(product.Order, "take_step"), {"working": "stopped", "schooling": "school"}
        self._act(WORKER, case_id, take("screen", facts={"risk": "medium"}))
        self._act(WORKER, case_id, take("assess", facts=ASSESSED))
        for consent in ("services", "disclosure"):
            self._act(WORKER, case_id, product.Order("give_consent", consent))
        self._act(WORKER, case_id, take("agree_plan"))
        self._act(SUPERVISOR, case_id, product.Order("approve"))
        for kind, agency_id in self._agencies.items():
            self._act(WORKER, case_id, product.Order(product.REQUEST, kind, agency_id=agency_id))
        for referral in self._case(case_id)["referrals"]:
            member, referral_id = (
                Actor(new_id("account"), "partner_agency", referral["agency_id"]),
                referral["referral_id"],
            )
            for command in ("claim", "accept", "start_service"):
                self._answer(member, product.Order(command, referral_id))
            self._answer(member, product.Order("complete", referral_id, outcome="helped"))
        self._act(WORKER, case_id, take("end_services", facts=better))
        self._act(WORKER, case_id, take("visit", facts=better))
        self._act(WORKER, case_id, take("close", facts={"closure_reason": "goals_reached"}))
        self._act(SUPERVISOR, case_id, product.Order("approve"))
        return self._case(case_id)

    def _case(self, case_id: str) -> dict[str, Any]:
        return self._foundation.database[store.CASES].find_one({"_id": case_id}) or {}

    def _act(self, by: Actor, case_id: str, order: product.Order) -> None:
        version = self._case(case_id)["version"]
        key = Command(by.id, new_id("key"), "fingerprint")
        self.watch.time(lambda: product.act(self._foundation, by, case_id, version, order, key))

    def _answer(self, by: Actor, order: product.Order) -> None:
        found = self._foundation.database[store.REFERRALS].find_one({"_id": order.subject}) or {}
        key = Command(by.id, new_id("key"), "fingerprint")
        self.watch.time(lambda: product.answer(self._foundation, by, order.subject, found["version"], order, key))

    def _hear(self, type_name: str, stream: str, data: Mapping[str, Any]) -> None:
        now = self._foundation.clock()
        event = Event(new_id("event"), type_name, "bench", stream, 1, 1, now, now, data, "bench", "c")
        handle = handlers(self._foundation)[type_name]
        self.watch.time(lambda: self._foundation.journal.transact(partial(handle, event), Context("system:bench")))


Write = tuple[str, Mapping[str, Any], Mapping[str, Any] | None, bool]
"""Collection; the document, or the filter and the update; whether it is added if nothing is found."""


@contextmanager
def recorded() -> Iterator[list[list[Write]]]:
    """What units of work write meanwhile: a list of writes for each transaction."""
    transactions: list[list[Write]] = []

    class Recorded(Unit):
        def __init__(self, *parts: Any) -> None:
            super().__init__(*parts)
            transactions.append([])

        def insert(self, collection: Any, document: Mapping[str, Any]) -> None:
            transactions[-1].append((collection.name, dict(document), None, False))
            super().insert(collection, document)

        def update(self, collection: Any, filter: Any, update: Any, *, upsert: bool = False, **how: Any) -> None:
            transactions[-1].append((collection.name, filter, update, upsert))
            super().update(collection, filter, update, upsert=upsert, **how)

    with patch("shared.journal.journal.Unit", Recorded):
        yield transactions


def write(database: Database, transactions: Iterable[Sequence[Write]]) -> None:
    """The same writes in the same transactions, by pymongo alone: one call for each collection."""
    for writes in transactions:
        with database.client.start_session() as session:
            session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority", j=True))
            for name, entries in groupby(writes, key=itemgetter(0)):
                each = list(entries)
                if all(update is None for _, _, update, _ in each):
                    database[name].insert_many([dict(document) for _, document, _, _ in each], session=session)
                    continue
                for _, found, update, upsert in each:
                    database[name].update_one(found, update or {}, upsert=upsert, session=session)
            session.commit_transaction()


# --- Checked --------------------------------------------------------------------------------------------------------


def checked(sizes: Sizes) -> list[Figure]:
    """How long the check of the shipped definition takes, and how many states it goes through."""
    found = []
    for parallel in range(1, sizes.parallel + 1):
        began = time.perf_counter()
        result = check(workflow(), parallel)
        seconds = time.perf_counter() - began
        name = f"check with {parallel} parallel referrals"
        found += [Figure(f"{name}: time", round(seconds, 2), "s"), Figure(f"{name}: states", result.states, "states")]
    return found
