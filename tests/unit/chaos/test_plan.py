"""A campaign's plan: the same seed gives the same plan, and a few minutes of it leave nothing untouched."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.campaign import plan

PARTS = plan.Parts(
    processes=("web", "web-worker", "relay", "worker", "sender", "mongod", "kafka"),
    network=("mongod", "kafka"),
    disks=("mongod", "kafka"),
    clock=True,
    replicas=True,
)
SEEDS = st.integers(min_value=0, max_value=2**32)


def every_trouble(seed: int, seconds: float) -> list[plan.Trouble]:
    return [trouble for each in plan.rounds(seed, seconds, PARTS) for trouble in each.troubles]


@given(SEEDS)
def test_the_same_seed_gives_the_same_plan(seed: int) -> None:
    assert list(plan.rounds(seed, 300, PARTS)) == list(plan.rounds(seed, 300, PARTS))


@given(SEEDS)
def test_another_seed_gives_another_plan(seed: int) -> None:
    assert every_trouble(seed, 120) != every_trouble(seed + 1, 120)


@given(SEEDS)
def test_a_longer_campaign_begins_like_a_shorter_one(seed: int) -> None:
    assert list(plan.rounds(seed, 300, PARTS))[:2] == list(plan.rounds(seed, 120, PARTS))


@given(SEEDS)
def test_five_minutes_bring_every_trouble_to_every_target(seed: int) -> None:
    brought = {(trouble.kind, trouble.target) for trouble in every_trouble(seed, 300)}
    assert brought == set(plan.cards(PARTS))


@given(SEEDS, st.floats(min_value=5, max_value=400))
def test_troubles_come_in_order_and_within_their_round(seed: int, seconds: float) -> None:
    found = list(plan.rounds(seed, seconds, PARTS))
    assert sum(each.seconds for each in found) <= seconds + 0.001
    for each in found:
        begun = [trouble.at for trouble in each.troubles]
        assert all(earlier <= later for earlier, later in pairwise(begun))
        assert all(0 <= at <= each.seconds for at in begun)


@given(SEEDS)
def test_there_is_a_kill_every_two_to_three_seconds(seed: int) -> None:
    kills = [trouble for trouble in every_trouble(seed, 600) if trouble.kind in plan.KILLS]
    assert 2.0 <= 600 / len(kills) <= 3.0


def test_what_cannot_be_troubled_is_not_in_the_plan() -> None:
    bare = plan.Parts(processes=("web",))
    kinds = {trouble.kind for each in plan.rounds(1, 300, bare) for trouble in each.troubles}
    assert kinds == {"SIGKILL", "SIGTERM", "SIGSTOP"}
