"""A failpoint does nothing until it is armed, and `raise` ends the work there and then."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared import failpoints


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.configure(())


def test_only_what_is_armed_does_something() -> None:
    failpoints.reach("relay.published")
    failpoints.configure(["relay.published=raise"])
    failpoints.reach("worker.committed")
    with pytest.raises(failpoints.Crash, match=r"relay\.published"):
        failpoints.reach("relay.published")


def test_nobody_who_handles_errors_survives_a_crash() -> None:
    failpoints.configure(["relay.published=raise"])
    with pytest.raises(failpoints.Crash):
        try:
            failpoints.reach("relay.published")
        except Exception:  # noqa: BLE001  # as the product's widest handlers
            pytest.fail("a crash was caught as an error")


def test_an_unknown_action_is_named() -> None:
    with pytest.raises(ValueError, match="expected kill or stop or raise, found 'explode'"):
        failpoints.configure(["relay.published=explode"])
