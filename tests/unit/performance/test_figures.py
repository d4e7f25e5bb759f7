"""What was measured stays until it is measured again."""

import json
from datetime import UTC, datetime

import pytest

from tests.performance.figures import Figure, keep

MONDAY, TUESDAY = datetime(2026, 11, 23, 9, tzinfo=UTC), datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_figures_of_other_parts_stay_with_the_time_of_their_measurement(tmp_path):
    path = tmp_path / "build" / "bench.json"
    keep(path, [Figure("relay", 900, "a second"), Figure("clock", 2.9, "s")], MONDAY)

    keep(path, [Figure("clock", 2.7, "s"), Figure("search", 9.6, "ms")], TUESDAY)

    kept = {each["name"]: (each["value"], each["measured_at"]) for each in json.loads(path.read_text())}
    assert kept == {
        "relay": (900, "2026-11-23T09:00:00+00:00"),
        "clock": (2.7, "2026-11-24T09:00:00+00:00"),
        "search": (9.6, "2026-11-24T09:00:00+00:00"),
    }
    assert [each.name for each in path.parent.iterdir()] == ["bench.json"]


def test_a_file_that_cannot_be_read_is_not_written_over(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text('[{"name": "rel')

    with pytest.raises(ValueError, match="Unterminated"):
        keep(path, [Figure("clock", 2.7, "s")], TUESDAY)

    assert path.read_text() == '[{"name": "rel'
