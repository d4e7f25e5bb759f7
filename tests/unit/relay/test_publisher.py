"""The relay's publisher waits for a bounded time, and never takes an entry for sent that may not have been."""

from __future__ import annotations

import time
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError
from kafka.producer.future import FutureProduceResult, FutureRecordMetadata
from kafka.structs import TopicPartition
from structlog.testing import capture_logs

from shared.ids import new_id
from shared.relay import publisher
from shared.relay.publisher import Publisher


class Silent:
    """A producer whose broker acknowledges the first sends, and then says nothing more."""

    def __init__(self, answers: int, refuses: bool = False) -> None:
        self.answers, self.sends, self.refuses = answers, 0, refuses

    def send(self, topic: str, **_: Any) -> FutureRecordMetadata:
        self.sends += 1
        if self.refuses:
            time.sleep(publisher.SEND_SECONDS)
            raise KafkaTimeoutError
        produced = FutureProduceResult(TopicPartition(topic, 0))
        future = FutureRecordMetadata(produced, 0, 0, None, 0, 0, 0)
        if self.sends <= self.answers:
            produced.success((self.sends, -1, None))
        return future


def _publisher(monkeypatch: pytest.MonkeyPatch, producer: Silent) -> Publisher:
    monkeypatch.setattr(publisher, "SEND_SECONDS", 0.2)
    monkeypatch.setattr(publisher, "encode", lambda *_: type("M", (), {"value": b"", "key": b"", "headers": []}))
    found = Publisher.__new__(Publisher)
    monkeypatch.setattr(found, "_source", "intake", raising=False)
    monkeypatch.setattr(found, "_topic", "intake.events", raising=False)
    monkeypatch.setattr(found, "_producer", producer, raising=False)
    return found


def _entries(number: int) -> list[dict[str, Any]]:
    """As many entries, each of a stream of its own."""
    return [{"_id": new_id("event"), "stream": new_id("report")} for _ in range(number)]


def test_a_broker_that_falls_silent_in_a_batch_costs_one_wait_and_one_line(monkeypatch: pytest.MonkeyPatch):
    """Seen to fail with 50 ms granted to each entry past the deadline: 2,000 streams took 100 s, their lease 10."""
    found = _publisher(monkeypatch, Silent(answers=7))
    entries = _entries(2_000)
    began = time.monotonic()
    with capture_logs() as logs:
        acknowledged = found.publish(entries)
    assert time.monotonic() - began < 20
    assert acknowledged == [entry["_id"] for entry in entries[:7]]
    said = [line for line in logs if line["event"] == "outcomes_unknown"]  # threads of other tests are heard too
    assert [(line["entries"], line["stream"]) for line in said] == [(1_993, entries[7]["stream"])]


def test_sends_that_are_refused_slowly_end_with_the_time_of_the_batch(monkeypatch: pytest.MonkeyPatch):
    """Seen to fail without the look at the deadline between sends: each of the streams waits its own time."""
    producer = Silent(answers=0, refuses=True)
    assert _publisher(monkeypatch, producer).publish(_entries(500)) == []
    assert producer.sends <= 2


def test_what_follows_an_unknown_entry_of_its_stream_is_unknown(monkeypatch: pytest.MonkeyPatch):
    """Seen to fail without the look at the stream: the third, acknowledged, would be marked before the second."""
    producer = Silent(answers=0)
    found = _publisher(monkeypatch, producer)
    stream, other = new_id("report"), new_id("report")
    entries = [{"_id": str(at), "stream": stream if at < 3 else other} for at in range(4)]
    send = producer.send

    def gap(topic: str, **values: Any) -> FutureRecordMetadata:
        producer.answers = 0 if producer.sends == 1 else 10
        return send(topic, **values)

    monkeypatch.setattr(producer, "send", gap)
    assert found.publish(entries) == ["0", "3"]
