"""The `rujukan` command's entry: up, down, restart, status, run. Other commands live in the modules beside this one.

Each command has an example in its help. What a command does is written elsewhere; here it is only called and shown.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli import audit, city, digest, exposed, keys, operations, retention, search, status, workflow
from deploy.cli.context import DEFAULT_STATE, StateOption, running
from deploy.cli.output import console, fail, say, show_table, step
from deploy.local.state import Held, Running, State
from deploy.processes import ROLES
from shared.settings import SERVICES, SettingsError
from shared.telemetry.logs import configure_command_logging

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command()(city.demo)
app.command()(city.init)
app.command("status")(status.status)
app.command()(digest.digest)
app.command()(operations.replay)
app.command()(operations.republish)
app.command()(operations.restored)
app.command()(operations.sweep)
app.add_typer(operations.events, name="events")
app.add_typer(operations.parked, name="parked")
app.add_typer(workflow.workflow, name="workflow")
audit.audit.command()(exposed.exposed)
app.add_typer(audit.audit, name="audit")
app.add_typer(keys.keys, name="keys")
app.add_typer(search.search, name="search")
app.add_typer(retention.retention, name="retention")

DOWN_WITHIN = 120.0


@app.callback()
def rujukan() -> None:
    """Carries the report that a child is working through every agency that must help."""
    configure_command_logging()


@app.command()
def up(
    state: StateOption = DEFAULT_STATE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the web pages; 0 takes any free one.")] = 8000,
    without_clock: Annotated[
        bool, typer.Option(help="Leave out Prefect (saves 330 MB; nothing runs by time).")
    ] = False,
    demo: Annotated[bool, typer.Option(help="Load demonstration data at the first start.")] = True,
    reports: Annotated[int, typer.Option(min=1, max=5000, help="How many demonstration reports.")] = city.DEMO_REPORTS,
) -> None:
    """Start the whole product on this machine, and stop it with Ctrl-C. Data stay for the next start.

    Example: rujukan up --port 8080 --no-demo
    """
    from deploy.local import preflight
    from deploy.local.up import Instance, Options, Stopped

    place = State(state)
    if place.held():
        found = place.running()
        say(f"Rujukan is running already at {found.url} (process {found.pid})." if found else "It is starting already.")
        return
    try:
        for warning in preflight.check(place.directory, port):
            say(warning)
    except preflight.Refused as error:
        fail(str(error))
    place.prepare()
    try:
        held = place.hold()
    except Held:
        say("It is starting already.")
        return
    with held:
        instance = Instance(place, Options(port, not without_clock, demo), step, say)
        try:
            instance.run(lambda found, _: _welcome(found, state, reports if demo else 0))
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - one line, not a trace, for whoever started it
            _explain(error, place)
    say("Everything is stopped. The data are kept for the next start.")


def _explain(error: Exception, place: State) -> None:
    from deploy.local.kafka import FetchError
    from deploy.local.ports import NotReady
    from shared.events.topics import BrokerUnavailable, TopicMismatch

    known = (FetchError, NotReady, SettingsError, TopicMismatch, BrokerUnavailable)
    if isinstance(error, known):
        fail(f"{error} (logs: {place.logs})")
    if os.environ.get("RUJUKAN_TRACE"):
        raise error
    # Where it arose, not its text: a driver's may quote what people typed.
    trace = place.logs / "up.log"
    trace.write_text("".join(traceback.format_tb(error.__traceback__)) + type(error).__name__ + "\n")
    fail(f"It could not be started: {type(error).__name__} (see {trace}; other logs are beside it)")


def _welcome(found: Running, state: Path, reports: int) -> None:
    """The address, and who can sign in. Loads the demonstration at the first start."""
    say(f"\nRujukan is running at {found.url}\n")
    if reports and city.wants_demonstration(state):
        try:
            city.load_demonstration(state, found.url, reports)
        except city.NotLoaded as error:
            say(f"The demonstration is not complete: {error}. `./rujukan demo` goes on with it.")
    if found.demonstration:
        _accounts()
        say("\nTry first:")
        say(f"  1. Sign in at {found.url}/id/sign-in as the intake clerk and register a report.")
        say("  2. Sign in as the case worker: its case waits in the work queue.")
        say("  3. Sign in as the partner agency and subscribe a webhook; as the analyst, open the dashboard.")
    else:
        say("An empty city: `./rujukan init` makes its first administrator.")
    if found.clock_pages:
        say(f"\nWhat the clock does is on Prefect's pages, on this machine only: {found.clock_pages}")
    say("\n`./rujukan status` shows how it is. Ctrl-C stops everything.")


def _accounts() -> None:
    from services.directory.seed import DEMONSTRATION_ACCOUNTS

    rows = [
        {"role": account.role, "e-mail": account.email, "password": account.password}
        for account in DEMONSTRATION_ACCOUNTS
    ]
    show_table("Demonstration accounts (invented data only)", rows, ["role", "e-mail", "password"])


@app.command()
def down(state: StateOption = DEFAULT_STATE) -> None:
    """Stop the instance that runs on this machine, as Ctrl-C in its terminal does.

    Example: rujukan down
    """
    found = State(state).running()
    if found is None:
        say("Nothing runs here.")
        return
    os.kill(found.pid, signal.SIGTERM)
    end = time.monotonic() + DOWN_WITHIN
    with step("Stopping"):
        while State(state).held() and time.monotonic() < end:
            time.sleep(0.1)
    if State(state).held():
        fail(f"It did not stop within {DOWN_WITHIN:.0f} s: process {found.pid} is still there")


@app.command()
def restart(
    process: Annotated[list[str] | None, typer.Argument(help="Which processes; all of ours if none is named.")] = None,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Restart processes one after the other while the product goes on, as after new code was put in their place.

    Nobody is refused meanwhile: a second web answers while the first is away, and what the others do waits for them.
    They keep the settings of `rujukan up`. MongoDB, Kafka and Prefect are restarted by `down` and `up` only.

    Example: rujukan restart web
    """
    from deploy.local.ports import NotReady
    from deploy.local.rolling import Rolling
    from deploy.local.supervision import UNREACHABLE, Supervision

    if "RUJUKAN_ENVIRONMENT" in os.environ:
        fail("Here the environment names the instance: whoever started its processes restarts them")
    place, found = State(state), running(state)
    rolling = Rolling(place, Supervision(Path(found.socket)), step)
    try:
        with place.hold("restart"):
            known = rolling.names()
            if unknown := sorted(set(process or ()) - set(known)):
                fail(f"There is no {', '.join(unknown)} that can be restarted alone: choose from {', '.join(known)}")
            rolling.restart(name for name in known if not process or name in process)
    except Held:
        fail("It is being restarted already")
    except NotReady as error:
        fail(f"Not restarted: {error}")
    except UNREACHABLE:
        fail("The supervisor does not answer: see rujukan status")
    say("Restarted.")


