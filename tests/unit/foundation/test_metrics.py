"""The figures that the documentation promises to whoever watches an instance."""

from __future__ import annotations

import re
from pathlib import Path

from services.reporting.handlers import handlers
from shared.telemetry import metrics

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"`(rujukan_[a-z_]+)(?:\{([^}]*)\})?`?")


def written() -> dict[str, set[str]]:
    """Each metric that is named in docs/ -> the labels that it is named with."""
    found: dict[str, set[str]] = {}
    for page in (ROOT / "docs").rglob("*.md"):
        for name, labels in NAMED.findall(page.read_text(encoding="utf-8")):
            found.setdefault(name, set()).update(re.findall(r"(\w+)=", labels))
    return found


def test_every_figure_that_the_documentation_names_is_there() -> None:
    """Seen to fail with the count of deadlines named in docs/operators.md, which only the process of a flow, that
    nobody asks, ever raised; and with a label that the figure does not have."""
    made = {
        each._name + ("_total" if each._type == "counter" else ""): set(each._labelnames)
        for each in vars(metrics).values()
        if hasattr(each, "_labelnames")
    }
    there = {**made, **{name: set() for name in metrics.AT_SCRAPE}}
    assert len(written()) > 5
    for name, labels in written().items():
        assert name in there, f"{name} is documented and nowhere made"
        assert labels <= there[name], f"{name} has the labels {there[name]}, documented are {labels}"


def test_deadlines_that_pass_are_counted_by_a_process_that_is_asked() -> None:
    """Seen to fail without the event among those that reporting's worker handles: the figure would stay away."""
    page = (ROOT / "docs/operators.md").read_text(encoding="utf-8")
    [(service, event)] = re.findall(r'`rujukan_worker_handled_total\{service="(\w+)",type="([\w.]+)"\}`', page)
    assert (service, event) == ("reporting", "case.deadline_breached")
    assert event in handlers(None)  # type: ignore[arg-type]
