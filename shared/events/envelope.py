"""Events as they are written, as they are read, and as they lie on Kafka: CloudEvents 1.0 in binary mode.

The attributes are headers `ce_*`, the data is the JSON body, the key is the stream. Whatever cannot be read as such,
for whatever reason, is one `DecodeError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from shared.events import catalogue

CONTENT_TYPE = "application/json"
_FORMAT = JSONFormat()


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
    event = CloudEvent(
        attributes={
            "specversion": "1.0",
            "id": entry["_id"],
            "type": entry["type"],
            "source": f"/rujukan/{source}",
            "subject": entry["stream"],
            "time": entry["occurred_at"],
            "datacontenttype": CONTENT_TYPE,
            "dataschema": f"urn:rujukan:event:{entry['type']}:{entry['schema_version']}",
            "streamversion": entry["version"],
            "epoch": entry["epoch"],
            "recordedat": entry["recorded_at"],
            "actor": entry["actor"],
            "correlationid": entry["correlation_id"],
            **({"traceparent": entry["traceparent"]} if entry.get("traceparent") else {}),
        },
        data=entry["data"],
    )
    message = to_binary(event, _FORMAT, key_mapper=lambda _: entry["stream"])
    value = message.value if isinstance(message.value, bytes) else str(message.value).encode()
    return Message(entry["stream"].encode(), value, list(message.headers.items()))


@dataclass(frozen=True)
class Header:
    """What the headers alone tell: enough to know whether to read on."""

    type: str
    stream: str
    version: int
    epoch: int


def peek(message: Message) -> Header:
    """Reads the headers that say what an event is and where it stands. Raises DecodeError."""
    headers = _text_headers(message.headers)
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
    header = peek(message)
    if header.type not in catalogue.CATALOGUE:
        raise DecodeError("type is not in the catalogue")
    headers = _text_headers(message.headers)
    # The SDK gives a missing id or time a fresh one, and takes other versions: both would hide a broken producer.
    if headers.get("ce_specversion") != "1.0":
        raise DecodeError("header ce_specversion is not 1.0")
    for required in ("ce_id", "ce_source", "ce_time"):
        if not headers.get(required):
            raise DecodeError(f"header {required} is missing")
    if headers.get("content-type") != CONTENT_TYPE:
        raise DecodeError(f"content-type is not {CONTENT_TYPE}")
    if message.key is not None and message.key != header.stream.encode():
        raise DecodeError("the key is not the stream")
    try:
        body = json.loads(message.value or b"")
    except (ValueError, RecursionError):
        raise DecodeError("the body is not JSON") from None
    if not isinstance(body, dict):
        raise DecodeError("the body is not a JSON object")
    try:
        read = from_binary(KafkaMessage(dict(message.headers), message.key, message.value or b""), _FORMAT)
        event = Event(
            id=read.get_id(),
            type=header.type,
            source=read.get_source().rsplit("/", 1)[-1],
            stream=header.stream,
            version=header.version,
            epoch=header.epoch,
            occurred_at=_moment(read.get_time()),
            recorded_at=_moment(datetime.fromisoformat(headers["ce_recordedat"])),
            data=catalogue.consume(header.type, body),
            actor=headers["ce_actor"],
            correlation_id=headers["ce_correlationid"],
            traceparent=headers.get("ce_traceparent"),
        )
    except catalogue.InvalidEvent as error:
        raise DecodeError(f"the body does not fit its schema: {error}") from None
    except KeyError as missing:
        raise DecodeError(f"header {missing.args[0]} is missing") from None
    except Exception as error:  # noqa: BLE001  # the SDK raises bare errors of several kinds; all mean the same here
        raise DecodeError(f"not a CloudEvent: {type(error).__name__}") from None
    return event


def _moment(value: datetime | None) -> datetime:
    if value is None or value.tzinfo is None:
        raise DecodeError("a time is missing or has no zone")
    return value.astimezone(UTC)


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
