"""A fresh keyset is what Tink's own handle would be: a handle opens what was sealed with it, and nothing else does."""

from __future__ import annotations

import pytest
import tink
from hypothesis import given
from hypothesis import strategies as st
from tink import aead, proto_keyset_format, secret_key_access
from tink.proto import tink_pb2

from shared.vault.fresh import TEMPLATE, FreshKeyset

KEY = tink.new_keyset_handle(TEMPLATE).primitive(aead.Aead)


@given(st.binary(max_size=200), st.binary(max_size=80))
def test_what_is_sealed_is_opened_by_tink(value: bytes, bound_to: bytes) -> None:
    """Seen to fail without the prefix, and with the prefix of another key."""
    fresh = FreshKeyset()
    sealed = fresh.encrypt(value, bound_to)
    handle = proto_keyset_format.parse_encrypted(fresh.wrapped(KEY, b"person-1"), KEY, b"person-1")
    assert handle.primitive(aead.Aead).decrypt(sealed, bound_to) == value
    plain = proto_keyset_format.parse(fresh.plain(), secret_key_access.TOKEN)
    assert plain.primitive(aead.Aead).decrypt(sealed, bound_to) == value
    with pytest.raises(tink.TinkError):
        handle.primitive(aead.Aead).decrypt(sealed, bound_to + b"?")


def test_a_wrapped_keyset_is_bound_to_its_subject() -> None:
    """Seen to fail with a keyset that is wrapped without its subject: it is not opened as its own either."""
    wrapped = FreshKeyset().wrapped(KEY, b"person-1")
    assert proto_keyset_format.parse_encrypted(wrapped, KEY, b"person-1")
    with pytest.raises(tink.TinkError):
        proto_keyset_format.parse_encrypted(wrapped, KEY, b"person-2")


def test_it_is_made_as_tink_makes_one() -> None:
    """The same but for the key and its id, of which no two are alike. Seen to fail with a key that is not enabled, with
    one of 16 bytes, and with one key for all."""
    made = [FreshKeyset().plain() for _ in range(20)]
    [fresh, tinks] = [
        tink_pb2.Keyset.FromString(written)
        for written in (
            made[0],
            proto_keyset_format.serialize(tink.new_keyset_handle(TEMPLATE), secret_key_access.TOKEN),
        )
    ]
    assert fresh.primary_key_id == fresh.key[0].key_id != 0
    assert len(fresh.key[0].key_data.value) == len(tinks.key[0].key_data.value)
    for keyset in (fresh, tinks):
        keyset.primary_key_id = keyset.key[0].key_id = 1
        keyset.key[0].key_data.value = b""
    assert fresh == tinks
    keys = [tink_pb2.Keyset.FromString(each).key[0] for each in made]
    assert len({key.key_data.value for key in keys}) == len({key.key_id for key in keys}) == len(made)


def test_wrapped_it_is_written_as_tink_writes_it() -> None:
    """With nothing in the open, the key's id included. Seen to fail with the keyset's description beside it."""
    [fresh, tinks] = [
        tink_pb2.EncryptedKeyset.FromString(written)
        for written in (
            FreshKeyset().wrapped(KEY, b""),
            proto_keyset_format.serialize_encrypted(tink.new_keyset_handle(TEMPLATE), KEY, b""),
        )
    ]
    assert fresh.HasField("keyset_info") == tinks.HasField("keyset_info") is False
