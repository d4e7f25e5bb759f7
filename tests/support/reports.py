"""Reports for tests, complete and valid, to be changed where a test says something else."""

from __future__ import annotations

import copy
from typing import Any

_REPORT: dict[str, Any] = {
    "channel": "walk_in",
    "received_on": "2026-03-02",
    "kelurahan": "33.75.01.1002",
    "work_type": "batik",
    "reporter": {"anonymous": False, "name": "Slamet Contoh", "phone": "0800-1111-222"},
    "workplace": {"name": "Batik Contoh Jaya", "address": "Jalan Contoh 5"},
    "work": {"hours_per_day": 5, "hours_per_week": 30, "night_work": False, "hazards": ["A3"], "worst_forms": []},
    "children": [
        {
            "name": "Budi Contoh",
            "alias": "Bud",
            "sex": "male",
            "age_years": 13,
            "nik": "3375010101130001",
            "guardian_name": "Wati Contoh",
            "guardian_phone": "0800-3333-444",
            "address": "Gang Contoh 7",
            "school": "SMP Contoh",
            "school_attendance": "dropped_out",
        }
    ],
    "narrative": "Anak terlihat bekerja di bagian pewarnaan.",
}


def a_report(**changes: Any) -> dict[str, Any]:
    """A valid report with the given parts in place of the usual ones."""
    return {**copy.deepcopy(_REPORT), **changes}


def a_child(**changes: Any) -> dict[str, Any]:
    """A child of a report, likewise."""
    return {**copy.deepcopy(_REPORT["children"][0]), **changes}
