"""`rujukan status`: every process, every server and every service, and what is wrong with them.

It only looks. Its exit status is 1 when a part is stopped, out of reach or wrongly configured.
"""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deploy.cli import context
from deploy.cli.context import DEFAULT_STATE, JsonOption, StateOption
from deploy.cli.output import say, show_json, show_table
from deploy.local import kafka
from deploy.local.state import State
from shared import settings
from shared.settings import SERVICES, SettingsError

if TYPE_CHECKING:
    from shared.foundation import Foundation

KEY_SERVER = "Key server"
TROUBLES = {KEY_SERVER: "is away, sealed or refuses the token"}
"""What may be wrong with a server, where it is more than that it does not answer."""
OLDEST_UNPUBLISHED_SECONDS = 60
"""An entry that waits longer for Kafka is named as a problem."""


def status(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Show processes, servers and services: lag, oldest unpublished entry, parked events, who leads.

    Example: rujukan status --json
    """
    found = look(state)
    if as_json:
        show_json(found)
    else:
        _show(found)
    if found["problems"]:
        raise typer.Exit(1)


def look(state: Path) -> dict[str, Any]:
    """Everything that the command shows, with `problems`: a line for each part that is not well."""
    problems: list[str] = []
    environ = context.environ(state)
    local = State(state).running() if "RUJUKAN_ENVIRONMENT" not in os.environ else None
    processes = _processes(Path(local.socket), problems) if local else []
    servers = _servers(environ, local.prefect_url if local else environ.get("PREFECT_API_URL"), problems)
    return {
        "url": environ.get("RUJUKAN_BASE_URL"),
        "clock_pages": local.clock_pages if local else None,
        "processes": processes,
        "servers": servers,
        "services": _services(environ, {each["server"]: each["reachable"] for each in servers}, problems),
        "reminders": _reminders(environ),
        "problems": problems,
    }


def _processes(socket: Path, problems: list[str]) -> list[dict[str, Any]]:
    from deploy.local.supervision import UNREACHABLE, Supervision

    try:
        processes = Supervision(socket).processes()
    except UNREACHABLE:
        problems.append("the supervisor does not answer: stop with Ctrl-C and start again")
        return []
    rows = []
    for one in processes:
        if one.state != "RUNNING":
            problems.append(f"process {one.name} is {one.state.lower()} ({one.last_end}): see its log")
        rows.append(
            {
                "process": one.name,
                "state": one.state.lower(),
                "pid": one.pid or None,
                "seconds": int(time.time()) - one.started if one.pid else None,
                "memory_mb": _memory(one.pid),
            }
        )
    return rows


def _memory(pid: int) -> int | None:
    """Proportional memory of a process and what it started, in MB."""
    import psutil

    if not pid:
        return None
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return round(sum(member.memory_full_info().pss for member in family) / 1e6)
    except psutil.Error:
        return None


def _servers(environ: Mapping[str, str], prefect: str | None, problems: list[str]) -> list[dict[str, Any]]:
    bootstrap = environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
    servers = [
        # Without user information, which an external address may carry.
        ("MongoDB", environ.get("MONGODB_URI", "").rsplit("@", 1)[-1], _mongodb_answers(environ)),
        ("Kafka", bootstrap, bool(bootstrap) and _kafka_answers(environ)),
    ]
    if prefect:
        servers.append(("Prefect", prefect, _http_answers(f"{prefect}/health")))
    servers += _key_server(environ)
    for name, address, reachable in servers:
        if not reachable:
            problems.append(f"{name} {TROUBLES.get(name, 'does not answer')} at {address}")
    return [{"server": name, "address": address, "reachable": reachable} for name, address, reachable in servers]


def _mongodb_answers(environ: Mapping[str, str]) -> bool:
    from pymongo.errors import PyMongoError

    from shared.vault.keys import KeyFileError

    try:
        with _foundation("directory", environ) as base:
            return bool(base.database.command("ping")["ok"])
    except (PyMongoError, SettingsError, KeyFileError):
        return False


def _kafka_answers(environ: Mapping[str, str]) -> bool:
    from shared.broker import connection

    try:
        # As one who reads from it: directory's web has no password for it.
        how = connection(settings.load("reporting", environ))
    except SettingsError:
        return False
    return kafka.answers(how.pop("bootstrap_servers"), milliseconds=5000, **how)


def _key_server(environ: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """The server that keeps the vault's key, if one does. One that answers and has no usable key stands at the services
    that need it, with what to do. It is asked once: one that is away lets whoever asks wait."""
    from shared.mongo import Unavailable
    from shared.vault.keys import KeyFileError

    try:
        intake = settings.load("intake", environ)
    except SettingsError:
        return []
    if intake.vault_key_server is None:
        return []
    from shared.vault.transit import TransitRing  # whoever has the key in a file needs no client for servers

    address = intake.vault_key_server.url.rsplit("@", 1)[-1]
    try:
        TransitRing(intake.vault_key_server, ask=False).check()
    except KeyFileError:
        return [(KEY_SERVER, address, True)]
    except Unavailable:
        return [(KEY_SERVER, address, False)]
    return [(KEY_SERVER, address, True)]


@contextmanager
def _foundation(service: str, environ: Mapping[str, str]) -> Iterator[Foundation]:
    """A service's foundation for the length of a `with` block. Raises SettingsError, KeyFileError."""
    from deploy import processes

    base = processes.foundation(service, environ)
    try:
        yield base
    finally:
        base.database.client.close()


def _http_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except OSError:
        return False


def _services(environ: Mapping[str, str], reachable: Mapping[str, bool], problems: list[str]) -> list[dict[str, Any]]:
    """All services at once: each waits some seconds for what does not answer, and this is asked on bad days."""

    def look_at(service: str) -> tuple[dict[str, Any], list[str]]:
        own: list[str] = []
        return _service(service, environ, reachable["Kafka"], own), own

    with ThreadPoolExecutor(len(SERVICES)) as at_once:
        looks = list(at_once.map(look_at, SERVICES))
    problems += [problem for _, own in looks for problem in own]
    return [found for found, _ in looks]


def _service(service: str, environ: Mapping[str, str], ask_kafka: bool, problems: list[str]) -> dict[str, Any]:
    from pymongo.errors import PyMongoError

    from deploy import processes
    from shared.mongo import Unavailable
    from shared.operations import service_status
    from shared.vault.keys import KeyFileError

    try:
        with _foundation(service, environ) as base:
            found = service_status(base, processes.consumed(service) if ask_kafka else ())
            if processes.has_module(service, "lateness"):
                lateness = processes.module(service, "lateness")
                clock = lateness.look(base.database, base.clock())
                found["clock_late_seconds"] = round(clock.oldest_seconds)
                problems += [f"{service}: {problem}" for problem in lateness.problems(clock)]
    except (SettingsError, KeyFileError) as error:
        problems.append(f"{service}: {error}")
        return {"service": service}
    except (PyMongoError, Unavailable):
        problems.append(f"{service}: its database is out of reach")
        return {"service": service}
    if found["refused"]:
        problems.append(f"{service}: Kafka does not let it read {found['refused']}: repeat `rujukan run init`")
    if found["parked"]:
        problems.append(f"{service}: {found['parked']} parked events: rujukan parked list {service}")
    if (found["oldest_unpublished_seconds"] or 0) > OLDEST_UNPUBLISHED_SECONDS:
        problems.append(f"{service}: an entry waits for Kafka since {found['oldest_unpublished_seconds']:.0f} s")
    if found["unpublished"] is not None and not found["relay"]:
        problems.append(f"{service}: no relay leads, so its events are not published")
    return {"service": service, **found}


def _reminders(environ: Mapping[str, str]) -> list[str]:
    """What somebody has to do by the calendar; nothing where it cannot be asked, which is said elsewhere."""
    from pymongo.errors import PyMongoError

    from deploy.cli import reminders
    from shared.mongo import Unavailable
    from shared.vault.keys import KeyFileError

    try:
        with _foundation("intake", environ) as base:
            return reminders.look(base)
    except (SettingsError, KeyFileError, PyMongoError, Unavailable):
        return []


def _show(found: Mapping[str, Any]) -> None:
    say(f"Rujukan at {found['url']}")
    if found["clock_pages"]:
        say(f"The clock's runs, on this machine only: {found['clock_pages']}")
    if found["processes"]:
        show_table("Processes", found["processes"], ["process", "state", "pid", "seconds", "memory_mb"])
    show_table("Servers", found["servers"], ["server", "address", "reachable"])
    columns = list(dict.fromkeys(name for row in found["services"] for name in row))
    show_table("Services", found["services"], columns)
    for reminder in found["reminders"]:
        say(f"Remember: {reminder}")
    if found["problems"]:
        say("Not well:")
        for problem in found["problems"]:
            say(f"  {problem}")
    else:
        say("All is well.")