@app.command()
def run(
    role: Annotated[str, typer.Argument(help=f"One of {', '.join(ROLES)}, or init.")],
    service: Annotated[list[str] | None, typer.Option(help="Only this service; may be given several times.")] = None,
    replica_set_member: Annotated[
        str | None, typer.Option(help="init: make a replica set of this one mongod, host:port.")
    ] = None,
) -> None:
    """Be one process of the product, with settings from the environment. Supervisors and containers call this.

    Example: rujukan run web --service intake
    """
    from deploy import processes

    services = service or []
    unknown = sorted(set(services) - set(SERVICES))
    if unknown:
        fail(f"There is no service {', '.join(unknown)}: choose from {', '.join(SERVICES)}")
    try:
        match role:
            case "web":
                processes.run_web(services)
            case "relay":
                processes.run_relay(services)
            case "worker":
                processes.run_worker(services)
            case "sender":
                processes.run_sender()
            case "flows":
                processes.run_flows()
            case "init":
                _initialise(replica_set_member)
            case _:
                fail(f"There is no role {role}: choose one of {', '.join(ROLES)}, init")
    except SettingsError as error:
        fail(f"Not started: {error}", code=78)


def _initialise(member: str | None) -> None:
    from deploy import initialise

    environ = initialise.environment_with_files()
    if member and initialise.initiate_replica_set(environ, member):
        say("replica set made")
    initialise.run(environ, say)


def main() -> None:
    """Runs the command line. Output goes out line by line, also through a pipe."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    console.soft_wrap = True
    app(prog_name="rujukan")
