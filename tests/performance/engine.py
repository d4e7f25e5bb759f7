"""The engine beside SpiffWorkflow (spiff.py): one case from report to closure with two referrals, in memory and stored;
beside the bare write of the same documents; and how long the check takes by the number of parallel referrals.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, groupby
from operator import itemgetter
from typing import Any, Protocol, TypeVar
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
AT_ONCE = 16
"""Cases that are carried at the same time: as many as a web process has threads."""
Answer = TypeVar("Answer")
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
    """Commands per second, each safely on disk before the next of its case: ours, SpiffWorkflow's, and the bare write.

    One case after another by the clock; and AT_ONCE cases at the same time, as under load, by the time of a core.
    """
    rates: dict[str, list[float]] = defaultdict(list)
    for _ in range(sizes.rounds):
        foundation, other = (here.foundation("cases", here.new_prefix()) for _ in range(2))
        for name, rate in (*_ours(foundation, other.database, sizes), *_theirs(other.database, sizes)):
            rates[name].append(rate)
        for each in (foundation, other):
            each.database.client.close()
    found = {name: statistics.median(each) for name, each in rates.items()}
    name, core = "commands stored, beside", "a second of one core"
    best = max(found["their core"], found["their core, at once"])
    return [
        share(f"{name} SpiffWorkflow, {AT_ONCE} cases at once", found["our core, at once"], best, core, 5),
        share(
            f"{name} SpiffWorkflow, the same by the clock", found["ours, at once"], found["theirs, at once"], "a second"
        ),
        share(f"{name} SpiffWorkflow, one case", found["our core"], found["their core"], core),
        share(f"{name} SpiffWorkflow, one case, by the clock", found["ours"], found["theirs"], "a second"),
        share(f"{name} the bare write of the same documents", found["ours"], found["bare"], "a second", 0.6),
    ]


def _ours(foundation: Foundation, empty: Database, sizes: Sizes) -> Iterator[tuple[str, float]]:
    city, one, bare = City(foundation), Watch(), Watch()
    with recorded() as transactions:
        for _ in range(sizes.stored):
            city.play(Watch())
    for _ in range(sizes.stored):
        city.play(one)
    bare.time(lambda: write(empty, transactions))
    yield "ours", sizes.stored * spiff.COMMANDS / one.seconds
    yield "our core", sizes.stored * spiff.COMMANDS / one.processor
    yield "bare", len(transactions) / bare.seconds
    many = sizes.stored * 4
    began = time.perf_counter()
    spent = at_once(lambda _, watch: city.play(watch), many)
    yield "our core, at once", many * spiff.COMMANDS / spent
    yield "ours, at once", many * spiff.COMMANDS / (time.perf_counter() - began)


def _theirs(database: Database, sizes: Sizes) -> Iterator[tuple[str, float]]:
    persistence, one, few = spiff.Persistence(database["workflows"]), Watch(), max(sizes.stored // 5, 1)
    for number in range(few):
        one.time(partial(persistence.play, number))
    yield "theirs", few * spiff.COMMANDS / one.seconds
    yield "their core", few * spiff.COMMANDS / one.processor
    began = time.perf_counter()
    spent = at_once(lambda number, watch: watch.time(partial(persistence.play, number)), few * 4)
    yield "their core, at once", few * 4 * spiff.COMMANDS / spent
    yield "theirs, at once", few * 4 * spiff.COMMANDS / (time.perf_counter() - began)


class Watch:
    """How long calls of one thread took together: by the clock, and of the thread's time on a processor."""

    def __init__(self) -> None:
        self.seconds = self.processor = 0.0

    def time(self, call: Callable[[], Answer]) -> Answer:
        """Calls it, and adds its time."""
        began = time.perf_counter(), time.thread_time()
        answer = call()
        self.seconds += time.perf_counter() - began[0]
        self.processor += time.thread_time() - began[1]
        return answer


def at_once(play: Callable[[int, Watch], object], cases: int) -> float:
    """Plays so many cases, AT_ONCE of them at a time; returns the processor time of all threads, in seconds."""
    watches = [Watch() for _ in range(cases)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(play, range(cases), watches))
    return sum(watch.processor for watch in watches)


