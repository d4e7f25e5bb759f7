"""Carrying out a plan: signals, the network, disks, the clock, a replica set. Whatever is begun is also ended.

A trouble whose target is away just then (a process that another trouble killed) waits for it, at most until its round
ends; then it is counted as missed, never as done.
"""

from __future__ import annotations

import heapq
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

from tests.chaos.campaign import plan
from tests.chaos.campaign.disk import Disk
from tests.chaos.campaign.network import Network
from tests.chaos.campaign.plan import Round, Trouble
from tests.chaos.campaign.replicas import Replicas
from tests.support.stack import Stack
from tests.support.stepped_clock import SteppedClock

WEB_WORKER = "web-worker"
"""One of gunicorn's workers; `web` is their master."""
TICK_SECONDS = 0.2
AGAIN_SECONDS = 0.7
"""Until a trouble whose target was away is tried again."""

Undo = Callable[[], None]


@dataclass(frozen=True)
class World:
    """The running product, and what of it can be troubled."""

    stack: Stack
    ports: Mapping[str, int]
    network: Network | None
    disks: Mapping[str, Disk]
    clock: SteppedClock | None
    replicas: Replicas | None

    def pid(self, target: str, chance: float) -> int:
        """The process id of a target; 0 while it is away. `chance` chooses among several."""
        if self.replicas is not None and target.startswith("mongo-"):
            return self.replicas.members[target].pid
        if target != WEB_WORKER:
            return self.stack.pid(target)
        try:
            workers = psutil.Process(self.stack.pid("web")).children()
        except psutil.Error:
            return 0
        return workers[int(chance * 100) % len(workers)].pid if workers else 0


class Troubles:
    """Carries out rounds, and knows what was done and what is broken now."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.done: Counter[str] = Counter()
        """"KIND target" -> how often it was done."""
        self.missed = 0
        self.log: list[dict[str, object]] = []
        self._lasting: dict[tuple[str, str], tuple[Trouble, Undo]] = {}
        self._began = time.monotonic()

    @property
    def kills(self) -> int:
        """How many processes were killed or told to end."""
        return sum(number for what, number in self.done.items() if what.split()[0] in plan.KILLS)

    @property
    def broken(self) -> list[str]:
        """What is broken now."""
        return [str(trouble) for trouble, _ in self._lasting.values()]

    def run(self, round_: Round, look: Callable[[], None]) -> None:
        """Carries out a round, with `look` called several times a second; then ends what lasts."""
        start = time.monotonic()
        agenda = [(trouble.at, number, True, trouble) for number, trouble in enumerate(round_.troubles)]

        def wait(moment: float) -> None:
            while (left := start + moment - time.monotonic()) > 0:
                look()
                time.sleep(min(left, TICK_SECONDS))

        try:
            while agenda:
                at, number, begins, trouble = heapq.heappop(agenda)
                wait(at)
                if not begins:
                    self._end(trouble)
                elif self._begin(trouble):
                    if trouble.lasts:
                        heapq.heappush(agenda, (min(at + trouble.lasts, round_.seconds), number, False, trouble))
                elif at + AGAIN_SECONDS < round_.seconds:
                    heapq.heappush(agenda, (at + AGAIN_SECONDS, number, True, trouble))
                else:
                    self.missed += 1
            wait(round_.seconds)
        finally:
            self.end_all()

    def end_all(self) -> None:
        """Nothing is broken by us any more."""
        while self._lasting:
            _, (_, undo) = self._lasting.popitem()
            undo()

    def _begin(self, trouble: Trouble) -> bool:
        """Begins a trouble; False if its target is away."""
        place = (_family(trouble.kind), trouble.target)
        if place in self._lasting:
            self._lasting.pop(place)[1]()
        target = trouble.target
        if target == plan.PRIMARY:
            target = (self._world.replicas.primary() if self._world.replicas else None) or ""
        undo = self._do(trouble, target) if target else None
        if undo is None:
            return False
        now = round(time.monotonic() - self._began, 2)
        self.log.append({"at": now, "trouble": str(trouble), "target": target})
        self.done[f"{trouble.kind} {trouble.target}"] += 1
        if trouble.lasts:
            self._lasting[place] = (trouble, undo)
        return True

    def _end(self, trouble: Trouble) -> None:
        place = (_family(trouble.kind), trouble.target)
        if place in self._lasting and self._lasting[place][0] is trouble:
            self._lasting.pop(place)[1]()

    def _do(self, trouble: Trouble, target: str) -> Undo | None:
        """Does it; returns how to end it, None if the target was away."""
        world = self._world
        if trouble.kind in (*plan.KILLS, plan.PAUSE):
            return _signalled(world.pid(target, trouble.at), signal.Signals[trouble.kind])
        if trouble.kind in plan.NETWORK and world.network is not None:
            network, port = world.network, world.ports[target]
            if trouble.kind == "reset":
                network.reset(port)
            elif trouble.kind == "slow":
                network.slow(port, trouble.amount)
            else:
                network.cut(port)
            return lambda: network.heal(port)
        if trouble.kind == plan.DISK:
            world.disks[target].fill()
            return world.disks[target].empty
        if trouble.kind == plan.CLOCK and world.clock is not None:
            clock = world.clock
            clock.step(trouble.amount)
            return lambda: clock.step(0)
        if trouble.kind == plan.STEP_DOWN and world.replicas is not None:
            return _nothing if world.replicas.step_down(target) else None
        raise ValueError(f"not possible here: {trouble}")


def _family(kind: str) -> str:
    """Two troubles of one family cannot last at the same time for one target."""
    return "network" if kind in plan.NETWORK else kind


def _nothing() -> None:
    """What ends what is over already."""


def _signalled(pid: int, number: signal.Signals) -> Undo | None:
    """Sends the signal; a stop is ended by going on, for the same process only."""
    try:
        process = psutil.Process(pid) if pid else None
        if process is None or process.status() == psutil.STATUS_ZOMBIE:
            return None
        process.send_signal(number)
    except psutil.Error:
        return None
    if number != signal.SIGSTOP:
        # What is paused by an earlier trouble hears of a SIGTERM only when it goes on.
        return _nothing

    def go_on() -> None:
        try:
            if process.is_running():
                os.kill(process.pid, signal.SIGCONT)
        except (psutil.Error, ProcessLookupError):
            pass

    return go_on
