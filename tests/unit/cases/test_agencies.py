"""Which agencies can be asked, and in which order: kind, service, place, then how full each is."""

from __future__ import annotations

from typing import Any

import pytest

from services.cases.agencies import can_be_asked, full
from services.cases.engine.definition import ReferralKind
from tests.unit.cases.engine.cases import shipped

HERE, THERE = "33.75.01", "33.75.02"


def agency(name: str, **facts: Any) -> dict[str, Any]:
    """An office for social affairs of the whole city, without limit, that has nothing to do."""
    return {"_id": name, "kind": "social_office", "kecamatan": None, "active": True, "open": 0, **facts}


def shelter() -> ReferralKind:
    return shipped().referrals["shelter"]


def order(*agencies: dict[str, Any]) -> list[str]:
    return [each["_id"] for each in can_be_asked(agencies, shelter(), HERE)]


@pytest.mark.parametrize(
    ("facts", "asked"),
    [
        ({}, True),
        ({"active": False}, False),
        ({"kind": "health_centre"}, False),
        ({"kind": "health_centre", "services": ["shelter"]}, False),
        ({"services": []}, True),
        ({"services": ["shelter", "repatriation"]}, True),
        ({"services": ["repatriation"]}, False),
        ({"areas": []}, True),
        ({"areas": [THERE, HERE]}, True),
        ({"areas": [THERE]}, False),
        ({"kecamatan": HERE}, True),
        ({"kecamatan": THERE}, False),
        ({"kecamatan": THERE, "areas": []}, True),
        ({"kecamatan": HERE, "areas": [THERE]}, False),
    ],
)
def test_an_agency_is_asked_for_what_it_gives_where_it_serves(facts: dict[str, Any], asked: bool) -> None:
    """Seen to fail without `gives`, and without `serves`. Where `areas` were never told, its kecamatan is what it
    serves, as it was when they were not told yet."""
    assert order(agency("one", **facts)) == (["one"] if asked else [])


def test_those_of_the_place_come_first_then_those_with_the_most_room() -> None:
    """Seen to fail with the place left out of the order, with the share replaced by the number of open referrals (half
    of two places comes before a third of thirty), and with full ones among the others."""
    expected = [
        agency("office here, whole city", kecamatan=HERE, areas=[], capacity=10, open=4),
        agency("of here, half full", areas=[HERE], capacity=10, open=5),
        agency("of the city, no limit", open=7),
        agency("of the city, no limit, busier", open=8),
        agency("of the city, a third full", capacity=30, open=10),
        agency("of the city, half full", capacity=2, open=1),
        agency("of here, full", areas=[HERE], capacity=3, open=3),
        agency("of the city, takes none", capacity=0),
        agency("of the city, full", capacity=3, open=3),
        agency("of the city, over full", capacity=2, open=5),
    ]
    names = [each["_id"] for each in expected]
    assert order(*expected) == order(*reversed(expected)) == names
    assert [each["_id"] for each in expected if full(each)] == names[6:]


def test_what_is_alike_has_an_order_all_the_same() -> None:
    assert order(agency("b"), agency("a"), agency("c")) == ["a", "b", "c"]
