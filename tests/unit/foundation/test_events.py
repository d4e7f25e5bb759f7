"""The published language: strict for who writes, patient with who is newer, and never a place for a name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema

from shared.events import CATALOGUE, DecodeError, InvalidEvent, Message, decode, encode, peek
from shared.events.catalogue import consume, produce
from shared.events.documents import documents, json_schema
from shared.events.fields import ALLOWED, ListOf, Part
from shared.events.topics import topics
from tests.support.events import example

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


def test_the_sdk_of_cloudevents_reads_what_we_write() -> None:
    written = encode("directory", entry(traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"))
    assert written.key is not None and written.value is not None
    read = from_binary(KafkaMessage(dict(written.headers), written.key, written.value), JSONFormat())
    assert (read.get_id(), read.get_type(), read.get_subject()) == (
        entry()["_id"],
        "agency.registered",
        written.key.decode(),
    )
    assert read.get_source() == "/rujukan/directory" and read.get_specversion() == "1.0"
    assert read.get_time() == entry()["occurred_at"] and read.get_data() == AGENCY
    assert read.get_dataschema() == "urn:rujukan:event:agency.registered:1"
    for extension, value in (("streamversion", "1"), ("epoch", "1"), ("actor", "account-1"), ("correlationid", "c")):
        assert read.get_extension(extension) == value
    assert read.get_extension("traceparent") == dict(written.headers)["ce_traceparent"].decode()


def test_we_read_what_the_sdk_of_cloudevents_writes() -> None:
    ours = decode(encode("directory", entry()))
    attributes = {
        "specversion": "1.0", "id": ours.id, "type": ours.type, "source": "/rujukan/directory", "subject": ours.stream,
        "time": ours.occurred_at, "datacontenttype": "application/json", "streamversion": "1", "epoch": "1",
        "recordedat": ours.recorded_at.isoformat(), "actor": ours.actor, "correlationid": ours.correlation_id,
    }  # fmt: skip
    theirs = to_binary(CloudEvent(attributes, dict(AGENCY)), JSONFormat(), key_mapper=lambda _: ours.stream)
    value = theirs.value if isinstance(theirs.value, bytes) else theirs.value.encode()
    assert decode(Message(ours.stream.encode(), value, list(theirs.headers.items()))) == ours


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


def test_a_producer_refuses_an_unknown_code_in_a_part_and_a_reader_takes_it() -> None:
    report = example("report.registered")
    report["children"][0]["age_band"] = "thirteen"
    with pytest.raises(InvalidEvent) as refused:
        produce("report.registered", report)
    assert list(refused.value.errors) == ["children"]
    assert consume("report.registered", report)["children"][0]["age_band"] == "thirteen"


def test_a_reader_ignores_fields_and_codes_that_are_newer_than_it() -> None:
    assert consume("agency.registered", {**AGENCY, "kind": "moon_office", "since": 2027}) == {
        **AGENCY, "kind": "moon_office",
    }  # fmt: skip


def test_an_agencys_services_areas_and_capacity_may_be_missing() -> None:
    """Events of version 1 are read for ever. Seen to fail with any of the three `required`."""
    assert consume("agency.changed", AGENCY) == AGENCY
    told = {**AGENCY, "services": ["health"], "areas": ["33.75.01", "33.75.02"], "capacity": None}
    assert consume("agency.changed", produce("agency.changed", told)) == told
    for wrong in ({"services": ["haircut"]}, {"areas": ["Krapyak Lor 5"]}, {"capacity": -1}, {"capacity": "five"}):
        with pytest.raises(InvalidEvent) as refused:
            produce("agency.changed", {**told, **wrong})
        assert list(refused.value.errors) == list(wrong)


def header(message: Message, name: str, value: bytes | None) -> Message:
    others = [(key, each) for key, each in message.headers if key != name]
    return Message(message.key, message.value, others + ([(name, value)] if value is not None else []))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, None) for name in REQUIRED],
        ("ce_type", b"\xff"), ("ce_type", b"agency.exploded"), ("ce_streamversion", b"0"), ("ce_streamversion", b"one"),
        ("ce_streamversion", "²".encode()), ("ce_time", b"yesterday"), ("ce_time", b"2026-11-24"),
        ("ce_time", b"0001-01-01T00:00:00+23:59"), ("ce_recordedat", b"now"),
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
