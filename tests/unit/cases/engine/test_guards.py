"""Guards: what is remembered of an answer is the answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cases.engine.guards import Guard, GuardFailed

GUARD = Guard("risk == 'high' && emergency_service == null")
FACTS = st.fixed_dictionaries(
    {}, optional={"risk": st.sampled_from([None, "high", "low"]), "emergency_service": st.sampled_from([None, "given"])}
)


def answer(guard: Guard, known: dict[str, Any]) -> bool | None:
    try:
        return guard.holds(known)
    except GuardFailed:
        return None


@given(FACTS)
def test_a_guard_that_was_asked_before_answers_as_one_that_was_not(known: dict[str, Any]) -> None:
    """Seen to fail with facts that are absent remembered as facts that nobody recorded, and with the first fact alone
    remembered."""
    assert answer(GUARD, known) == answer(Guard(GUARD.text), known)
    assert answer(GUARD, dict(reversed(known.items()))) == answer(GUARD, known)


def test_what_cannot_be_answered_is_said_again() -> None:
    guard = Guard("risk > 3")
    for _ in range(2):
        with pytest.raises(GuardFailed):
            guard.holds({"risk": "high"})