class City:
    """Two agencies, and cases that are carried from report to closure as the web processes do it, without HTTP.

    A watch is told of every command. What the story has to look up between them does not count.
    """

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._agencies = {kind: new_id("agency") for kind in ASKED}
        for kind, agency_id in self._agencies.items():
            facts = {"agency_id": agency_id, "kind": ASKED[kind], "kecamatan": None, "active": True}
            self._hear("agency.registered", agency_id, facts)

    def play(self, watch: Watch) -> dict[str, Any]:
        """One case; returns it as it is stored."""
        report = dict(a_registered_report().data)
        watch.time(lambda: self._hear("report.registered", report["report_id"], report))
        [case_id] = product.case_ids(report)
        take, better = partial(product.Order, "take_step"), {"working": "stopped", "schooling": "school"}

        def act(by: Actor, order: product.Order) -> None:
            version, key = self._case(case_id)["version"], Command(by.id, new_id("key"), "fingerprint")
            watch.time(lambda: product.act(self._foundation, by, case_id, version, order, key))

        act(WORKER, take("screen", facts={"risk": "medium"}))
        act(WORKER, take("assess", facts=ASSESSED))
        for consent in ("services", "disclosure"):
            act(WORKER, product.Order("give_consent", consent))
        act(WORKER, take("agree_plan"))
        act(SUPERVISOR, product.Order("approve"))
        for kind, agency_id in self._agencies.items():
            act(WORKER, product.Order(product.REQUEST, kind, agency_id=agency_id))
        for referral in self._case(case_id)["referrals"]:
            member = Actor(new_id("account"), "partner_agency", referral["agency_id"])
            for command in ("claim", "accept", "start_service"):
                self._answer(watch, member, product.Order(command, referral["referral_id"]))
            self._answer(watch, member, product.Order("complete", referral["referral_id"], outcome="helped"))
        act(WORKER, take("end_services", facts=better))
        act(WORKER, take("visit", facts=better))
        act(WORKER, take("close", facts={"closure_reason": "goals_reached"}))
        act(SUPERVISOR, product.Order("approve"))
        return self._case(case_id)

    def _case(self, case_id: str) -> dict[str, Any]:
        return self._foundation.database[store.CASES].find_one({"_id": case_id}) or {}

    def _answer(self, watch: Watch, by: Actor, order: product.Order) -> None:
        found = self._foundation.database[store.REFERRALS].find_one({"_id": order.subject}) or {}
        key = Command(by.id, new_id("key"), "fingerprint")
        watch.time(lambda: product.answer(self._foundation, by, found, found["version"], order, key))

    def _hear(self, type_name: str, stream: str, data: Mapping[str, Any]) -> None:
        now = self._foundation.clock()
        event = Event(new_id("event"), type_name, "bench", stream, 1, 1, now, now, data, "bench", "c")
        handle = handlers(self._foundation)[type_name]
        self._foundation.journal.transact(partial(handle, event), Context("system:bench"))


Write = tuple[str, str, dict[str, Any]]
"""Collection; `insert` or `update`; the document, or `q`, `u` and `upsert`."""


@contextmanager
def recorded() -> Iterator[list[list[Write]]]:
    """What units of work write meanwhile: a list of writes for each transaction."""
    transactions: list[list[Write]] = []

    class Recorded(Unit):
        def flush(self) -> None:
            writes = [(place.name, each) for place, gathered in self._pending.values() for each in gathered]
            if writes:
                transactions.append([(name, each.command, each.statement) for name, each in writes])
            super().flush()

    with patch("shared.journal.journal.Unit", Recorded):
        yield transactions


def write(database: Database, transactions: Iterable[Sequence[Write]]) -> None:
    """The same writes in the same transactions, by pymongo alone: one call for each collection."""
    for writes in transactions:
        with database.client.start_session() as session:
            session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority", j=True))
            for (name, command), entries in groupby(writes, key=itemgetter(0, 1)):
                each = [statement for _, _, statement in entries]
                if command == "insert":
                    database[name].insert_many([dict(document) for document in each], session=session)
                    continue
                for change in each:
                    database[name].update_one(change["q"], change["u"], upsert=change["upsert"], session=session)
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
