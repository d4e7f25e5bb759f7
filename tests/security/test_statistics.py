"""Whoever may see figures only sees no small number, nor can compute one from two answers (3).

(That analysts and administrators open no identity is shown route by route in test_matrix.py, field by field in
test_fields.py, and by a fuzz run in tests/e2e/test_each_role.py.)
"""

# ruff: noqa: F811 (fixtures are imported, and then named as arguments)
from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from shared.access import ROLES, may
from shared.access.actor import Actor
from tests.integration.reporting.conftest import (  # noqa: F401
    BARAT,
    SELATAN,
    TIMUR,
    UTARA,
    Feed,
    app,
    as_role,
    feed,
    foundation,
    make_reporting,
)
from tests.integration.reporting.test_dashboard import TABLE, AsRole, busy_year, october, year  # noqa: F401

pytestmark = pytest.mark.mongo
SMALL = range(1, 5)
MONTHS = [f"2026-{month:02d}" for month in range(1, 12)]
WINDOWS = [
    (first, last) for first, last in [*((m, m) for m in MONTHS), *combinations(MONTHS[6:], 2), ("2026-01", "2026-11")]
]


def figures(by: Any) -> dict[tuple[str, str, str], int]:
    """(kecamatan or city, first month, last month) -> the number that some answer gives."""
    found: dict[tuple[str, str, str], int] = {}

    def keep(place: str, first: str, last: str, cell: dict[str, Any]) -> None:
        if cell["value"] is not None:
            found[place, first, last] = cell["value"]

    for first, last in WINDOWS:
        table = by.api("GET", f"{TABLE}?from={first}&to={last}").json
        keep("city", first, last, table["total"])
        for month, cell in zip(table["months"], table["totals"], strict=True):
            keep("city", month, month, cell)
        for row in table["rows"]:
            keep(row["kecamatan"]["code"], first, last, row["total"])
            for month, cell in zip(table["months"], row["cells"], strict=True):
                keep(row["kecamatan"]["code"], month, month, cell)
    return found


@pytest.mark.parametrize("role", [role for role in ROLES if role in ("analyst", "administrator", "case_worker")])
def test_03_no_answer_and_no_difference_of_two_is_a_small_number(year: Feed, as_role: AsRole, role: str) -> None:
    """Tried: a threshold of 1; only the small cells hidden, and none beside them; `exact` for every role."""
    found = figures(as_role(role))
    assert found, "no number at all would be no proof"
    assert not {where: value for where, value in found.items() if value in SMALL}
    differences = {
        (place, bigger, smaller): found[place, *bigger] - found[place, *smaller]
        for place in ("city", BARAT, TIMUR, UTARA, SELATAN)
        for bigger, smaller in ((a, b) for a in WINDOWS for b in WINDOWS if a != b and a[0] <= b[0] and b[1] <= a[1])
        if (place, *bigger) in found and (place, *smaller) in found
    }
    assert not {where: value for where, value in differences.items() if value in SMALL}
    others = {
        window: found["city", *window] - sum(found[place, *window] for place in (TIMUR, UTARA, SELATAN))
        for window in WINDOWS
        if all((place, *window) in found for place in ("city", TIMUR, UTARA, SELATAN))
    }
    assert not {window: value for window, value in others.items() if value in SMALL}


def test_03_the_small_number_is_there_to_be_hidden(year: Feed, as_role: AsRole) -> None:
    assert october(as_role("supervisor").api("GET", TABLE).json)[BARAT] == (3, None)
    for role in ("analyst", "administrator"):
        reader = Actor("account-1", role, "agency-1", "session-1")
        assert not may(reader, "report.read_identity").allowed and not may(reader, "case.read_identity").allowed
