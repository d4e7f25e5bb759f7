"""What the command prints: steps with their time, tables, JSON. Plain lines where there is no terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the command with one clear line."""
    errors.print(message, style="bold red", markup=False)
    raise typer.Exit(code)


def say(message: str) -> None:
    """One line, at once also through a pipe."""
    console.print(message, markup=False)
    sys.stdout.flush()


@contextmanager
def step(what: str) -> Iterator[None]:
    """Shows that something is under way, then how long it took."""
    start = time.monotonic()
    if console.is_terminal:
        with console.status(what):
            yield
    else:
        say(f"  … {what}")
        yield
    say(f"  ✓ {what} ({time.monotonic() - start:.1f} s)")


def show_json(data: Any) -> None:
    """Data for another program, on standard output."""
    print(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def show_table(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Rows of equal keys, for a person."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(*("" if row.get(column) is None else str(row.get(column)) for column in columns))
    console.print(table, markup=False)
