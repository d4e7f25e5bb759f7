"""Which instance a command speaks to: the one that runs on this machine, or the one that the environment names.

In a container or on a server the variables are there; on one's own machine they come from the state directory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.output import fail
from deploy.local.state import DEFAULT, Running, State
from shared.settings import SERVICES, SettingsError

if TYPE_CHECKING:
    from shared.foundation import Foundation

StateOption = Annotated[
    Path, typer.Option("--state", envvar="RUJUKAN_STATE", help="Directory with the data, secrets and logs.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ServiceArgument = Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]

DEFAULT_STATE = DEFAULT


def running(state: Path) -> Running:
    """The instance that runs on this machine; ends the command with one line if there is none."""
    found = State(state).running()
    if found is None:
        fail(f"Nothing runs here (looked in {state}). Start it with: make up")
    return found


def environ(state: Path) -> dict[str, str]:
    """The variables of shared.settings for the instance that this command is about."""
    if "RUJUKAN_ENVIRONMENT" in os.environ:
        return dict(os.environ)
    found = running(state)
    return State(state).environment(found.mongodb_uri, found.kafka_bootstrap, found.url, found.demonstration)


def foundation(service: str, state: Path) -> Foundation:
    """What a command about `service` stands on; ends the command with one line if it cannot be built."""
    from deploy import processes
    from shared.vault.keys import KeyFileError

    if service not in SERVICES:
        fail(f"There is no service {service}: choose one of {', '.join(SERVICES)}")
    try:
        return processes.foundation(service, environ(state))
    except (SettingsError, KeyFileError) as error:
        fail(str(error))
