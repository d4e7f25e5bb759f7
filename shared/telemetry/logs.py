"""JSON logs with request, event and trace ids, and no identities.

What a person typed is never logged, nor an exception's text (drivers quote values): only its type and where it arose.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog

from shared.telemetry.tracing import current_trace_id

NOISY = ("kafka", "pymongo", "werkzeug", "httpx", "urllib3", "apprise", "httpcore")


def configure_logging(service: str, role: str, level: int = logging.INFO) -> None:
    """One JSON object a line on standard output, from structlog and the standard library alike."""
    shared_processors = _processors()
    structlog.configure(
        # Straight to the output: through the standard library a line takes three times as long.
        processors=[*shared_processors, structlog.processors.JSONRenderer(serializer=_json)],
        logger_factory=_Output,
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
