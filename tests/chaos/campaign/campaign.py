"""A campaign from its start to its verdict: the product and its clients are started, the plan is carried out round by
round, and after each round everything must settle and every ledger must be true.

The first difference ends it. What is kept then: the product's directory with its logs and databases, the ledger, and
what was done until then.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.local.ports import NotReady
from deploy.local.state import ROOT
from deploy.local.supervision import Supervision
from tests.chaos.campaign import oracle, places, plan
from tests.chaos.campaign.clients import Clients
from tests.chaos.campaign.disk import Disk
from tests.chaos.campaign.network import Network
from tests.chaos.campaign.replicas import Replicas
from tests.chaos.campaign.troubles import WEB_WORKER, Troubles, World
from tests.support.receiver import Receiver, receiver
from tests.support.stack import Stack
from tests.support.stepped_clock import SteppedClock

MEGABYTES = {"mongod": 1600, "kafka": 1200}
"""Of the small disks. They take memory as far as they are used."""
SOON_SECONDS = 32.0
"""A message whose sender died is due again half a minute later. What is due only after that, because two attempts
failed or the clock was stepped, is not waited for."""
OVERDUE_SECONDS = 40.0
"""By then a message that was due must have been sent, also if its sender died just now."""


@dataclass(frozen=True)
class Options:
    """What a campaign was asked for. `only_signals` leaves out all but signals."""

    seconds: float
    seed: int
    replicas: bool = False
    with_clock: bool = False
    only_signals: bool = False
    directory: Path = ROOT / "build" / "chaos"

    @property
    def command(self) -> str:
        """What repeats it."""
        more = " REPLICAS=3" if self.replicas else ""
        given = {"--with-clock": self.with_clock, "--only-signals": self.only_signals}
        if flags := " ".join(name for name, wanted in given.items() if wanted):
            more += f" OPTIONS='{flags}'"
        return f"make chaos SECONDS={self.seconds:.0f} SEED={self.seed}{more}"


@dataclass
class Progress:
    """How far a campaign is, for whoever shows it."""

    elapsed: float = 0.0
    round: int = 0
    what: str = "starting"
    kills: int = 0
    acknowledged: int = 0
    broken: list[str] = field(default_factory=list)


Show = Callable[[Progress], None]


class Difference(Exception):
    """What clients were told is not true."""


class Campaign:
    """One campaign. `show` is told several times a second how far it is."""

    def __init__(self, options: Options, show: Show, say: Callable[[str], None]) -> None:
        self._options, self._show, self._say = options, show, say
        self.place = options.directory / str(options.seed)
        self._progress = Progress()
        self._troubles: Troubles | None = None
        self._clients: Clients | None = None
        self._disks: list[Disk] = []
        self._found: dict[str, int] = {}
        self._seconds = 0.0

    def run(self) -> dict[str, Any]:
        """Carries it out; returns its summary, which is also in summary.json. `difference` is None if all is well."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(parents=True)
        began, difference = time.monotonic(), None
        try:
            with self._everything() as (world, parts, agency, before):
                self._carry_out(world, parts, agency, before)
        except (AssertionError, Difference, NotReady) as error:
            difference = str(error)[:2000] or type(error).__name__
        finally:
            self._seconds = time.monotonic() - began
        summary = self._summary(difference)
        self._keep(summary)
        return summary

    @contextmanager
    def _everything(self) -> Iterator[tuple[World, plan.Parts, Receiver, oracle.Before]]:
        """The product with its clients and all that can be troubled; everything ends with the block."""
        possible = places.look(self.place)
        bare = self._options.only_signals
        for missing in ["all but signals: --only-signals"] if bare else possible.left_out:
            self._say(f"LEFT OUT: {missing}")
        with ExitStack() as exits:
            state = self.place / "state"
            replicas = None
            environ: dict[str, str] = {}
            if self._options.replicas:
                replicas = Replicas(self.place, state)
                exits.callback(replicas.stop)
                replicas.start()
                environ |= replicas.environ()
            clock = None if bare else SteppedClock(self.place)
            environ |= clock.environ if clock else {}
            disks = {}
            if possible.disk and not bare:
                for name in ("kafka",) if replicas else ("mongod", "kafka"):
                    disks[name] = exits.enter_context(Disk(state / "data" / name, MEGABYTES[name]))
            self._disks = list(disks.values())
            stack = Stack(self.place, *([] if self._options.with_clock else ["--without-clock"]), environ=environ)
            exits.callback(stack.stop)
            exits.callback(self._heal)
            stack.start()
            agency = exits.enter_context(receiver())
            before = before_all(stack, agency)
            self._clients = Clients(stack, agency.url, self._options.seed, replicas is not None)
            exits.callback(self._clients.end)
            network = Network() if possible.network and not bare else None
            ports = _ports(stack, replicas)
            world = World(stack, ports, network, disks, clock, replicas)
            yield world, self._parts(world, replicas), agency, before

    def _parts(self, world: World, replicas: Replicas | None) -> plan.Parts:
        names = [one.name for one in Supervision(Path(world.stack.running.socket)).processes()]
        processes = [*names, WEB_WORKER, *(replicas.members if replicas else ())]
        return plan.Parts(
            tuple(sorted(processes)),
            tuple(sorted(world.ports)) if world.network else (),
            tuple(sorted(world.disks)),
            world.clock is not None,
            replicas is not None,
        )

    def _carry_out(self, world: World, parts: plan.Parts, agency: Receiver, before: oracle.Before) -> None:
        self._say(f"Troubled are: {', '.join(parts.processes)}")
        self._troubles = Troubles(world)
        clients = self._clients
        assert clients is not None
        done = 0.0
        for each in plan.rounds(self._options.seed, self._options.seconds, parts):
            self._progress.round, self._progress.what = each.number, "troubles"
            clients.go()
            start = time.monotonic()
            self._troubles.run(each, lambda base=done, start=start: self._look(base + time.monotonic() - start))
            done += each.seconds
            self._check(world, agency, before, each.number)
        self._progress.what = "last messages"
        soon = datetime.now(UTC) + timedelta(seconds=SOON_SECONDS)
        end = time.monotonic() + SOON_SECONDS + OVERDUE_SECONDS
        while late := _due(world.stack, soon):
            assert time.monotonic() < end, f"{len(late)} messages are due, and nobody sends them: {late[:3]}"
            self._look(done)
            time.sleep(1)
        self._found = oracle.verify(world.stack, clients.ledger, agency, before)

    def _check(self, world: World, agency: Receiver, before: oracle.Before, number: int) -> None:
        """Everything rests and settles, and every ledger is true. Raises AssertionError or Difference."""
        assert self._clients is not None and self._troubles is not None
        began = time.monotonic()
        self._progress.what = "settling"
        self._look(self._progress.elapsed)
        self._clients.rest()
        oracle.settle(world.stack)
        settled = time.monotonic() - began
        self._progress.what = "checking"
        self._look(self._progress.elapsed)
        self._found = oracle.verify(world.stack, self._clients.ledger, agency, before)
        told, said = self._clients.ledger.acknowledged(), by_kind(self._troubles.done)
        self._say(
            f"Round {number} is true: {told} acknowledged, {self._found['events']} events; "
            f"settled in {settled:.0f} s, checked in {time.monotonic() - began - settled:.0f} s; so far {said}"
        )

    def _look(self, elapsed: float) -> None:
        """Shows how far it is. Raises Difference as soon as a client was told what nobody promised."""
        assert self._clients is not None and self._troubles is not None
        progress, ledger = self._progress, self._clients.ledger
        progress.elapsed, progress.kills = elapsed, self._troubles.kills
        progress.acknowledged, progress.broken = ledger.acknowledged(), self._troubles.broken
        self._show(progress)
        if ledger.unexpected:
            raise Difference(f"a client was answered: {ledger.unexpected[0]}")

    def _heal(self) -> None:
        """Before the product is stopped: what is paused goes on, so that it can end."""
        if self._troubles is not None:
            self._troubles.end_all()

    def _summary(self, difference: str | None) -> dict[str, Any]:
        troubles, ledger = self._troubles, self._clients.ledger if self._clients else None
        done = dict(sorted(troubles.done.items())) if troubles else {}
        return {
            "seed": self._options.seed,
            "seconds": self._options.seconds,
            "seconds_in_all": round(self._seconds),
            "command": self._options.command,
            "difference": difference,
            "rounds": self._progress.round,
            "kills": troubles.kills if troubles else 0,
            "missed": troubles.missed if troubles else 0,
            "done": done,
            "acknowledged": ledger.acknowledged() if ledger else 0,
            "sent": dict(ledger.sent) if ledger else {},
            "unanswered": len(ledger.unanswered) if ledger else 0,
            "found": self._found,
        }

    def _keep(self, summary: dict[str, Any]) -> None:
        """Writes the summary; after a difference also the ledger and what was done, and keeps the product's data."""
        (self.place / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        if summary["difference"] is None:
            for left in self.place.iterdir():
                if left.is_dir():
                    shutil.rmtree(left)
            return
        if self._clients:
            (self.place / "ledger.json").write_text(self._clients.ledger.as_json())
        if self._troubles:
            (self.place / "done.json").write_text(json.dumps(self._troubles.log, indent=1))


def by_kind(done: Mapping[str, int]) -> str:
    """What was done, by kind, kills first: "3 SIGKILL, 1 cut"."""
    kinds = Counter[str]()
    for what, times in done.items():
        kinds[what.split()[0]] += times
    order = sorted(kinds, key=lambda kind: (kind not in plan.KILLS, kind))
    return ", ".join(f"{kinds[kind]} {kind}" for kind in order) or "nothing"


def _ports(stack: Stack, replicas: Replicas | None) -> dict[str, int]:
    """The ports on which servers are reached: of the broker, and of mongod or of every member of the set."""
    ports = {"kafka": int(stack.running.kafka_bootstrap.rsplit(":", 1)[1])}
    if replicas is not None:
        return ports | {name: member.port for name, member in replicas.members.items()}
    return ports | {"mongod": int(stack.running.mongodb_uri.split("/")[2].rsplit(":", 1)[1])}


def before_all(stack: Stack, agency: Receiver) -> oracle.Before:
    """Subscribes the agency to everything for all the time, and looks at what there is."""
    body = {"url": agency.url, "event_types": [], "kecamatans": [], "minimum_severity": "low"}
    answer = stack.client("partner_agency").call("POST", "/api/v1/subscriptions", body)
    assert answer.status == 201, answer.data
    with stack.database() as databases:
        reports = frozenset(each["_id"] for each in databases["intake"]["reports"].find({}, {"_id": 1}))
    return oracle.Before(reports, str(answer.json()["id"]))


def _due(stack: Stack, moment: datetime) -> list[dict[str, Any]]:
    """The messages that have their next attempt before the moment, and whether their subscription is there."""
    with stack.database() as databases:
        notifications = databases["notifications"]
        due = {"state": "due", "next_attempt_at": {"$lt": moment}}
        shown = dict.fromkeys(("subscription_id", "type", "created_at", "next_attempt_at", "attempts"), 1)
        found = list(notifications["deliveries"].find(due, shown))
        there = {each["_id"]: each.get("enabled") for each in notifications["subscriptions"].find({}, {"enabled": 1})}
        return [{**each, "enabled": there.get(each["subscription_id"])} for each in found]
