"""`rujukan keys`: the key-encryption key of the vault, and its rotation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.context import DEFAULT_STATE, JsonOption, StateOption, foundation
from deploy.cli.output import console, fail, say, show_json, show_table

if TYPE_CHECKING:
    from shared.foundation import Foundation

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
) -> None:
    """Make a new key-encryption key, wrap every keyset with it, and destroy the old one.

    Afterwards what was erased before opens from no backup of the data any more. Everything goes on meanwhile, and a
    rotation that was interrupted is gone on with. Back the new key up first thing (docs/operators.md).

    Example: rujukan keys rotate
    """
    from shared.vault import rotation
    from shared.vault.keys import KeyFileError

    with _vault(state) as (base, path):
        try:
            with rotation.alone(path):
                _rotate(base, path, grace, keep_old)
        except rotation.UnderWay:
            fail("The keys are being rotated already.")
        except KeyFileError as error:
            fail(str(error))
        except OSError as error:
            fail(f"{path.parent}: a new key cannot be put there ({error.strerror})")


def _rotate(base: Foundation, path: Path, grace: float, keep_old: bool) -> None:
    from shared.vault import rotation
    from shared.vault.ring import KeyRing

    if rotation.pending(path):
        say("Going on with a rotation that was not finished.")
    else:
        say(f"The present key is now {rotation.begin(path)}.")
    ring, database = KeyRing(path), base.sealed.database
    for attempt in range(3):
        unopened = _rewrap(rotation.rewrap(database, ring))
        if unopened:
            say(f"{unopened} keysets cannot be opened by any key that is here; the old key stays.")
        if keep_old:
            say("The old key is kept.")
            return
        say(f"Waiting {grace:.0f} s for what was begun with the old key.")
        needed = rotation.destroy_old(database, ring, path, grace)
        if not needed:
            say("Done. The old key is destroyed. Back up the new one, apart from the data.")
            return
        if unopened or attempt == 2:
            fail(f"Still needed, and kept: {', '.join(needed)}")


@keys.command("status")
def status(state: StateOption = DEFAULT_STATE, as_json: JsonOption = False) -> None:
    """Show which keys there are, since when, and how many keysets each has wrapped.

    Example: rujukan keys status
    """
    from shared.vault import rotation
    from shared.vault.keys import KeyFileError, load_key_file
    from shared.vault.ring import older_files

    with _vault(state) as (base, path):
        try:
            files = {load_key_file(file).id: file for file in (*older_files(path), path)}
        except KeyFileError as error:
            fail(str(error))
        present, counts = load_key_file(path).id, rotation.count(base.sealed.database)
    rows = [
        {
            "key": key,
            "state": "present" if key == present else "old" if key in files else "not here",
            "since": _since(files[key]) if key in files else None,
            "keysets": counts.get(key, 0),
        }
        for key in dict.fromkeys([present, *files, *counts])
    ]
    if as_json:
        show_json(rows)
    else:
        show_table("Keys of the vault", rows, ["key", "state", "since", "keysets"])
    if any(row["state"] != "present" for row in rows) and not as_json:
        say("There is more than one key: `rujukan keys rotate` goes on until there is one.")


def _rewrap(steps: Iterator[object]) -> int:
    """Shows how far it is; returns how many keysets could not be opened."""
    from rich.progress import Progress

    from shared.vault.rotation import Progress as Far

    unopened = 0
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Wrapping keysets anew", total=None)
        far = Far(0, 0)
        for far in steps:  # type: ignore[assignment]
            bar.update(task, completed=far.done, total=far.total)
        unopened = far.unopened
    say(f"{far.done} keysets are wrapped anew.")
    return unopened


def _since(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%d %H:%M UTC")


@contextmanager
def _vault(state: Path) -> Iterator[tuple[Foundation, Path]]:
    """The foundation of a service that reaches the vault, and the file of its key."""
    from pymongo.errors import PyMongoError

    base = foundation("intake", state)
    path = base.settings.vault_key_file
    if path is None:
        fail("RUJUKAN_VAULT_KEY_FILE is not set")
    try:
        yield base, path
    except PyMongoError as error:
        fail(f"The database does not answer: {type(error).__name__}")
