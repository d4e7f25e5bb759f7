"""The chain of the audit log: whatever is done to it is named, and at its first place."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from shared.access.audit.chain import NOTHING, Anchor, Wrong, following, link, verify
from shared.access.audit.heads import Heads, read_heads

NOON = datetime(2026, 11, 26, 5, tzinfo=UTC)


def chain(name: str, length: int, follows: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """A chain as the log writes it."""
    entries: list[dict[str, Any]] = [
        {
            "_id": f"audit-{name}-{n}",
            "at": NOON + timedelta(minutes=n),
            "subject": "person-" + "a" * 32,
            "fields": ["name"],
        }
        for n in range(length)
    ]
    if follows:
        entries[0]["follows"] = follows
    link(entries, name, 0, NOTHING)
    return entries


def anchor(entry: dict[str, Any]) -> Anchor:
    return Anchor(entry["chain"], entry["seq"], entry["hash"], "a head")


def edited(entries: list[dict[str, Any]], at: int) -> None:
    entries[at]["subject"] = "person-" + "b" * 32


def edited_with_its_hash(entries: list[dict[str, Any]], at: int) -> None:
    entries[at]["subject"] = "person-" + "b" * 32
    link([entries[at]], entries[at]["chain"], at, entries[at]["previous"])


def deleted(entries: list[dict[str, Any]], at: int) -> None:
    del entries[at]


def doubled(entries: list[dict[str, Any]], at: int) -> None:
    entries.insert(at + 1, {**entries[at], "_id": "audit-x"})


def moved(entries: list[dict[str, Any]], at: int) -> None:
    one, other = entries[at], entries[at + 1]
    one["seq"], other["seq"] = other["seq"], one["seq"]
    entries[at], entries[at + 1] = other, one


def cut(entries: list[dict[str, Any]], at: int) -> None:
    del entries[at:]


def written_anew(entries: list[dict[str, Any]], at: int) -> None:
    entries[at]["subject"] = "person-" + "b" * 32
    link(entries[at:], entries[at]["chain"], at, entries[at]["previous"])


#: What is done, where the first wrong place is relative to it, and what it is called.
TAMPERING = [
    (edited, 0, "edited"),
    (edited_with_its_hash, 1, "unlinked"),
    (deleted, 0, "missing"),
    (doubled, 1, "twice"),
    (moved, 0, "edited"),
    (cut, 0, "cut"),
    (written_anew, None, "rewritten"),
]


def test_a_whole_log_is_whole() -> None:
    one = chain("chain-1", 5)
    two = chain("chain-2", 3, follows={"chain": "chain-1", "seq": 4, "hash": one[4]["hash"]})
    anchors = [anchor(one[2]), anchor(two[2]), *following(two)]
    assert verify([*one, *two], anchors) == []
    assert verify([], []) == []


@pytest.mark.parametrize(("done", "after", "what"), TAMPERING, ids=[each[0].__name__ for each in TAMPERING])
def test_what_is_done_to_a_chain_is_named_at_its_first_place(done: Any, after: int | None, what: str) -> None:
    before, entries = chain("chain-0", 4), chain("chain-1", 8)
    head = anchor(entries[-1])
    done(entries, 3)
    [wrong] = verify([*before, *entries], [anchor(before[-1]), head])
    assert (wrong.chain, wrong.seq, wrong.what) == ("chain-1", 7 if after is None else 3 + after, what)


@given(
    lengths=st.lists(st.integers(3, 12), min_size=1, max_size=4),
    tampering=st.sampled_from([each[0] for each in TAMPERING]),
    data=st.data(),
)
def test_any_single_change_of_any_chain_is_found_in_that_chain(lengths: list[int], tampering: Any, data: Any) -> None:
    chains = [chain(f"chain-{number}", length) for number, length in enumerate(lengths)]
    anchors = [anchor(entries[-1]) for entries in chains]
    chosen = data.draw(st.sampled_from(chains))
    name, place = chosen[0]["chain"], data.draw(st.integers(0, len(chosen) - 2))
    tampering(chosen, place)
    found = verify([entry for entries in chains for entry in entries], anchors)
    assert [wrong.chain for wrong in found] == [name]
    assert found[0].seq >= place


def test_without_a_head_a_cut_end_is_not_seen_and_with_one_a_lost_chain_is() -> None:
    entries = chain("chain-1", 5)
    assert verify(entries[:3], []) == []
    assert verify([], [anchor(entries[4])]) == [Wrong("chain-1", 4, "cut", source="a head")]


def test_a_chain_that_follows_another_tells_of_its_end() -> None:
    one = chain("chain-1", 5)
    two = chain("chain-2", 2, follows={"chain": "chain-1", "seq": 4, "hash": one[4]["hash"]})
    [wrong] = verify([*one[:4], *two], following(two))
    assert (wrong.chain, wrong.seq, wrong.what) == ("chain-1", 4, "cut")


def test_what_another_chain_says_does_not_stand_in_for_a_signed_head() -> None:
    """Whoever writes the database can put in a chain that vouches for what was written anew.

    Seen to fail with a verifier that keeps one anchor for each place, the last that it was given.
    """
    one = chain("chain-1", 5)
    head = anchor(one[4])
    written_anew(one, 3)
    forged = chain("chain-2", 1, follows={"chain": "chain-1", "seq": 4, "hash": one[4]["hash"]})
    for anchors in ([head, *following(forged)], [*following(forged), head]):
        [wrong] = verify([*one, *forged], anchors)
        assert (wrong.chain, wrong.seq, wrong.what, wrong.source) == ("chain-1", 4, "rewritten", "a head")


@pytest.mark.parametrize("strange", [b"bytes", {"a", "set"}], ids=["bytes", "set"])
def test_an_entry_with_what_the_log_never_writes_is_told(strange: Any) -> None:
    """Seen to fail with a hash of what JSON knows only: the walk ended there with a TypeError."""
    entries = chain("chain-1", 4)
    entries[2]["subject"] = strange
    [wrong] = verify(entries, [])
    assert (wrong.seq, wrong.what) == (2, "edited")


@pytest.mark.parametrize("said", [{"chain": "chain-1"}, {"chain": "chain-1", "seq": "x", "hash": "h"}, "chain-1"])
def test_a_first_entry_whose_word_on_the_chain_before_was_changed_is_told(said: Any) -> None:
    """Seen to fail with a reader that takes three well-formed parts for granted: KeyError, ValueError."""
    entries = chain("chain-2", 3)
    entries[0]["follows"] = said
    [wrong] = verify(entries, following(entries))
    assert (wrong.seq, wrong.what) == (0, "edited")


def test_an_entry_of_no_chain_is_told() -> None:
    strange = {"_id": "audit-strange", "at": NOON, "subject": "person-" + "a" * 32}
    [wrong] = verify([strange, *chain("chain-1", 2)], [])
    assert (wrong.what, wrong.entry) == ("unchained", "audit-strange")


def test_signed_heads_are_read_again_and_forged_ones_told(tmp_path) -> None:
    """Seen to fail with a reader that takes the payload without its signature."""
    key, other = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
    entries = chain("chain-1", 5)
    for signer, seq in ((key, 2), (key, 4), (other, 1)):
        keeper = Heads(tmp_path, signer, lambda: NOON)
        keeper._position = lambda seq=seq: ("chain-1", seq, entries[seq]["hash"])
        assert keeper.write() and keeper.write(), "what is written already is not written again"
    with (tmp_path / "chain-1.heads").open("a") as file:
        file.write("a line that a crash cut short")
    read = list(read_heads(tmp_path, key))
    assert read[:2] == [
        Anchor("chain-1", seq, entries[seq]["hash"], f"the signed head chain-1.heads:{line}")
        for line, seq in ((1, 2), (2, 4))
    ]
    assert read[2:] == ["chain-1.heads:3"]
    assert verify(deepcopy(entries), [each for each in read if isinstance(each, Anchor)]) == []


def test_a_head_that_cannot_be_written_stops_nobody(tmp_path) -> None:
    file = tmp_path / "heads"
    file.write_text("in the way")
    keeper = Heads(file, OKPKey.generate_key("Ed25519"), lambda: NOON)
    keeper._position = lambda: ("chain-1", 0, NOTHING)
    assert not keeper.write()
