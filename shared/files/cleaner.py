"""The process that reads hostile files: one file on standard input, what is kept of it on standard output.

It is started with an empty environment, limits itself before it reads a byte (memory, time, no file written, no memory
dumped), and knows no key and no database. The answer's first line is JSON: `format` and `size`, or `refused`.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

from shared.files.formats import FORMATS, MAXIMUM_BYTES, Refused

MEMORY_BYTES = 1024 * 1024 * 1024
SECONDS = 20


def confine() -> None:
    """Takes from this process what reading a file does not need."""
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(what, (limit, limit))


def clean(data: bytes) -> tuple[str, bytes]:
    """The code of the format, found by content alone, and the file without what must not be kept. Raises Refused."""
    if not data:
        raise Refused("empty")
    if len(data) > MAXIMUM_BYTES:
        raise Refused("too_large")
    code = sniff(data)
    if code == "pdf":
        from shared.files.papers import rewritten

        kept = rewritten(data)
    else:
        from shared.files.images import redrawn

        kept = redrawn(data, code)
    if len(kept) > MAXIMUM_BYTES:
        raise Refused("too_large")
    return code, kept


def sniff(data: bytes) -> str:
    """The code of the one format that the first bytes say. Raises Refused."""
    import puremagic

    try:
        found = {each.mime_type for each in puremagic.magic_string(data[:4096])}
    except puremagic.PureError:
        found = set()
    codes = [entry.code for entry in FORMATS.values() if entry.media_type in found]
    if len(codes) != 1:
        raise Refused("unknown_format")
    return codes[0]


def main() -> None:
    """Reads, cleans, answers. Whatever goes wrong in a parser is a broken file; its text is told to nobody."""
    confine()
    answer: dict[str, Any]
    kept = b""
    try:
        code, kept = clean(sys.stdin.buffer.read(MAXIMUM_BYTES + 1))
        answer = {"format": code, "size": len(kept)}
    except Refused as refused:
        answer = {"refused": refused.code}
    except (MemoryError, RecursionError):
        answer = {"refused": "too_complex"}
    except Exception:  # noqa: BLE001 (a parser that reads hostile input fails in any way there is)
        answer = {"refused": "broken"}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + kept)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
