"""What a run of the clock tells when it fails: its kind, and where. Prefect keeps the error of a run in its database
and shows it on its pages, and the text of a driver's error may quote what somebody typed.

It knows no Prefect: a flow is a plain function that does its work `with told_as(...)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shared.telemetry.logs import configure_logging, get_logger


class RunFailed(Exception):
    """A run failed; the text is the name of what was raised. The log has where, without its text."""


@contextmanager
def told_as(service: str) -> Iterator[None]:
    """Logs as `flows` of this service. Raises RunFailed instead of whatever is raised within."""
    configure_logging(service, "flows")
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it was, Prefect is told no more than its name
        get_logger(__name__).error("run_failed", exc_info=error)
        raise RunFailed(type(error).__name__) from None
