"""An unwrapped keyset is in memory for a minute from its unwrapping, and then no more."""

from __future__ import annotations

from typing import Any

from deploy.local.ports import wait_until
from shared.vault.cache import Unwrapped

OPENS: Any = object()


def test_use_makes_it_live_no_longer() -> None:
    """Seen to fail with an entry that begins anew at each use."""
    now = [0.0]
    kept = Unwrapped(60, lambda: now[0])
    kept.put("person-1", b"wrapped", OPENS)
    for now[0] in (1.0, 30.0, 59.9):
        assert kept.get("person-1", b"wrapped") is OPENS
    assert kept.get("person-2", b"wrapped") is None and kept.get("person-1", b"another") is None
    now[0] = 60.0
    assert kept.get("person-1", b"wrapped") is None


def test_it_leaves_memory_though_nobody_asks() -> None:
    """Seen to fail without the timer."""
    kept = Unwrapped(0.2)
    kept.put("person-1", b"wrapped", OPENS)
    assert len(kept) == 1
    wait_until(lambda: len(kept) == 0, 10, "an empty memory", pause=0.02)
