"""Events as they are written, as they are read, and as they lie on Kafka: CloudEvents 1.0 in binary mode.

The attributes are headers `ce_*`, the data is the JSON body, the key is the stream. Whatever cannot be read as such,
for whatever reason, is one `DecodeError`. That mode is a list of headers: written and read here, in a quarter of the
SDK's time, and held against the SDK by a test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.events import catalogue

CONTENT_TYPE = "application/json"
_REQUIRED = ("ce_id", "ce_source", "ce_time", "ce_recordedat", "ce_actor", "ce_correlationid")


@dataclass(frozen=True)
class NewEvent:
    """A fact that a service states. `occurred_at` is when it happened, if not now: paper is dated back."""

    type: str
    data: Mapping[str, Any]
    occurred_at: datetime | None = None


@dataclass(frozen=True)
class Event:
    """A fact that was read: `stream` and `version` say its place, `(epoch, version)` is compared after a restore."""

    id: str
    type: str
    source: str
    stream: str
    version: int
    epoch: int
    occurred_at: datetime
    recorded_at: datetime
    data: Mapping[str, Any]
    actor: str
    correlation_id: str
    traceparent: str | None = None


@dataclass(frozen=True)
class Message:
    """What goes to Kafka, or came from it."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)


class DecodeError(Exception):
    """A message that is no event of ours. The text says what is wrong, without quoting a value."""


def encode(source: str, entry: Mapping[str, Any]) -> Message:
    """The Kafka message of a journal entry (see `shared.journal`), from the service `source`."""
    stream = entry["stream"].encode()
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", entry["_id"].encode()),
        ("ce_type", entry["type"].encode()),
        ("ce_source", f"/rujukan/{source}".encode()),
        ("ce_subject", stream),
        ("ce_time", rfc3339(entry["occurred_at"])),
        ("content-type", CONTENT_TYPE.encode()),
        ("ce_dataschema", f"urn:rujukan:event:{entry['type']}:{entry['schema_version']}".encode()),
        ("ce_streamversion", str(entry["version"]).encode()),
        ("ce_epoch", str(entry["epoch"]).encode()),
        ("ce_recordedat", rfc3339(entry["recorded_at"])),
        ("ce_actor", entry["actor"].encode()),
        ("ce_correlationid", entry["correlation_id"].encode()),
    ]
    if entry.get("traceparent"):
        headers.append(("ce_traceparent", entry["traceparent"].encode()))
    return Message(stream, orjson.dumps(entry["data"]), headers)


@dataclass(frozen=True)
class Header:
    """What the headers alone tell: enough to know whether to read on."""

    type: str
    stream: str
    version: int
    epoch: int


def peek(message: Message) -> Header:
    """Reads the headers that say what an event is and where it stands. Raises DecodeError."""
    return _header(_text_headers(message.headers))


def _header(headers: Mapping[str, str]) -> Header:
    try:
        return Header(
            type=headers["ce_type"],
            stream=headers["ce_subject"],
            version=_positive(headers["ce_streamversion"]),
            epoch=_positive(headers["ce_epoch"]),
        )
    except KeyError as missing:
        raise DecodeError(f"header {missing.args[0]} is missing") from None
    except ValueError:
        raise DecodeError("header ce_streamversion or ce_epoch is not a positive whole number") from None


def decode(message: Message) -> Event:
    """The event in a message, with its data loaded by the catalogue's schema. Raises DecodeError."""
    headers = _text_headers(message.headers)
    header = _header(headers)
    if header.type not in catalogue.CATALOGUE:
        raise DecodeError("type is not in the catalogue")
    if headers.get("ce_specversion") != "1.0":
        raise DecodeError("header ce_specversion is not 1.0")
    for required in _REQUIRED:
        if not headers.get(required):
            raise DecodeError(f"header {required} is missing")
    if headers.get("content-type") != CONTENT_TYPE:
        raise DecodeError(f"content-type is not {CONTENT_TYPE}")
    if message.key is not None and message.key != header.stream.encode():
        raise DecodeError("the key is not the stream")
    try:
        body = orjson.loads(message.value or b"")
    except ValueError:
        raise DecodeError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise DecodeError("the body is not a JSON object")
    try:
        data = catalogue.consume(header.type, body)
    except catalogue.InvalidEvent as error:
        raise DecodeError(f"the body does not fit its schema: {error}") from None
    return Event(
        id=headers["ce_id"],
        type=header.type,
        source=headers["ce_source"].rsplit("/", 1)[-1],
        stream=header.stream,
        version=header.version,
        epoch=header.epoch,
        occurred_at=_moment(headers["ce_time"]),
        recorded_at=_moment(headers["ce_recordedat"]),
        data=data,
        actor=headers["ce_actor"],
        correlation_id=headers["ce_correlationid"],
        traceparent=headers.get("ce_traceparent"),
    )


def rfc3339(moment: datetime) -> bytes:
    """UTC to the millisecond, as the database keeps it; later moments are later in the order of bytes."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise DecodeError("header ce_time or ce_recordedat is no time with a zone")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1 or not text.isascii() or not text.isdigit():
        raise ValueError
    return number


def _text_headers(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    try:
        return {name: value.decode("utf-8") for name, value in headers}
    except (UnicodeDecodeError, AttributeError):
        raise DecodeError("a header is not UTF-8") from None
