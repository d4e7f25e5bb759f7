"""Has a file cleaned by a process of its own (cleaner.py), and hands on what is kept of it piece by piece.

One file at a time in a process of ours: a photograph takes half a second of a core and up to some hundred megabytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shared.files.formats import MAXIMUM_BYTES, PIECE_BYTES, REFUSALS, Refused

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "shared.files.cleaner"]
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1"}
"""No variable of ours: the process that reads hostile input holds no secret."""
SECONDS = 30.0
"""Until a process that does not end is killed. By its own limit it ends after 20 seconds of work."""
WAIT_SECONDS = 20.0

_turn = threading.BoundedSemaphore(1)


class Busy(Exception):
    """Others' files are being cleaned. The same file may be sent again a little later."""


@dataclass(frozen=True)
class Cleaned:
    """What is kept of a file: the code of its format, its size, and the content, to be read once."""

    format: str
    size_bytes: int
    pieces: Iterator[bytes]


@contextmanager
def cleaned(content: IO[bytes]) -> Iterator[Cleaned]:
    """Cleans `content`, which is closed once it is handed over, so that it is not held twice.

    Raises Refused, also while the pieces are read, and Busy.
    """
    if not _turn.acquire(timeout=WAIT_SECONDS):
        raise Busy
    try:
        process = subprocess.Popen(
            COMMAND,
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        end = threading.Timer(SECONDS, process.kill)
        end.start()
        try:
            yield _answer(process, content)
        finally:
            end.cancel()
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):
                    if pipe is not None:
                        pipe.close()
    finally:
        _turn.release()


def _answer(process: subprocess.Popen[bytes], content: IO[bytes]) -> Cleaned:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the cleaner was started without pipes")
    with suppress(BrokenPipeError):  # it ended before it had read all: its exit says the rest
        while piece := content.read(PIECE_BYTES):
            process.stdin.write(piece)
        process.stdin.close()
    content.close()
    head = process.stdout.readline(1000)
    try:
        answer = json.loads(head)
    except ValueError:  # killed by one of its limits, or by ours
        raise Refused("too_complex") from None
    if "refused" in answer:
        raise Refused(answer["refused"] if answer["refused"] in REFUSALS else "broken")
    size = int(answer["size"])
    if size > MAXIMUM_BYTES:
        raise Refused("too_large")
    return Cleaned(str(answer["format"]), size, _pieces(process.stdout, size))


def _pieces(source: IO[bytes], size: int) -> Iterator[bytes]:
    left = size
    while left:
        piece = source.read(min(PIECE_BYTES, left))
        if not piece:
            raise Refused("too_complex")
        left -= len(piece)
        yield piece
