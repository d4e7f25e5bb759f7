"""Indicators are data, and wrong data are refused when they are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from services.reporting.model import months
from services.reporting.model.facts import MEASURES
from services.reporting.model.indicators import IndicatorError, indicators, load

GOOD: dict[str, Any] = {
    "id": "tried",
    "names": {"id": "Dicoba", "en": "Tried"},
    "description": {"id": "Untuk uji.", "en": "For a test."},
    "numerator": "reports",
    "time": "period",
    "version": 1,
    "valid_from": "2026-01-01",
    "mapping": {"sdg": {"ref": "8.7.1"}},
}


def written(folder: Path, **changes: Any) -> Path:
    content = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    # A date is written without quotes in these files.
    text = yaml.safe_dump(content).replace("'2026-01-01'", "2026-01-01")
    (folder / "tried.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_citys_indicators_count_what_is_counted() -> None:
    assert set(indicators()) == {"reports_received", "cases_open", "cases_screened_on_time", "screenings_overdue"}
    for indicator in indicators().values():
        assert {indicator.numerator, indicator.denominator} <= {*MEASURES, None}
        assert set(indicator.names) == {"id", "en"}


def test_a_good_file_is_loaded(tmp_path: Path) -> None:
    found = load(written(tmp_path))["tried"]
    assert (found.unit, found.mapping) == ("count", {"sdg": {"ref": "8.7.1", "unconfirmed": False}})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"numerator": "children_at_play"}, "numerator"),
        ({"denominator": "reports"}, "the same"),
        ({"names": {"id": "Dicoba"}}, "names"),
        ({"names": {"id": " ", "en": "Tried"}}, "names"),
        ({"id": "other"}, "called after its indicator"),
        ({"version": 0}, "version"),
        ({"valid_from": "soon"}, "valid_from"),
        ({"valid_from": None}, "valid_from"),
        ({"mapping": {"who": {"ref": "1"}}}, "mapping"),
        ({"denominators": "cases_opened"}, "denominators"),
    ],
)
def test_a_wrong_file_is_refused_by_the_name_of_its_entry(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(IndicatorError, match=named) as refusal:
        load(written(tmp_path, **changes))
    assert "tried.yaml" in str(refusal.value)


def test_months_follow_each_other_over_the_end_of_a_year() -> None:
    assert months.between("2025-11", "2026-02") == ("2025-11", "2025-12", "2026-01", "2026-02")
    assert months.between("2026-02", "2026-01") == ()
    assert len(months.of_year("2026")) == 12
    assert [text for text in ("2026-00", "2026-13", "26-01", "2026-1", "2026-01 ") if months.is_month(text)] == []
