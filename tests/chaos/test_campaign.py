"""A short campaign in every run of the tests, and longer ones with --long: see tests/chaos/campaign."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.state import ROOT
from tests.chaos.campaign import plan

pytestmark = [pytest.mark.stack]
SEED = 83
"""Chosen so that 45 s hold a kill of every process and every other trouble."""


def campaign(directory: Path, seconds: int, *options: str) -> dict[str, object]:
    """A campaign in a process of its own, which may take namespaces of its own. Returns its summary."""
    where = ["--directory", str(directory), "--seconds", str(seconds), "--seed", str(SEED)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.campaign", *where, *options], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads((directory / str(SEED) / "summary.json").read_text())
    return found


@pytest.mark.timeout(400)
def test_a_short_campaign_finds_no_difference(tmp_path: Path) -> None:
    summary = campaign(tmp_path, 35)
    done = summary["done"]
    assert isinstance(done, dict)
    killed = {what.split()[1] for what in done if what.split()[0] in plan.KILLS}
    assert killed >= {"web", "web-worker", "relay", "worker", "sender", "mongod", "kafka"}
    assert any(what.startswith(plan.PAUSE) for what in done)
    assert int(str(summary["kills"])) >= 10
    assert int(str(summary["acknowledged"])) >= 20


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("nodes", ["1", "3"])
def test_a_longer_campaign_finds_no_difference(tmp_path: Path, nodes: str) -> None:
    summary = campaign(tmp_path, 300, "--replicas", nodes)
    assert int(str(summary["kills"])) >= 80
