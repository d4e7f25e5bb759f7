"""The log of a process of many threads: its lines are gathered, in order, none is lost, and a warning does not wait."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading

from deploy.local.ports import wait_until
from shared.telemetry.logs import GATHER_SECONDS, _GatheredOutputs

SOON = 100 * GATHER_SECONDS


def numbers(stream: io.StringIO) -> list[str]:
    return stream.getvalue().split()


def test_a_line_that_can_wait_is_written_a_moment_later() -> None:
    """Seen to fail with a thread that only wakes, and with one that clears its sign without being asked again."""
    stream = io.StringIO()
    log = _GatheredOutputs(stream)("a")
    for number in range(200):
        log.info(f"{number}")
        if number % 50 == 0:
            wait_until(lambda: numbers(stream)[-1:] == [f"{number}"], SOON, "it is written")  # noqa: B023
    wait_until(lambda: numbers(stream) == [f"{number}" for number in range(200)], SOON, "all are written")


def test_a_warning_is_written_at_once_behind_what_waited() -> None:
    """Seen to fail with a warning that only joins the others, and with one that overtakes them."""
    stream = io.StringIO()
    outputs = _GatheredOutputs(stream)
    for level in ("warning", "error", "critical", "exception"):
        outputs("a").info("before")
        getattr(outputs("b"), level)(level)
        assert numbers(stream)[-2:] == ["before", level]


def test_of_many_threads_no_line_is_lost_or_written_twice() -> None:
    stream = io.StringIO()
    outputs = _GatheredOutputs(stream)

    def work(which: int) -> None:
        log = outputs(f"{which}")
        for number in range(500):
            (log.warning if number % 100 == 7 else log.info)(f"{which}:{number}")

    threads = [threading.Thread(target=work, args=(which,)) for which in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outputs.write()
    written = numbers(stream)
    assert len(written) == 4000
    for which in range(8):
        assert [each for each in written if each.startswith(f"{which}:")] == [f"{which}:{n}" for n in range(500)]


def test_a_process_that_ends_has_written_all() -> None:
    """Seen to fail without the writing at the end."""
    program = (
        "from shared.telemetry.logs import configure_logging, get_logger\n"
        "configure_logging('intake', 'web', gathered=True)\n"
        "for number in range(50): get_logger('x').info('said', number=number)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["number"] for entry in entries] == list(range(50))
    assert {entry["role"] for entry in entries} == {"web"} and {entry["logger"] for entry in entries} == {"x"}


def test_a_reader_that_is_gone_stops_nothing() -> None:
    """Seen to fail without the look: the thread ended, and lines were kept for ever."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    outputs = _GatheredOutputs(Gone())
    for number in range(3):
        outputs("a").info(f"{number}")
        wait_until(lambda: not outputs._lines, SOON, "nothing is kept")
