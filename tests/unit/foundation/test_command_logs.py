"""What a command answers on standard output is its answer alone, whatever is logged while it works."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from shared.telemetry.logs import get_logger


def test_a_line_of_the_log_is_not_mixed_with_the_answer(capsys: pytest.CaptureFixture[str]):
    """Seen to fail without the callback of the command line: the line stands on standard output."""
    assert CliRunner().invoke(app, ["workflow", "--help"]).exit_code == 0
    capsys.readouterr()
    get_logger("test").warning("audit_head_not_written", chain="c")
    get_logger("test").info("audit_head", chain="c")
    written = capsys.readouterr()
    assert written.out == ""
    assert '"event":"audit_head_not_written"' in written.err and '"audit_head"' not in written.err
