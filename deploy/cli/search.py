"""`rujukan search`: by what sealed children are found, and how that is made anew."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from deploy.cli.context import DEFAULT_STATE, JsonOption, StateOption, foundation
from deploy.cli.output import console, fail, say, show_json, show_table

search = typer.Typer(no_args_is_help=True, help="By what sealed children are found.")


@search.callback()
def _group() -> None:
    """By what sealed children are found."""


@search.command()
def reindex(
    new_key: Annotated[
        bool, typer.Option(help="With a new search key: hashes that somebody copied can be tested no more.")
    ] = False,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds for which running processes may still hash with the key before.")
    ] = 10.0,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Make findable what a worker has not come to, and hash anew what is not of the present search key.

    Finding goes on meanwhile. What was interrupted is gone on with by the same command.

    Example: rujukan search reindex --new-key
    """
    from pymongo.errors import PyMongoError
    from rich.progress import Progress

    from deploy import processes
    from shared.mongo import Unavailable
    from shared.vault.keys import KeyFileError

    base, matching = foundation("intake", state), processes.module("intake", "matching")
    try:
        if new_key:
            base.found.begin_anew()
            say("A new search key is in place. Children are found by both meanwhile.")
            time.sleep(grace)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("Making findable", total=None)
            done = matching.reindex(base, lambda number: bar.update(task, completed=number))
        base.found.end_anew()
    except KeyFileError as error:
        fail(str(error))
    except OSError as error:
        fail(f"A new search key cannot be put beside the vault's ({error.strerror})")
    except (PyMongoError, Unavailable) as error:
        fail(f"The database does not answer as it should ({type(error).__name__}): see rujukan status")
    say(f"{done} children were made findable anew.")


@search.command("status")
def status(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Show how many children can be found, by which search key, and how many wait for the worker.

    Example: rujukan search status
    """
    from pymongo.errors import PyMongoError

    from shared.mongo import Unavailable

    try:
        counts = foundation("intake", state).found.counts()
    except (PyMongoError, Unavailable) as error:
        fail(f"The database does not answer as it should ({type(error).__name__}): see rujukan status")
    if as_json:
        show_json(counts)
    else:
        show_table("Findable children", [{"key": k, "children": v} for k, v in counts.items()], ["key", "children"])
