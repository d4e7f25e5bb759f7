"""`make bench`: measures the product as it runs, to the screen and build/bench.json.

What build/bench.json has of other parts stays there, each figure with the time of its measurement. A figure that
depends on the machine is given as a ratio to a floor measured in the same run. Nothing here passes or fails a test;
`met` says whether the goal was reached.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local.state import ROOT
from tests.performance import backlog, clock, engine, locked, product, relay, search, worker
from tests.performance.figures import Figure, keep
from tests.performance.ground import ground
from tests.support.stack import Stack

KEPT = ROOT / "build" / "bench.json"
OF_THE_PRODUCT = ("starts", "memory", "latencies", "intake")
OF_PARTS = ("worker", "relay", "locked", "engine")
#: Left out unless named: each takes more than a few minutes (search has to seal 100,000 children first).
LONG = ("growth", "backlog", "clock", "search")
PARTS = (*OF_THE_PRODUCT, *OF_PARTS, *LONG)


def of_the_product(parts: list[str], seconds: float, console: Console) -> list[Figure]:
    """The named figures of a fresh instance of its own."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="rujukan-bench-") as directory:
        stack = Stack(Path(directory))
        try:
            console.print("starting an instance of its own …")
            figures += product.starts(stack) if "starts" in parts else []
            if not figures:
                stack.start(300)
            if "memory" in parts:
                console.print("memory at rest …")
                figures += product.memory(stack)
            if "latencies" in parts:
                for rate, goal in ((20, 1), (100, 2)):
                    console.print(f"from report to dashboard at {rate} a second …")
                    figures += product.latencies(stack, rate, seconds * 3, goal)
            if "intake" in parts:
                console.print("intake beside its floor …")
                figures += product.intake(stack, seconds)
            if "growth" in parts:
                console.print("intake with 10,000 and 1,000,000 entries in the journal …")
                figures += product.growth(stack, seconds)
        finally:
            stack.stop()
    return figures


def of_parts(parts: list[str], sizes: argparse.Namespace, console: Console) -> list[Figure]:
    """The named figures of single parts, on a mongod and a Kafka of their own."""
    figures: list[Figure] = []
    with ground() as here:
        if "worker" in parts:
            console.print("the worker beside its floor …")
            figures += worker.figures(here)
        if "relay" in parts:
            console.print("the relay beside its floor …")
            figures += relay.figures(here)
        if "locked" in parts:
            console.print(f"opening identities, the audit log's share, and a rotation of {sizes.keysets:,} keysets …")
            figures += locked.figures(here, sizes.keysets)
        if "engine" in parts:
            console.print("the engine beside SpiffWorkflow, and the check …")
            figures += engine.figures(here, engine.Sizes(parallel=sizes.parallel))
        if "growth" in parts:
            console.print("relay and worker with 10,000 and 1,000,000 entries behind them …")
            figures += [*relay.growth(here), *worker.growth(here)]
        if "clock" in parts:
            console.print(f"a sweep over {sizes.cases:,} open cases …")
            figures += clock.figures(here, sizes.cases)
        if "search" in parts:
            console.print("finding a child among more and more …")
            figures += search.figures(here, sizes.persons)
        if "backlog" in parts:
            console.print(f"catching up with a backlog of {sizes.entries:,} …")
            figures += backlog.figures(here, sizes.entries)
    return figures


def main() -> int:
    """Measures, prints a table and writes build/bench.json."""
    parser = argparse.ArgumentParser(
        prog="make bench",
        description=__doc__,
        epilog=f"""Left out unless they are named, for they take long: {", ".join(LONG)}.

examples:
  make bench                          everything but those
  make bench PARTS='{" ".join(LONG)}'
                                      those; together with the first, everything
  make bench PARTS=search OPTIONS='--persons 10000'
""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    usual = [part for part in PARTS if part not in LONG]
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=usual, help="only these")
    parser.add_argument("--seconds", type=float, default=10, help="length of one load (default 10)")
    parser.add_argument("--entries", type=int, default=backlog.ENTRIES, help="of the backlog (default 200000)")
    parser.add_argument("--cases", type=int, default=clock.CASES, help="open ones for the clock (default 1000000)")
    parser.add_argument("--persons", type=int, default=search.PERSONS, help="at most, to find (default 100000)")
    parser.add_argument("--keysets", type=int, default=locked.KEYSETS, help="that are rotated (default 100000)")
    parser.add_argument("--parallel", type=int, default=engine.PARALLEL, help="referrals in the check (default 8)")
    options = parser.parse_args()
    console = Console(stderr=True)
    keep(KEPT, [], datetime.now(UTC))  # a file that cannot be read is better known now than after an hour
    figures: list[Figure] = []
    if set(options.parts) & {*OF_THE_PRODUCT, "growth"}:
        figures += of_the_product(options.parts, options.seconds, console)
        keep(KEPT, figures, datetime.now(UTC))
    if set(options.parts) & {*OF_PARTS, *LONG}:
        measured = of_parts(options.parts, options, console)
        keep(KEPT, measured, datetime.now(UTC))
        figures += measured
    table = Table("figure", "value", "unit", "floor", "ratio", "goal", "met")
    for figure in figures:
        cells = ["" if value is None else str(value) for value in asdict(figure).values()]
        table.add_row(*cells)
    Console().print(table)
    print("written to build/bench.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
