"""JSON logs with request, event and trace ids, and no identities.

What a person typed is never logged, nor an exception's text (drivers quote values): only its type and where it arose.
"""

from __future__ import annotations

import atexit
import json
import logging
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO

import orjson
import structlog

from shared.telemetry.tracing import current_trace_id

GATHER_SECONDS = 0.05
"""How long a line may wait to be written with others; a process that is killed takes so much of its log with it."""
NOISY = ("kafka", "pymongo", "werkzeug", "httpx", "urllib3", "apprise", "httpcore")


def configure_logging(service: str, role: str, level: int = logging.INFO, *, gathered: bool = False) -> None:
    """One JSON object a line on standard output, from structlog and the standard library alike.

    `gathered`, for a process of many threads: what is no warning is written a moment later (GATHER_SECONDS), many lines
    at once. To be called in the process that writes, not before it forks.
    """
    shared_processors = _processors()
    structlog.configure(
        # Straight to the output: through the standard library a line takes three times as long.
        processors=[*shared_processors, structlog.processors.JSONRenderer(serializer=_json)],
        logger_factory=_GatheredOutputs(sys.stdout) if gathered else _Output,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared_processors, _drop_foreign_text],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service=service, role=role)


def configure_command_logging() -> None:
    """For a command that prints its answer on standard output: only warnings, and to standard error."""
    structlog.configure(
        processors=[*_processors(), structlog.processors.JSONRenderer(serializer=_json)],
        # Asked for at each line: who calls a command within a process may put another stream in its place.
        logger_factory=lambda name="rujukan": _Output(name, sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> Any:
    """A logger whose first argument is what happened, the rest ids and codes: `log.info("event_parked", key=...)`."""
    return structlog.get_logger(name)


def _json(entry: Any, **options: Any) -> str:
    try:
        return orjson.dumps(entry, **options).decode()
    except TypeError:  # a number or a text that only Python can hold: a line must never fail
        return json.dumps(entry, **options)


def _processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _trace_id,
        _safe_exception,
    ]


class _Output(structlog.WriteLogger):
    """Writes lines to standard output or another stream, under the name that the logger was asked for by."""

    def __init__(self, name: str = "rujukan", stream: TextIO | None = None) -> None:
        super().__init__(stream or sys.stdout)
        self.name = name


class _GatheredOutputs:
    """Makes loggers whose lines are written together by a thread of its own; at once from a warning on, and at the end.

    To write is a question to the system, at which a thread lets the others of its process go first: at each request of
    a web worker that has sixteen that is dear.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: deque[str] = deque()
        self._some = threading.Event()
        self._writing = threading.Lock()
        threading.Thread(target=self._run, name="log", daemon=True).start()
        atexit.register(self.write)

    def __call__(self, name: str = "rujukan") -> _GatheredOutput:
        """A logger of this name."""
        return _GatheredOutput(self, name, self._stream)

    def add(self, line: str) -> None:
        """Takes a line that can wait."""
        self._lines.append(line)
        if not self._some.is_set():
            self._some.set()

    def write(self, last: str = "") -> None:
        """Writes what waits, and `last`; nothing happens where nobody reads the log any more."""
        with self._writing, suppress(OSError):
            waiting = [self._lines.popleft() for _ in range(len(self._lines))]
            self._stream.write("".join(f"{line}\n" for line in [*waiting, *([last] if last else [])]))
            self._stream.flush()

    def _run(self) -> None:
        while True:
            self._some.wait()
            time.sleep(GATHER_SECONDS)
            self._some.clear()  # before the writing: a line that comes meanwhile sets it again
            self.write()


class _GatheredOutput(_Output):
    def __init__(self, outputs: _GatheredOutputs, name: str, stream: TextIO) -> None:
        super().__init__(name, stream)
        self._outputs = outputs

    def debug(self, message: str) -> None:
        """A line that can wait."""
        self._outputs.add(message)

    info = debug

    def msg(self, message: str) -> None:
        """A line that cannot: a warning or worse."""
        self._outputs.write(message)

    warn = warning = error = err = critical = exception = fatal = failure = log = msg


def _trace_id(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if trace_id := current_trace_id():
        entry["trace_id"] = trace_id
    return entry


def _safe_exception(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception as its type and the places it passed, without its text."""
    info = entry.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    elif isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if info and info[0] is not None:
        frames = traceback.extract_tb(info[2])
        entry["exception"] = info[0].__name__
        entry["where"] = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames[-6:]]
    return entry


def _drop_foreign_text(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Other libraries' messages keep their template, not what was put into it, when they are warnings or worse; of an
    exception its kind, which says why Kafka lets nobody in.
    """
    record = entry.get("_record")
    if isinstance(record, logging.LogRecord) and record.args and record.levelno >= logging.WARNING:
        entry["event"] = str(record.msg)
        kinds = [type(each).__name__ for each in record.args if isinstance(each, BaseException)]
        if kinds:
            entry["error"] = kinds[0]
    return entry
