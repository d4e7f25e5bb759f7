"""`rujukan events`, `parked`, `replay`, `republish`, `restored`: what an operator does about events.

Thin: shared.operations and shared.worker.operations do the work.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.context import DEFAULT_STATE, JsonOption, ServiceArgument, StateOption, foundation
from deploy.cli.output import fail, say, show_json, show_table
from shared.settings import SERVICES

if TYPE_CHECKING:
    from shared.foundation import Foundation

events = typer.Typer(no_args_is_help=True, help="Events as they travel.")
parked = typer.Typer(no_args_is_help=True, help="Events that could not be handled, kept in order by key.")

EVENT_FIELDS = ("id", "type", "stream", "version", "epoch", "occurred_at", "recorded_at", "actor", "data")
PARKED_COLUMNS = ["_id", "key", "type", "error", "attempts", "parked_at"]


@parked.command("list")
def parked_list(
    service: ServiceArgument,
    key: Annotated[str | None, typer.Option(help="Only the queue of this key.")] = None,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """List a service's parked events, each key's queue in its order.

    Example: rujukan parked list cases
    """
    from shared.worker import operations

    with _database_errors():
        rows = operations.parked(foundation(service, state).database, key)
    if as_json:
        show_json(rows)
    elif rows:
        show_table(f"Parked in {service}", rows, PARKED_COLUMNS)
    else:
        say("Nothing is parked.")


@parked.command("show")
def parked_show(
    service: ServiceArgument,
    place: Annotated[str, typer.Argument(help="topic:partition:offset, as the list says.")],
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Show one parked event with its message and its error.

    Example: rujukan parked show cases intake.reports:3:1042
    """
    from shared.worker import operations

    with _database_errors():
        entry = operations.inspect(foundation(service, state).database, place)
    if entry is None:
        fail(f"{service} has parked nothing at {place}")
    if as_json:
        show_json(entry)
    else:
        for name, value in entry.items():
            say(f"{name:12} {value}")


