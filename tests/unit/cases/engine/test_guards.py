"""Guards: what is remembered of an answer is the answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cases.engine import guards
from services.cases.engine.guards import Guard, GuardFailed

OF_FACTS = Guard("risk == 'high' && emergency_service == null")
OF_REFERRALS = Guard("risk == 'high' && referrals.exists(r, r.kind == 'health' && r.state == 'requested')")
OF_CONSENTS = Guard("consents.services && !consents.disclosure")
REFERRAL = st.fixed_dictionaries(
    {"kind": st.sampled_from(["health", "police"]), "state": st.sampled_from(["requested", "accepted"])}
)
KNOWN = st.fixed_dictionaries(
    {"consents": st.fixed_dictionaries({"services": st.booleans(), "disclosure": st.booleans()})},
    optional={
        "risk": st.sampled_from([None, "high", "low"]),
        "emergency_service": st.sampled_from([None, "given"]),
        "referrals": st.lists(REFERRAL, max_size=2),
    },
)


def answer(guard: Guard, known: dict[str, Any]) -> bool | None:
    try:
        return guard.holds(known)
    except GuardFailed:
        return None


@pytest.mark.parametrize("guard", [OF_FACTS, OF_REFERRALS, OF_CONSENTS], ids=str)
@given(known=KNOWN)
def test_a_guard_that_was_asked_before_answers_as_one_that_was_not(guard: Guard, known: dict[str, Any]) -> None:
    """Seen to fail with facts that are absent remembered as facts that nobody recorded, with one name alone
    remembered, and with how many referrals there are instead of which."""
    assert answer(guard, known) == answer(Guard(guard.text), known)
    assert answer(guard, dict(reversed(known.items()))) == answer(guard, known)


def test_what_cannot_be_answered_is_said_again() -> None:
    guard = Guard("risk > 3")
    for _ in range(2):
        with pytest.raises(GuardFailed):
            guard.holds({"risk": "high"})


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen to fail without the clearing."""
    monkeypatch.setattr(guards, "REMEMBERED", 8)
    guard = Guard("risk == 'r1'")
    assert [guard.holds({"risk": f"r{number}"}) for number in range(100)].count(True) == 1
    assert len(guard._answers) <= 8
