"""The roles of a process: web, relay, worker, sender, flows. Local mode and containers start the same ones.

A role imports only what it needs, when it is chosen: Prefect stays out of web processes, Flask out of relays. A role
that takes several services runs each in a thread of its own; when one of them fails, the process ends and its
supervisor starts it again.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from shared import settings
from shared.settings import SERVICES

if TYPE_CHECKING:
    from flask import Flask

    from shared.foundation import Foundation

ROLES = ("web", "relay", "worker", "sender", "flows")
SENDER = "notifications"
STOP_WITHIN = 9.0
"""Seconds that a role has to finish what it is doing after SIGTERM. Supervisors wait a little longer."""

GUNICORN_CONFIGURATION = Path(__file__).with_name("gunicorn.py")


def module(service: str, name: str) -> ModuleType:
    """A module of a service's floor plan, such as ("cases", "handlers")."""
    if service not in SERVICES:
        raise ValueError(f"unknown service {service!r}: expected one of {', '.join(SERVICES)}")
    return importlib.import_module(f"services.{service}.{name}")


def has_module(service: str, name: str) -> bool:
    """Whether the service has that part of the floor plan."""
    return importlib.util.find_spec(f"services.{service}.{name}") is not None


def publishing() -> list[str]:
    """The services whose journal goes to a topic."""
    from shared.events.topics import topic_of

    return [service for service in SERVICES if topic_of(service) is not None]


def consuming() -> list[str]:
    """The services that handle events."""
    return [service for service in SERVICES if consumed(service)]


def consumed(service: str) -> list[str]:
    """The topics whose events the service handles."""
    return list(module(service, "handlers").TOPICS) if has_module(service, "handlers") else []


def foundation(service: str, environ: Mapping[str, str] = os.environ) -> Foundation:
    """What a process of `service` stands on. Raises SettingsError, KeyFileError."""
    from shared.foundation import Foundation

    return Foundation.start(settings.load(service, environ))


def application(service: str) -> Flask:
    """The web application of one service, for a container of its own behind the reverse proxy.

    The proxy says whose address a request came from; without that, the whole city would share one limit of sign-ins.
    (The front door of local mode is itself the outermost: there nobody is believed.)
    """
    from werkzeug.middleware.proxy_fix import ProxyFix

    app: Flask = module(service, "app").create_app(foundation(service))
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    return app


def web_command(services: list[str]) -> tuple[list[str], dict[str, str]]:
    """gunicorn's command line and its own variables: with the front door before all services, or the one named."""
    if len(services) > 1:
        raise ValueError("web serves all services, or one that is named")
    target = f"deploy.processes:application({services[0]!r})" if services else "deploy.front_door:create()"
    command = [sys.executable, "-m", "gunicorn", "--config", str(GUNICORN_CONFIGURATION), target]
    # The configuration imports the applications' modules before it forks, so that its workers share them.
    return command, {"RUJUKAN_WEB_SERVICES": ",".join(services or SERVICES)}


def run_web(services: list[str]) -> None:
    """Becomes gunicorn."""
    command, variables = web_command(services)
    os.environ.update(variables)
    os.execv(command[0], command)  # noqa: S606


def run_relay(services: list[str]) -> None:
    """Publishes the journals of `services` (all that have a topic, if none is named) until SIGTERM."""
    from shared import relay

    chosen = services or publishing()
    _configure(chosen, "relay")
    run_until_stopped({name: _bind(relay.run, foundation(name)) for name in chosen})


def run_worker(services: list[str]) -> None:
    """Feeds the handlers of `services` (all that have some, if none is named) until SIGTERM. Its metrics also say how
    late the clock is, where a service has one: the flows cannot tell of their own standstill."""
    from prometheus_client import REGISTRY

    from shared import worker
    from shared.telemetry.metrics import AtScrape

    chosen = services or consuming()
    _configure(chosen, "worker")
    parts: dict[str, Callable[[threading.Event], None]] = {}
    for name in chosen:
        handlers, base = module(name, "handlers"), foundation(name)
        if has_module(name, "lateness"):
            REGISTRY.register(AtScrape(partial(module(name, "lateness").figures, base)))
        parts[name] = _bind(worker.run, base, handlers.TOPICS, handlers.handlers(base))
    run_until_stopped(parts)


def run_sender() -> None:
    """Delivers to the partner agencies' receivers until SIGTERM."""
    _configure([SENDER], "sender")
    run_until_stopped({SENDER: _bind(module(SENDER, "sender").run, foundation(SENDER))})


def run_flows() -> None:
    """Serves what the clock starts, until SIGTERM. First waits for Prefect's server, which needs a dozen seconds."""
    _configure(["all"], "flows")
    _wait_for_prefect()
    from deploy import flows

    flows.serve()


def run_until_stopped(parts: Mapping[str, Callable[[threading.Event], None]], within: float = STOP_WITHIN) -> None:
    """Runs each part in a thread with a shared stop event. SIGTERM and SIGINT set it; so does a part that ends by
    itself, after which the process exits with 1. Parts that do not stop `within` seconds are left behind.
    """
    stop = threading.Event()
    ended: list[str] = []
    wake = threading.Event()

    def ask_to_stop(*_: Any) -> None:
        stop.set()
        wake.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)

    def run(name: str, part: Callable[[threading.Event], None]) -> None:
        try:
            part(stop)
        except Exception as error:  # noqa: BLE001 - whatever it was, the supervisor starts a fresh process
            _log_end(name, error)
        if not stop.is_set():
            ended.append(name)
        wake.set()

    threads = [threading.Thread(target=run, args=item, name=item[0], daemon=True) for item in parts.items()]
    for thread in threads:
        thread.start()
    # A bounded wait, for a signal is only handled between two of them.
    while not wake.wait(1.0):
        pass
    stop.set()
    end = time.monotonic() + within
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = [thread.name for thread in threads if thread.is_alive()]
    sys.stdout.flush()
    # Not sys.exit: a client thread that hangs on a frozen broker would keep the process.
    os._exit(1 if ended or late else 0)


def _wait_for_prefect(seconds: float = 120.0) -> None:
    """Returns when the server at PREFECT_API_URL answers; exits with 1 when it does not within `seconds`."""
    address = os.environ.get("PREFECT_API_URL")
    if not address:
        raise settings.SettingsError("PREFECT_API_URL is not set: the address of Prefect's API, ending in /api")
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:  # noqa: S310 - from our settings
                if answer.status == 200:
                    return
        except OSError:
            if time.monotonic() > end:
                sys.exit(f"Prefect does not answer at {address}")
        time.sleep(0.5)


def _bind(function: Callable[..., None], *arguments: Any) -> Callable[[threading.Event], None]:
    return lambda stop: function(*arguments, stop)


def _configure(services: Iterable[str], role: str) -> None:
    from shared.telemetry.logs import configure_logging
    from shared.telemetry.metrics import serve_metrics
    from shared.telemetry.tracing import configure_tracing

    configure_logging("+".join(services), role)
    configure_tracing(role)
    serve_metrics()


def _log_end(service: str, error: Exception) -> None:
    from shared.telemetry.logs import get_logger

    get_logger("deploy.processes").error("part_ended", part=service, exc_info=error)
