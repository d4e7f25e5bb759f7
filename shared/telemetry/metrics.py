"""Prometheus metrics of every role, in one place. Labels are services, topics, event types: never an id of a case.

Each process can serve them on a port of its own (`RUJUKAN_METRICS_PORT`, loopback only unless a host is named).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, multiprocess, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from shared.telemetry.logs import get_logger

REQUESTS = Histogram("rujukan_request_seconds", "Time to answer a request", ["service", "endpoint", "method", "status"])
RELAY_PUBLISHED = Counter("rujukan_relay_published_total", "Journal entries acknowledged by Kafka", ["service"])
RELAY_AHEAD = Counter("rujukan_relay_ahead_total", "Entries published before older ones of a backlog", ["service"])
RELAY_FAILED = Counter("rujukan_relay_failed_total", "Sends whose outcome is unknown", ["service"])
RELAY_LEADER = Gauge("rujukan_relay_leader", "1 in the relay that leads", ["service"], multiprocess_mode="livesum")
RELAY_OLDEST = Gauge(
    "rujukan_relay_oldest_unpublished_seconds",
    "Age of the oldest unpublished entry",
    ["service"],
    multiprocess_mode="livesum",
)
WORKER_HANDLED = Counter("rujukan_worker_handled_total", "Events handled", ["service", "type"])
WORKER_SKIPPED = Counter("rujukan_worker_skipped_total", "Events seen before", ["service"])
WORKER_PARKED = Counter("rujukan_worker_parked_total", "Events parked", ["service"])
WORKER_WAITING = Gauge(
    "rujukan_worker_waiting", "1 while the worker waits for the database", ["service"], multiprocess_mode="livesum"
)
WORKER_BATCH = Histogram("rujukan_worker_batch_seconds", "Time for one batch with its commit", ["service"])
WORKER_LAG = Gauge(
    "rujukan_worker_lag_events", "Events not yet read", ["service", "topic"], multiprocess_mode="livesum"
)
WORKER_LIVE = Gauge(
    "rujukan_worker_live_lane",
    "1 while live events are handled before a backlog",
    ["service"],
    multiprocess_mode="livesum",
)
WORKER_AHEAD = Counter("rujukan_worker_ahead_total", "Events handled before their turn", ["service"])
DELIVERIES = Counter("rujukan_deliveries_total", "Attempts to deliver", ["outcome"])

AUDIT_HEADS_FAILED = Counter("rujukan_audit_heads_failed_total", "Signed heads of the audit log that were not written")

CLOCK_OLDEST_DUE = "rujukan_clock_oldest_due_seconds"
CLOCK_FAILING = "rujukan_clock_failing_cases"
AT_SCRAPE = {
    CLOCK_OLDEST_DUE: "How late the oldest thing is that the clock has not seen to",
    CLOCK_FAILING: "Cases on which the clock cannot decide",
}
"""Gauges that are measured when somebody asks: whoever would have set them may be what does not run."""

log = get_logger(__name__)


class AtScrape(Collector):
    """Gauges of AT_SCRAPE, by name, as `measure` finds them at each scrape. Where it fails they are missing from that
    scrape, and nothing else is."""

    def __init__(self, measure: Callable[[], Mapping[str, float]]) -> None:
        self._measure = measure

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: to be registered is no reason to measure."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges now."""
        try:
            found = self._measure()
        except Exception as error:  # noqa: BLE001 - whatever it was, all other figures are still told
            log.warning("not_measured", error=type(error).__name__)
            return
        for name, value in found.items():
            yield GaugeMetricFamily(name, AT_SCRAPE[name], value=value)


def serve_metrics() -> None:
    """Serves this process's metrics if `RUJUKAN_METRICS_PORT` is set, on `RUJUKAN_METRICS_HOST` (127.0.0.1)."""
    port = int(os.environ.get("RUJUKAN_METRICS_PORT", "0") or 0)
    if not port:
        return
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # gunicorn: the figures of all its workers, added up
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    start_http_server(port, addr=os.environ.get("RUJUKAN_METRICS_HOST", "127.0.0.1"), registry=registry)
