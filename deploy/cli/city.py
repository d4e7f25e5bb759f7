"""`rujukan demo` and `rujukan init`: an invented city to try things in, or an empty one for real use."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.context import DEFAULT_STATE, StateOption, foundation, running
from deploy.cli.output import fail, say
from deploy.local.state import State

DEMO_REPORTS = 360
LOADED = "demonstration-loaded"
"""A note in the state directory: the first `make up` loads the demonstration, later ones do not."""


def demo(
    state: StateOption = DEFAULT_STATE,
    count: Annotated[int, typer.Option(min=1, max=5000, help="How many reports.")] = DEMO_REPORTS,
) -> None:
    """Load a city's worth of invented, marked reports through the public API. Loading again adds nothing.

    Example: rujukan demo
    """
    url = running(state).url
    try:
        load_demonstration(state, url, count)
    except NotLoaded as error:
        fail(str(error))


class NotLoaded(Exception):
    """The demonstration could not be loaded, or not all of it. One line that says why."""


def load_demonstration(state: Path, url: str, count: int = DEMO_REPORTS) -> None:
    """Seeds agencies, companies and accounts, then sends the reports with a progress bar. Raises NotLoaded."""
    from deploy import demo as reports
    from services.directory import seed, setup

    base = foundation("directory", state)
    clerk = next(account for account in seed.DEMONSTRATION_ACCOUNTS if account.role == "intake_clerk")
    try:
        seed.seed(base)
        reports.load(url, clerk.email, clerk.password, count=count)
    except (setup.MixedData, reports.LoadFailed) as error:
        raise NotLoaded(str(error)) from error
    (State(state).directory / LOADED).touch()


def wants_demonstration(state: Path) -> bool:
    """Whether the demonstration was never loaded completely, and this is not a live city."""
    from services.directory import setup

    if (State(state).directory / LOADED).exists():
        return False
    return setup.mode(foundation("directory", state)) != setup.LIVE


def init(
    email: Annotated[str | None, typer.Option(help="The first administrator's e-mail address.")] = None,
    name: Annotated[str | None, typer.Option(help="The first administrator's name.")] = None,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Start an empty city for real use: make its first administrator. Refused where demonstration data are.

    It needs a running instance without demonstration: make up DEMO=no

    Example: rujukan init --email ibu.kepala@kota.example --name "Ibu Kepala"
    """
    from services.directory import setup
    from services.directory.model import Refused

    base = foundation("directory", state)
    if setup.mode(base) == setup.DEMONSTRATION:
        fail("Demonstration data are here. Start a real city in an empty place: make up DEMO=no STATE=/path/to/city")
    email = email or typer.prompt("E-mail address")
    name = name or typer.prompt("Name")
    password = sys.stdin.readline().rstrip("\n") if password_stdin else _ask_password()
    try:
        setup.create_first_administrator(base, email=email, name=name, password=password)
    except setup.MixedData as error:
        fail(str(error))
    except Refused as error:
        fail("Refused: " + "; ".join(f"{field}: {code}" for field, code in sorted(error.errors.items())))
    say(f"The city is live, and {email} is its first administrator. Sign in at the address that `rujukan status` says.")


def _ask_password() -> str:
    first = getpass.getpass("Password (at least 12 characters): ")
    if first != getpass.getpass("Once more: "):
        fail("The two passwords differ: nothing was changed.")
    return first
