"""What is done to the product, and when: pure, and the same for the same seed.

A plan is a row of rounds; after each the product may settle and is checked. Troubles are dealt from a shuffled deck
that holds every kind for every target, so that none is left out by chance. It knows neither processes nor clocks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

KILLS = ("SIGKILL", "SIGTERM")
PAUSE = "SIGSTOP"
NETWORK = ("slow", "cut", "reset")
DISK, CLOCK, STEP_DOWN = "full", "clock", "step-down"

ROUND_SECONDS = 60.0
GAP_SECONDS = (0.3, 2.7)
"""Between the beginnings of two troubles: one and a half seconds on average."""
LASTS_SECONDS = {PAUSE: (1.0, 12.0), "slow": (2.0, 10.0), "cut": (1.0, 9.0), DISK: (2.0, 7.0), CLOCK: (5.0, 20.0)}
"""What is not named here is done in a moment."""
RATES = (32, 128, 512)
"""Kilobits a second of a slow network."""
CLOCK_STEPS = (5, 20, 60)
"""Seconds forward; the end of the trouble steps back again."""
KILL_WEIGHT = {"SIGKILL": 4, "SIGTERM": 2}
"""How often a kill is in the deck beside one of each other trouble: they are what a campaign is counted by."""

PRIMARY = "mongo-primary"
"""Whichever member of a replica set is the primary when the trouble begins."""


@dataclass(frozen=True)
class Parts:
    """What there is to be troubled: names of processes, of servers behind a network, of disks that can be filled."""

    processes: tuple[str, ...]
    network: tuple[str, ...] = ()
    disks: tuple[str, ...] = ()
    clock: bool = False
    replicas: bool = False


@dataclass(frozen=True)
class Trouble:
    """One thing done: `at` seconds from the beginning of its round, for `lasts` seconds (0: it is over at once).

    `amount` is a rate in kbit/s for a slow network, seconds for a step of the clock, else 0.
    """

    at: float
    kind: str
    target: str
    lasts: float = 0.0
    amount: int = 0

    def __str__(self) -> str:
        lasting = f" for {self.lasts:.1f} s" if self.lasts else ""
        return f"{self.kind} {self.target}{f' ({self.amount})' if self.amount else ''}{lasting}"


@dataclass(frozen=True)
class Round:
    """The troubles between two checks, in the order in which they begin."""

    number: int
    seconds: float
    troubles: tuple[Trouble, ...]


def rounds(seed: int, seconds: float, parts: Parts, length: float = ROUND_SECONDS) -> Iterator[Round]:
    """The rounds of a campaign of `seconds` of troubles. A longer campaign of the same seed begins with the same."""
    chance = random.Random(seed)
    deck: list[tuple[str, str]] = []
    number = 0
    while seconds > 0:
        number += 1
        troubles = []
        at = chance.uniform(*GAP_SECONDS)
        while at < min(length, seconds):
            if not deck:
                deck = cards(parts)
                chance.shuffle(deck)
            kind, target = deck.pop()
            troubles.append(Trouble(int(at * 100) / 100, kind, target, _lasting(chance, kind), _amount(chance, kind)))
            at += chance.uniform(*GAP_SECONDS)
        yield Round(number, min(length, seconds), tuple(troubles))
        seconds -= length


def cards(parts: Parts) -> list[tuple[str, str]]:
    """One deck: every kind of trouble for every target, kills several times."""
    deck = [(kind, process) for kind in KILLS for process in parts.processes for _ in range(KILL_WEIGHT[kind])]
    deck += [(PAUSE, process) for process in parts.processes]
    deck += [(kind, server) for kind in NETWORK for server in parts.network]
    deck += [(DISK, disk) for disk in parts.disks]
    if parts.clock:
        deck += [(CLOCK, "ours")] * 2
    if parts.replicas:
        deck += [(STEP_DOWN, PRIMARY)] * 2 + [("cut", PRIMARY)] * 2 + [("SIGKILL", PRIMARY)] * 3
    return deck


def _lasting(chance: random.Random, kind: str) -> float:
    return round(chance.uniform(*LASTS_SECONDS[kind]), 1) if kind in LASTS_SECONDS else 0.0


def _amount(chance: random.Random, kind: str) -> int:
    if kind == "slow":
        return chance.choice(RATES)
    return chance.choice(CLOCK_STEPS) if kind == CLOCK else 0
