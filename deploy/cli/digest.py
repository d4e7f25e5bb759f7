"""`rujukan digest`: the morning's e-mails, as the clock sends them."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.cli.context import DEFAULT_STATE, JsonOption, StateOption, foundation
from deploy.cli.output import fail, say, show_json, show_table

COLUMNS = ("role", "agency_id", "overdue", "due_today", "awaiting", "tasks", "unanswered")
REASONS = {
    "no_mail_server": "No mail server is named: set RUJUKAN_SMTP and RUJUKAN_SMTP_SENDER.",
    "not_now": "Nothing is sent now: e-mails go out on working days, from when the offices open until midnight WIB.",
}


def digest(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be sent, at any hour. Nothing is written or sent.")
    ] = False,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Send the e-mails of this morning that are not sent yet, as the clock does every ten minutes.

    Each person gets one on a working day on which something waits for them. Repeating it sends nothing twice.

    Example: rujukan digest --dry-run
    """
    from pymongo.errors import PyMongoError

    from deploy import morning
    from shared.mongo import Unavailable

    cases, directory = foundation("cases", state), foundation("directory", state)
    try:
        done = morning.preview(cases, directory) if dry_run else morning.send(cases, directory)
    except (PyMongoError, Unavailable) as error:
        fail(f"The database does not answer as it should ({type(error).__name__}): see rujukan status")
    if isinstance(done, morning.Preview):
        if as_json:
            show_json(vars(done))
            return
        show_table("What waits", done.queues, COLUMNS)
        say(f"{done.recipients} people would get an e-mail who have none yet today.")
    elif as_json:
        show_json({"not_sent": done} if isinstance(done, str) else done)
    elif isinstance(done, str):
        say(REASONS[done])
    else:
        say(
            f"{done['sent']} e-mails sent; for {done['nothing']} people nothing waits; {done['waiting']} are tried "
            f"again; {done['unsure']} may have arrived or not."
        )
