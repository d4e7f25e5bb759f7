"""The published language: strict for who writes, patient with who is newer, and never a place for a name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema

from shared.events import CATALOGUE, DecodeError, InvalidEvent, Message, decode, encode, peek
from shared.events.catalogue import consume, produce
from shared.events.documents import documents, json_schema
from shared.events.fields import ALLOWED, ListOf, Part
from shared.events.topics import topics

AGENCY = {"agency_id": "agency-" + "a" * 32, "kind": "health_centre", "kecamatan": "33.75.01", "active": True}

REQUIRED = (
    "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_streamversion", "ce_epoch",
    "ce_recordedat", "ce_actor", "ce_correlationid", "content-type",
)  # fmt: skip


def entry(**changes: Any) -> dict[str, Any]:
    """A journal entry."""
    now = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    return {
        "_id": "5f0c9d1e-8a7b-4c6d-9e0f-1a2b3c4d5e6f",
        "stream": AGENCY["agency_id"],
        "version": 1,
        "epoch": 1,
        "type": "agency.registered",
        "schema_version": 1,
        "data": dict(AGENCY),
        "occurred_at": now,
        "recorded_at": now,
        "actor": "account-1",
        "correlation_id": "c",
        "traceparent": None,
        **changes,
    }


def test_an_event_survives_the_way_over_kafka() -> None:
    event = decode(encode("directory", entry()))
    assert (event.type, event.source, event.stream, event.version) == (
        "agency.registered", "directory", AGENCY["agency_id"], 1,
    )  # fmt: skip
    assert event.data == AGENCY
    assert event.occurred_at == entry()["occurred_at"]


@pytest.mark.parametrize(
    "change",
    [{"name": "Puskesmas Medono"}, {"kind": "Puskesmas Medono"}, {"kind": "unheard_of"}, {"active": "yes"},
     {"active": 1}, {"agency_id": "Budi"}, {"agency_id": "agency-" + "a" * 32 + "\n"}, {"kecamatan": "Krapyak Lor 5"}],
)  # fmt: skip
def test_a_producer_refuses_anything_else_and_does_not_quote_it(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent) as refused:
        produce("agency.registered", {**AGENCY, **change})
    assert list(refused.value.errors) == list(change)
    assert "Medono" not in str(refused.value) and "Krapyak" not in str(refused.value)


def test_a_reader_ignores_fields_and_codes_that_are_newer_than_it() -> None:
    assert consume("agency.registered", {**AGENCY, "kind": "moon_office", "since": 2027}) == {
        **AGENCY, "kind": "moon_office",
    }  # fmt: skip


def header(message: Message, name: str, value: bytes | None) -> Message:
    others = [(key, each) for key, each in message.headers if key != name]
    return Message(message.key, message.value, others + ([(name, value)] if value is not None else []))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, None) for name in REQUIRED],
        ("ce_type", b"\xff"), ("ce_type", b"agency.exploded"), ("ce_streamversion", b"0"), ("ce_streamversion", b"one"),
        ("ce_streamversion", "²".encode()), ("ce_time", b"yesterday"), ("ce_recordedat", b"now"),
        ("content-type", b"text/plain"), ("ce_specversion", b"0.3"),
    ],
)  # fmt: skip
def test_a_message_that_is_no_event_of_ours_is_one_error(name: str, value: bytes | None) -> None:
    with pytest.raises(DecodeError):
        decode(header(encode("directory", entry()), name, value))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"{}", b"\xff", None, b'{"agency_id": 1}', b"[" * 100_000])
def test_a_body_that_is_none_of_ours_is_one_error(body: bytes | None) -> None:
    message = encode("directory", entry())
    with pytest.raises(DecodeError):
        decode(Message(message.key, body, message.headers))


def test_a_key_that_is_not_the_stream_is_an_error() -> None:
    message = encode("directory", entry())
    with pytest.raises(DecodeError):
        decode(Message(b"another", message.value, message.headers))


@given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50)), max_size=8), st.binary(max_size=200))
def test_no_message_whatever_it_holds_raises_anything_else(headers: list[tuple[str, bytes]], body: bytes) -> None:
    for look in (peek, decode):
        try:
            look(Message(b"k", body, headers))
        except DecodeError:
            continue


def fields_of(schema: type[Schema]) -> list[Any]:
    found = []
    for field in schema().fields.values():
        while isinstance(field, ListOf):
            field = field.inner
        found += fields_of(field.schema.__class__) if isinstance(field, Part) else [field]
    return found


def test_no_event_has_a_field_for_free_text() -> None:
    for type_ in CATALOGUE.values():
        for field in fields_of(type_.schema):
            assert isinstance(field, ALLOWED), f"{type_.name}: {type(field).__name__}"


def test_every_type_has_its_topic_and_its_document() -> None:
    names = {topic.name for topic in topics()}
    for type_ in CATALOGUE.values():
        assert type_.topic in names
        schema = json_schema(type_)
        assert schema["additionalProperties"] is False and schema["required"]
    assert "asyncapi.yaml" in documents()
