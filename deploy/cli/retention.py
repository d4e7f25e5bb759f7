"""`rujukan retention`: what is over, and what was approved to be erased. The clock does both once a day."""

from __future__ import annotations

import typer

from deploy.cli.context import DEFAULT_STATE, JsonOption, StateOption, foundation
from deploy.cli.output import fail, say, show_json

retention = typer.Typer(no_args_is_help=True, help="What is kept, and how long.")


@retention.callback()
def _group() -> None:
    """What is kept, and how long."""


@retention.command()
def review(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Propose to erase what is over by the rules, as the clock does once a day. It erases nothing.

    A supervisor decides on each proposal, by the page /reports/retention. Repeating it proposes nothing twice.

    Example: rujukan retention review --json
    """
    from pymongo.errors import PyMongoError

    from deploy import processes
    from shared.mongo import Unavailable

    base = foundation("intake", state)
    try:
        made = processes.module("intake", "retention.review").review(base)
        counts = processes.module("intake", "retention.proposals").counts(base.database)
    except (PyMongoError, Unavailable) as error:
        fail(f"The database does not answer as it should ({type(error).__name__}): see rujukan status")
    if as_json:
        show_json({"made": made, "proposals": counts})
    else:
        say(f"{made} proposals made; {counts['proposed']} wait for a decision, {counts['approved']} are approved.")


@retention.command("carry-out")
def carry_out(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Erase what a supervisor approved a day ago or earlier, as the clock does once a day. Nothing else is erased.

    What is not over any more is withdrawn instead. Interrupted or killed, the same command goes on.

    Example: rujukan retention carry-out
    """
    from dataclasses import asdict

    from pymongo.errors import PyMongoError

    from deploy import processes
    from shared.mongo import Unavailable

    try:
        done = processes.module("intake", "retention.review").carry_out(foundation("intake", state))
    except (PyMongoError, Unavailable) as error:
        fail(f"The database does not answer as it should ({type(error).__name__}): see rujukan status")
    if as_json:
        show_json(asdict(done))
    else:
        say(f"{done.erased} erased, {done.withdrawn} withdrawn, {done.waiting} wait for the next run.")
