"""A consumer that joins its group in many short polls, against the real Kafka."""

from __future__ import annotations

import time
import uuid

import pytest
from kafka import KafkaAdminClient
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from shared.worker.consumer import Consumer
from tests.support.servers import Kafka

pytestmark = pytest.mark.kafka
PARTITIONS = 12


@pytest.mark.parametrize("attempt", range(10))
def test_a_join_that_outlasts_a_poll_is_taken_up_by_the_next(kafka: Kafka, attempt: int) -> None:
    """With kafka-python's own consumer, polls as short as these never see a partition."""
    name = f"short-polls-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=[kafka.bootstrap])
    consumer = Consumer(
        bootstrap_servers=[kafka.bootstrap],
        group_id=name,
        enable_auto_commit=False,
        session_timeout_ms=6_000,
        heartbeat_interval_ms=2_000,
        partition_assignment_strategy=[CooperativeStickyAssignor],
    )
    try:
        admin.create_topics({name: {"num_partitions": PARTITIONS, "replication_factor": 1}})
        consumer.subscribe([name])
        end = time.monotonic() + 60
        while len(consumer.assignment()) < PARTITIONS and time.monotonic() < end:
            consumer.poll(timeout_ms=1)
        assert len(consumer.assignment()) == PARTITIONS
    finally:
        consumer.close(autocommit=False, timeout_ms=2_000)
        admin.close()
