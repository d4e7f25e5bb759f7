"""Where no browser is found, the end of the test run says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_without_a_browser_the_run_says_loudly_what_it_left_out(tmp_path: Path):
    test = tmp_path / "test_page.py"
    test.write_text("from tests.support.browser import require_browser\ndef test_a_page(): require_browser()\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("RUJUKAN_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-p", "tests.conftest", "--rootdir", str(ROOT), str(test)],
        cwd=ROOT,
        env={**environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "1 tests of pages were LEFT OUT" in done.stdout, done.stdout + done.stderr
    assert "1 skipped" in done.stdout.strip().splitlines()[-1], "the summary line ends the output"
