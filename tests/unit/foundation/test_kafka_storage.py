"""Making Kafka's storage, with a program in the place of Java that fails as often as it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.local import kafka
from deploy.local.ports import NotReady

FAILS = """#!/bin/sh
echo . >> {tries}
touch {data}/meta.properties
[ $(wc -l < {tries}) -gt {times} ] && exit 0
touch {data}/was-here
printf 'Exception in thread "main" java.lang.RuntimeException: outer\\n\\tat kafka.A\\n' >&2
printf 'Caused by: java.io.IOException: no room\\n\\tat kafka.B\\n\\t... 8 more\\n' >&2
exit 1
"""


@pytest.fixture
def fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def times(number: int) -> Path:
        java, data = tmp_path / "java", tmp_path / "broker" / "data"
        java.write_text(FAILS.format(tries=tmp_path / "tries", data=data, times=number))
        java.chmod(0o700)
        monkeypatch.setattr(kafka, "java", lambda: java)
        return data

    return times


def test_one_failure_is_tried_again_from_the_beginning(tmp_path: Path, fails) -> None:
    """Seen to fail without the second try, and without the clearing of what the first has left."""
    data = fails(1)
    kafka.prepare(tmp_path / "broker", 1, 2)
    assert [path.name for path in data.iterdir()] == ["meta.properties"]


def test_what_fails_twice_says_why_and_is_not_taken_for_made(tmp_path: Path, fails) -> None:
    """Seen to fail with the last line of the trace, which says `... 8 more`."""
    data = fails(2)
    with pytest.raises(NotReady, match=r"Caused by: java\.io\.IOException: no room .*format\.log has it whole"):
        kafka.prepare(tmp_path / "broker", 1, 2)
    assert not list(data.iterdir())
    assert "java.lang.RuntimeException: outer" in (tmp_path / "broker" / "format.log").read_text()
