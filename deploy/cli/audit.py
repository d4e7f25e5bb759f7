"""`rujukan audit`: whether the trace of who looked at whom is whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.context import DEFAULT_STATE, JsonOption, StateOption, environ, foundation
from deploy.cli.output import console, fail, say, show_json

audit = typer.Typer(no_args_is_help=True, help="The audit log: who looked at whose identity.")

WORDS = {
    "edited": "an entry was changed",
    "missing": "an entry is missing",
    "twice": "an entry stands there twice",
    "unlinked": "an entry does not follow the one before it",
    "rewritten": "the chain was written anew",
    "cut": "the end of the chain was cut off",
    "unchained": "an entry belongs to no chain",
}


@audit.callback()
def _group() -> None:
    """The audit log: who looked at whose identity."""


@audit.command()
def verify(
    heads: Annotated[
        Path | None, typer.Option(help="Directory with the signed heads; without it, the one the instance writes to.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="The key that signed them (public or private), if not the instance's.")
    ] = None,
    state: StateOption = DEFAULT_STATE,
    as_json: JsonOption = False,
) -> None:
    """Walk the whole audit log and name the first wrong place of each chain. Exits 1 if there is any.

    What was changed, left out, put in or reordered is found in the log itself; an end that was cut off, or a chain
    written anew, by the signed heads. Entries younger than the last head of their chain (a minute) could be cut unseen.

    Example: rujukan audit verify --heads /mnt/other-disk/audit-heads
    """
    from pymongo.errors import PyMongoError

    from shared.access.audit import Anchor, read_heads
    from shared.access.audit import verify as walk
    from shared.access.audit.chain import following
    from shared.access.audit.log import by_chain, count, firsts
    from shared.access.tokens import load_public_key

    variables = environ(state)
    heads = heads or _path(variables, "RUJUKAN_AUDIT_HEADS")
    key = key or _path(variables, "RUJUKAN_AUDIT_KEY_FILE")
    base = foundation("directory", state)
    database = base.database.client[base.settings.prefix + "audit"]
    try:
        read = list(read_heads(heads, load_public_key(key))) if heads and key else []
        anchors = [each for each in read if isinstance(each, Anchor)]
        forged = [each for each in read if isinstance(each, str)]
        entries = count(database)
        with _progress(by_chain(database), entries, as_json) as walked:
            wrong = walk(walked, [*anchors, *following(firsts(database))])
    except OSError as error:
        fail(f"{error.filename}: cannot be read ({error.strerror})")
    except ValueError as error:
        fail(str(error))
    except PyMongoError as error:
        fail(f"The database does not answer: {type(error).__name__}")
    if as_json:
        show_json(
            {
                "entries": entries,
                "heads": len(anchors),
                "wrong": [
                    {
                        "chain": each.chain,
                        "seq": each.seq,
                        "what": each.what,
                        "entry": each.entry,
                        "at": each.at,
                        "source": each.source,
                    }
                    for each in wrong
                ],
                "heads_that_are_not_ours": forged,
            }
        )
    else:
        for each in wrong:
            place = f"{each.chain or 'no chain'}, place {each.seq}"
            since = f", {each.at:%Y-%m-%d %H:%M:%S} UTC" if each.at else ""
            by = f", by {each.source}" if each.source else ""
            say(f"{WORDS[each.what]}: {place}{f' ({each.entry}{since})' if each.entry else ''}{by}")
        for line in forged:
            say(f"a head that this key did not sign: {line}")
        if not heads:
            say("No signed heads were given: an end that was cut off would not be found.")
    if wrong or forged:
        raise typer.Exit(1)
    if not as_json:
        say(f"The audit log is whole: {entries} entries, {len(anchors)} signed heads.")


def _path(variables: Mapping[str, str], name: str) -> Path | None:
    return Path(variables[name]) if variables.get(name) else None


class _progress:
    """Shows how far a walk is, on a terminal."""

    def __init__(self, entries: Iterable[Mapping[str, Any]], total: int, quiet: bool) -> None:
        from rich.progress import Progress

        self._entries, self._total = entries, total
        self._progress = Progress(console=console, transient=True, disable=quiet or not console.is_terminal)

    def __enter__(self) -> Iterator[Mapping[str, Any]]:
        self._progress.start()
        return iter(self._progress.track(self._entries, total=self._total, description="Walking the audit log"))

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
