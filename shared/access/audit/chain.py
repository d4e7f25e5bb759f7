"""The chain of an audit log: what an entry's hash covers, and the walk that finds the first wrong place of each chain.

Pure: it reads no database and no file. A chain alone does not notice that its end was cut off: anchors do (the signed
heads kept elsewhere, and what the first entry of a following chain says of the one before).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

CHAIN, SEQUENCE, PREVIOUS, HASH, FOLLOWS = "chain", "seq", "previous", "hash", "follows"
NOTHING = "0" * 64
"""What the first entry of a chain has for the hash of the one before."""

EDITED, MISSING, TWICE, UNLINKED, REWRITTEN, CUT, UNCHAINED = (
    "edited",
    "missing",
    "twice",
    "unlinked",
    "rewritten",
    "cut",
    "unchained",
)


@dataclass(frozen=True)
class Anchor:
    """What is known from elsewhere of a chain: at `seq` it had this hash. `source` says who says so."""

    chain: str
    seq: int
    hash: str
    source: str = ""


@dataclass(frozen=True)
class Wrong:
    """The first wrong place of a chain. `seq` is the place, `entry` the id of what stands there, if anything does.

    `what`: edited (its hash does not fit its content), missing (an entry is gone), twice (a place is there twice),
    unlinked (its content fits, but it does not name the entry before), rewritten (an anchor knew another hash), cut (an
    anchor knew a later end), unchained (an entry of no chain).
    """

    chain: str
    seq: int
    what: str
    entry: str = ""
    at: datetime | None = None
    source: str = ""


def hashed(entry: Mapping[str, Any]) -> str:
    """The hash of an entry: SHA-256 over all of it but the hash, names sorted, times in UTC to the millisecond."""
    plain = {name: _plain(value) for name, value in entry.items() if name != HASH}
    # What the log never writes has some text too, so that an entry with it is told and does not end the walk.
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def link(entries: Iterable[dict[str, Any]], chain: str, seq: int, previous: str) -> tuple[int, str]:
    """Puts entries into a chain, the first at `seq`, after the hash `previous`. Returns where it then stands."""
    for entry in entries:
        entry |= {CHAIN: chain, SEQUENCE: seq, PREVIOUS: previous}
        previous = entry[HASH] = hashed(entry)
        seq += 1
    return seq, previous


def verify(entries: Iterable[Mapping[str, Any]], anchors: Iterable[Anchor]) -> list[Wrong]:
    """The first wrong place of every chain that has one, the oldest first; empty if all is well.

    `entries` come by chain and then by place, as the database's index has them. Anchors are the signed heads, and what
    the firsts of other chains say (`following`).
    """
    # All anchors of a place count: one that lies in the database must not stand in for a signed head.
    known: dict[str, dict[int, list[Anchor]]] = {}
    for anchor in anchors:
        known.setdefault(anchor.chain, {}).setdefault(anchor.seq, []).append(anchor)
    found = [wrong for chain in _chains(entries) if (wrong := _first_wrong(chain, known)) is not None]
    for chain, left in known.items():
        last = max(left)
        found.append(Wrong(chain, last, CUT, source=left[last][0].source))
    return sorted(found, key=lambda wrong: (wrong.at or datetime.max.replace(tzinfo=UTC), wrong.chain))


def following(firsts: Iterable[Mapping[str, Any]]) -> Iterator[Anchor]:
    """The anchors that the first entries of chains are for the chains that they follow.

    One that cannot be read is passed over: it was changed, and the walk says so.
    """
    for entry in firsts:
        before = entry.get(FOLLOWS)
        if isinstance(before, Mapping) and isinstance(before.get(SEQUENCE), int):
            source = f"the chain that follows it ({entry.get(CHAIN)})"
            yield Anchor(str(before.get(CHAIN)), before[SEQUENCE], str(before.get(HASH)), source)


def _chains(entries: Iterable[Mapping[str, Any]]) -> Iterator[Iterator[Mapping[str, Any]]]:
    """The entries of each chain, one chain after the other."""
    rest = iter(entries)
    ahead = next(rest, None)
    while ahead is not None:
        name = ahead.get(CHAIN)

        def one(first: Mapping[str, Any], name: Any = name) -> Iterator[Mapping[str, Any]]:
            nonlocal ahead
            yield first
            ahead = None
            for entry in rest:
                if entry.get(CHAIN) != name:
                    ahead = entry
                    return
                yield entry

        chain = one(ahead)
        yield chain
        for _ in chain:  # what was not looked at is passed over
            pass


def _first_wrong(chain: Iterator[Mapping[str, Any]], known: dict[str, dict[int, list[Anchor]]]) -> Wrong | None:
    name, place, previous = "", 0, NOTHING
    anchors: dict[int, list[Anchor]] = {}
    for place, entry in enumerate(chain):
        if place == 0:
            name = str(entry.get(CHAIN) or "")
            anchors = known.pop(name, {})
        wrong = _wrong(entry, name, place, previous, anchors.get(place, []))
        if wrong is not None:
            return wrong
        previous = str(entry[HASH])
    last = max(anchors, default=place)
    if last > place:
        return Wrong(name, place + 1, CUT, source=anchors[last][0].source)
    return None


def _wrong(entry: Mapping[str, Any], chain: str, place: int, previous: str, anchors: list[Anchor]) -> Wrong | None:
    at = entry.get("at")
    here = {"entry": str(entry.get("_id", "")), "at": at if isinstance(at, datetime) else None}
    seq = entry.get(SEQUENCE)
    if not chain or not isinstance(seq, int):
        return Wrong(chain, place, UNCHAINED, **here)  # type: ignore[arg-type]
    if seq != place:
        return Wrong(chain, place, MISSING if seq > place else TWICE, **here)  # type: ignore[arg-type]
    if entry.get(HASH) != hashed(entry):
        return Wrong(chain, place, EDITED, **here)  # type: ignore[arg-type]
    if entry.get(PREVIOUS) != previous:
        return Wrong(chain, place, UNLINKED, **here)  # type: ignore[arg-type]
    for anchor in anchors:
        if anchor.hash != entry[HASH]:
            return Wrong(chain, place, REWRITTEN, source=anchor.source, **here)  # type: ignore[arg-type]
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
