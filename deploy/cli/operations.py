"""`rujukan events`, `rujukan parked`, `rujukan replay`, `rujukan republish`: what an operator does about events.

Thin: shared.operations and shared.worker.operations do the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from deploy.cli.context import DEFAULT_STATE, JsonOption, ServiceArgument, StateOption, foundation
from deploy.cli.output import fail, say, show_json, show_table

parked = typer.Typer(no_args_is_help=True, help="Events that could not be handled, kept in order by key.")

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
    """Drop one parked event for good. That it was dropped stays on record.

    Example: rujukan parked drop cases intake.reports:3:1042
    """
    from shared.worker import operations

    base = foundation(service, state)
    if not yes:
        typer.confirm(f"Drop {place}? Its effect will never happen.", abort=True)
    with _database_errors():
        dropped = operations.drop(base, place)
    if not dropped:
        fail(f"{service} has parked nothing at {place}")
    if as_json:
        show_json({"service": service, "place": place, "dropped": True})
    else:
        say("Dropped.")


@contextmanager
def _database_errors() -> Iterator[None]:
    """A database that is away is one line, not a trace."""
    from pymongo.errors import PyMongoError

    from shared.mongo import Unavailable

    try:
        yield
    except (PyMongoError, Unavailable) as error:
        fail(f"The database does not answer as it should ({type(error).__name__}): see rujukan status")