@parked.command("replay")
def parked_replay(
    service: ServiceArgument,
    key: Annotated[str, typer.Argument(help="The key whose queue is handled again, in order.")],
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Handle a key's parked events again, oldest first; stops at the first that fails.

    Example: rujukan parked replay cases report-5f0c9d1e8a7b4c6d9e0f1a2b3c4d5e6f
    """
    from deploy import processes
    from shared.worker import operations

    base = foundation(service, state)
    if not processes.has_module(service, "handlers"):
        fail(f"{service} handles no events")
    handlers = processes.module(service, "handlers").handlers(base)
    try:
        with _database_errors():
            done = operations.replay_parked(base, handlers, key)
    except operations.StillFails as error:
        fail(f"It still fails: {error}. What was handled before it stays done.")
    if as_json:
        show_json({"service": service, "key": key, "handled": done})
    else:
        say(f"{done} events handled; the key is free.")


@parked.command("drop")
def parked_drop(
    service: ServiceArgument,
    place: Annotated[str, typer.Argument(help="topic:partition:offset, as the list says.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Drop the first event of a key's queue for good. That it was dropped stays on record.

    Example: rujukan parked drop cases intake.reports:3:1042
    """
    from shared.worker import operations

    base = foundation(service, state)
    if not yes:
        typer.confirm(f"Drop {place}? Its effect will never happen.", abort=True)
    try:
        with _database_errors():
            dropped = operations.drop(base, place)
    except operations.NotFirst as error:
        fail(f"It waits behind another event of its key, which would be lost with it: {error}")
    if not dropped:
        fail(f"{service} has parked nothing at {place}")
    if as_json:
        show_json({"service": service, "place": place, "dropped": True})
    else:
        say("Dropped.")


@events.command("tail")
def events_tail(
    topic: Annotated[list[str] | None, typer.Option(help="Only this topic; may be given several times.")] = None,
    from_start: Annotated[bool, typer.Option(help="Begin with the first event that is kept.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    reader: Annotated[str | None, typer.Option("--as", help="Read as this service's user of Kafka.")] = None,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Print events as they come; Ctrl-C ends it. It moves nobody's position. With --json, one object a line.

    Example: rujukan events tail --topic cases.events --from-start --count 10
    """
    from deploy.processes import consumed
    from shared import operations
    from shared.events import DecodeError
    from shared.events.topics import BrokerUnavailable

    names = operations.all_topics()
    if unknown := sorted(set(topic or ()) - set(names)):
        fail(f"There is no topic {', '.join(unknown)}: choose from {', '.join(names)}")
    reader = reader or next((name for name in SERVICES if set(topic or names) <= set(consumed(name))), "directory")
    settings = foundation(reader, state).settings
    try:
        for event in islice(operations.tail(settings, topic or names, from_start), count):
            if isinstance(event, DecodeError):
                line = {"unreadable": str(event)}
            else:
                line = {name: getattr(event, name) for name in EVENT_FIELDS}
            print(json.dumps(line, default=str, ensure_ascii=False) if as_json else _readable(line), flush=True)
    except BrokerUnavailable as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit from None


def _readable(line: dict[str, Any]) -> str:
    if "unreadable" in line:
        return f"unreadable: {line['unreadable']}"
    data = json.dumps(line["data"], default=str, ensure_ascii=False)
    return f"{line['recorded_at']:%Y-%m-%d %H:%M:%S} {line['type']} {line['stream']} {line['version']} {data}"


def republish(
    service: ServiceArgument,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Publish a service's whole journal once more, as after a topic was lost. Readers skip what they have seen.

    After a loss say it before the start, so that the new topic begins with the oldest.

    Example: rujukan republish intake
    """
    from shared import operations

    base = nullcontext(foundation(service, state)) if _runs(state) else _at_rest(state, service)
    with base as found, _database_errors():
        entries = operations.republish(found)
    if as_json:
        show_json({"service": service, "entries": entries})
    else:
        say(f"{entries} entries of {service}'s journal are published again by its relay.")


def restored(
    service: ServiceArgument,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Say that a service's journal was restored from a backup, before anything of it is started again.

    What it writes from now on has a new epoch, else readers would take it for what they saw before the restore. All
    that it holds is published again.

    Example: rujukan restored intake
    """
    from shared import operations

    if _runs(state):
        fail("It runs: what it writes now is still of the old epoch. Stop it first: rujukan down")
    with _at_rest(state, service) as base, _database_errors():
        epoch = base.journal.begin_new_epoch()
        # At once, so that the relay begins with the oldest: a topic that begins with a late version is no good to read.
        entries = operations.republish(base)
    if as_json:
        show_json({"service": service, "epoch": epoch, "entries": entries})
    else:
        say(f"{service}'s journal goes on in epoch {epoch}; its {entries} entries are published again once it runs.")


def _runs(state: Path) -> bool:
    """Whether an instance runs on this machine that the command would be about."""
    from deploy.local.state import State

    return "RUJUKAN_ENVIRONMENT" not in os.environ and State(state).held()


@contextmanager
def _at_rest(state: Path, service: str) -> Iterator[Foundation]:
    """A service of which nothing runs; on one machine its database is started for the command alone."""
    from deploy import processes
    from deploy.local import alone
    from deploy.local.ports import NotReady
    from deploy.local.state import Held, State

    if "RUJUKAN_ENVIRONMENT" in os.environ:
        yield foundation(service, state)
        return
    if not (place := State(state)).directory.exists():
        fail(f"Nothing is kept in {state}")
    if service not in SERVICES:
        fail(f"There is no service {service}: choose one of {', '.join(SERVICES)}")
    try:
        with alone.database(place) as environ:
            yield processes.foundation(service, environ)
    except Held:
        fail("It is starting or stopping: try again")
    except NotReady as error:
        fail(str(error))


def replay(
    service: ServiceArgument,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Read a service's topics again from the start.

    Read models (reporting) are built anew beside the live ones, which serve and grow until the new ones have caught up
    and take their place at once. It says how far it is; interrupted or killed, the same command goes on where it was.
    What has other effects (cases, deliveries) stays: its worker reads again, and nothing happens or is sent twice.

    Example: rujukan replay reporting
    """
    from deploy import processes
    from shared.events.topics import BrokerUnavailable
    from shared.worker import positions

    base = foundation(service, state)
    rebuilt = processes.has_module(service, "rebuild")
    try:
        with _database_errors():
            if rebuilt:
                whole = processes.module(service, "rebuild").rebuild(base, _say_progress)
            else:
                base.database[positions.POSITIONS].delete_many({})
    except BrokerUnavailable as error:
        fail(f"{error}. What is built so far is kept: the same command goes on.")
    except KeyboardInterrupt:
        fail("Interrupted. What is built so far is kept: the same command goes on.")
    if as_json:
        show_json({"service": service, "rebuilt": rebuilt})
    elif not rebuilt:
        say(f"{service} reads its topics again from the start; its running worker begins within seconds.")
    elif whole:
        say(f"{service}'s read models are made anew and serve now; the old ones are removed.")
    else:
        say(f"{service}'s read models were made anew before; the old ones are removed now.")


def _say_progress(progress: Any) -> None:
    """How far a rebuild is, to where it does not mix with an answer in JSON."""
    print(f"{progress.done:,} of {progress.total:,} events, {progress.rate:,.0f} a second", file=sys.stderr, flush=True)


def sweep(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Do what the clock does: escalate every deadline of cases that has passed, and remove what uploads have left.

    Repeating it changes nothing.

    Example: rujukan sweep
    """
    from deploy import processes

    with _database_errors():
        escalated = processes.module("cases", "commands").sweep(foundation("cases", state))
        removed = processes.module("intake", "attachments").sweep(foundation("intake", state))
    if as_json:
        show_json({"escalated": escalated, "contents_removed": removed})
    else:
        say(f"{escalated} deadlines escalated, {removed} contents of files removed.")


@contextmanager
def _database_errors() -> Iterator[None]:
    """A database that is away is one line, not a trace."""
    from pymongo.errors import PyMongoError

    from shared.mongo import Unavailable

    try:
        yield
    except (PyMongoError, Unavailable) as error:
        fail(f"The database does not answer as it should ({type(error).__name__}): see rujukan status")
