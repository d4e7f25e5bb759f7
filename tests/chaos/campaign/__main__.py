"""The command line of the campaign; `make chaos` calls it."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.local import kafka
from tests.chaos.campaign import places
from tests.chaos.campaign.campaign import Campaign, Options, by_kind
from tests.chaos.campaign.campaign import Progress as Now

LONG_SECONDS = 1800
"""From here on a campaign is a long one: three database nodes, unless it is told otherwise."""


def read(arguments: list[str]) -> Options:
    """The options of a command line. Ends the process with help or an error."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.campaign",
        description="Starts the whole product in a directory of its own, kills and troubles every part of it by a "
        "seeded plan while clients use it, and compares what they were told with what is there.",
        epilog="Example: python -m tests.chaos.campaign --seconds 600 --seed 7",
    )
    parser.add_argument("--seconds", type=float, default=600, help="how long troubles last (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="what makes the plan; a random one if none is given")
    parser.add_argument(
        "--replicas", type=int, choices=(1, 3), help=f"database nodes (default: 1; 3 from {LONG_SECONDS} s on)"
    )
    parser.add_argument("--with-clock", action="store_true", help="also run Prefect and what it starts")
    parser.add_argument("--only-signals", action="store_true", help="leave out networks, disks and clocks")
    parser.add_argument(
        "--directory", type=Path, default=Options.directory, help="where evidence is kept (default: build/chaos)"
    )
    found = parser.parse_args(arguments)
    replicas = found.replicas or (3 if found.seconds >= LONG_SECONDS else 1)
    seed = random.SystemRandom().randrange(1, 1_000_000) if found.seed is None else found.seed
    return Options(found.seconds, seed, replicas == 3, found.with_clock, found.only_signals, found.directory.absolute())


def main(arguments: list[str]) -> int:
    """Runs a campaign; 0 if all that clients were told is true."""
    options = read(arguments)
    kafka.fetch()  # while there is a network to fetch from
    if not options.only_signals:
        # The seed may be a random one: the process that this becomes must have the same.
        places.enter(
            "tests.chaos.campaign", [*arguments, *([] if "--seed" in arguments else [f"--seed={options.seed}"])]
        )
    console = Console(soft_wrap=True)
    console.print(f"Seed {options.seed}. To repeat: {options.command}")
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=options.seconds)

        def show(now: Now) -> None:
            broken = "; ".join(now.broken) or "nothing"
            text = (
                f"round {now.round} ({now.what}): {now.kills} kills, {now.acknowledged} acknowledged; broken: {broken}"
            )
            bar.update(task, completed=now.elapsed, description=text)

        campaign = Campaign(options, show, lambda line: console.print(line, highlight=False))
        summary = campaign.run()
    console.print(
        f"Seed {options.seed}: {summary['kills']} kills ({by_kind(summary['done'])}) in {summary['seconds_in_all']} s, "
        f"{summary['acknowledged']} acknowledged, {summary['unanswered']} requests without an answer."
    )
    if summary["difference"] is not None:
        console.print(f"DIFFERENCE: {summary['difference']}", markup=False)
        console.print(f"To repeat: {options.command}\nThe evidence is in {campaign.place}")
        return 1
    console.print("Nothing lost, nothing twice, nothing out of order.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
