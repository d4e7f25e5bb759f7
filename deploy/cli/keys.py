"""`rujukan keys`: the key-encryption key of the vault, and its rotation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.context import DEFAULT_STATE, JsonOption, StateOption, foundation
from deploy.cli.output import console, fail, say, show_json, show_table

if TYPE_CHECKING:
    from pymongo.database import Database

    from shared.vault.ring import Ring
    from shared.vault.rotation import Progress

Tell = Callable[..., None]
"""Says a step: its name, words for a person (or none), and facts for a program."""

keys = typer.Typer(no_args_is_help=True, help="The keys of the vault.")


@keys.callback()
def _group() -> None:
    """The keys of the vault."""


@keys.command()
def rotate(
    grace: Annotated[
        float,
        typer.Option(min=0, help="Seconds before the old key is destroyed; fewer only while nothing runs."),
    ] = 90.0,
    keep_old: Annotated[
        bool, typer.Option(help="Leave the old key where it is: what was erased stays openable.")
    ] = False,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Make a new key-encryption key, wrap every keyset with it, and destroy the old one.

    Afterwards what was erased before opens from no backup of the data any more. Everything goes on meanwhile, and a
    rotation that was interrupted is gone on with. Back the new key up first thing (docs/operators.md).
    With --json it prints an object a line: begun or resumed, rewrapping, rewrapped, unopened, waiting, done.

    Example: rujukan keys rotate
    """
    from shared.vault.ring import UnderWay

    with _vault(state) as (database, ring):
        try:
            with ring.alone():
                _rotate(database, ring, grace, keep_old, _lines if as_json else _words)
        except UnderWay:
            fail("The keys are being rotated already.")
        except OSError as error:
            fail(f"A new key cannot be put there: {error.filename} ({error.strerror})")


def _rotate(database: Database, ring: Ring, grace: float, keep_old: bool, tell: Tell) -> None:
    from shared.vault import rotation

    if rotation.pending(ring):
        tell("resumed", "Going on with a rotation that was not finished.")
    else:
        key = ring.begin()
        tell("begun", f"The present key is now {key}.", key=key)
    present = ring.present_id
    for attempt in range(3):
        unopened = _rewrap(rotation.rewrap(database, ring), tell)
        if keep_old:
            tell("done", "The old key is kept.", destroyed=False)
            return
        tell("waiting", f"Waiting {grace:.0f} s for what was begun with the old key.", seconds=grace)
        needed = rotation.destroy_old(database, ring, present, grace)
        if not needed:
            done = "Done. The old key is destroyed. Back up the new one, apart from the data."
            tell("done", done, destroyed=True)
            return
        if unopened or attempt == 2:
            fail(f"Still needed, and kept: {', '.join(needed)}")


@keys.command("status")
def status(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Show which keys there are, since when, and how many keysets each has wrapped.

    Example: rujukan keys status
    """
    from shared.vault import rotation

    with _vault(state) as (database, ring):
        held, present, counts = ring.held(), ring.present_id, rotation.count(database)
    rows = [
        {
            "key": key,
            "state": "present" if key == present else "old" if key in held else "not here",
            "since": held[key].strftime("%Y-%m-%d %H:%M UTC") if key in held else None,
            "keysets": counts.get(key, 0),
        }
        for key in dict.fromkeys([present, *held, *counts])
    ]
    if as_json:
        show_json(rows)
    else:
        show_table("Keys of the vault", rows, ["key", "state", "since", "keysets"])
    if any(row["state"] != "present" for row in rows) and not as_json:
        say("There is more than one key: `rujukan keys rotate` goes on until there is one.")


def _rewrap(steps: Iterator[Progress], tell: Tell) -> int:
    """Shows how far it is; returns how many keysets could not be opened."""
    from rich.progress import Progress as Bar

    with Bar(console=console, transient=True, disable=tell is _lines or not console.is_terminal) as bar:
        task = bar.add_task("Wrapping keysets anew", total=None)
        for far in steps:
            bar.update(task, completed=far.done, total=far.total)
            tell("rewrapping", "", done=far.done, total=far.total, unopened=far.unopened)
    tell("rewrapped", f"{far.done} keysets are wrapped anew.", done=far.done, unopened=far.unopened)
    if far.unopened:
        tell("unopened", f"{far.unopened} keysets cannot be opened by any key that is here; the old key stays.")
    return far.unopened


def _words(step: str, words: str, **facts: Any) -> None:
    """For a person."""
    if words:
        say(words)


def _lines(step: str, words: str, **facts: Any) -> None:
    """For a program: an object a line, at once."""
    print(json.dumps({"step": step, **facts}), flush=True)


@contextmanager
def _vault(state: Path) -> Iterator[tuple[Database, Ring]]:
    """The vault's database, and its keys, as a service that reaches it does."""
    from pymongo.errors import PyMongoError

    from shared.foundation import ring
    from shared.mongo import Unavailable
    from shared.vault.keys import KeyFileError

    base = foundation("intake", state)
    try:
        keys = ring(base.settings)
        if keys is None:
            fail("RUJUKAN_VAULT_KEY_FILE is not set")
        yield base.sealed.database, keys
    except KeyFileError as error:
        fail(str(error))
    except Unavailable:
        fail("The server with the vault's key does not answer, or does not take the token. The same command goes on.")
    except PyMongoError as error:
        fail(f"The database does not answer: {type(error).__name__}")
