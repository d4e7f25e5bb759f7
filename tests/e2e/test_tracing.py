"""The way of a report as one trace, at the collector that the environment names; and nothing without one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid

import pytest

from deploy.local.ports import LOOPBACK, free_port
from deploy.local.state import ROOT
from tests.support.canary import Canary
from tests.support.collector import Collector, Span, collector
from tests.support.stack import Stack, wait_for

STOPS = """
import sys, time
from shared.telemetry.tracing import configure_tracing, span
configure_tracing("worker")
with span("handle"):
    pass
print(time.monotonic())
"""


@pytest.mark.stack
def test_the_way_of_a_report_is_one_trace_without_a_name_in_it(stack: Stack, spans: Collector) -> None:
    """Seen to fail without the traceparent in the journal's entry: the workers' spans begin traces of their own."""
    canary = Canary()
    asked = f"trace-{uuid.uuid4().hex}"
    answer = stack.client("intake_clerk").call(
        "POST", "/api/v1/reports", canary.report(), Idempotency_Key=asked, X_Request_Id=asked
    )
    assert answer.status == 201, answer.data

    def found() -> list[Span] | None:
        first = next((each for each in spans.spans if each.attributes.get("request_id") == asked), None)
        if first is None:
            return None
        trace = [each for each in spans.spans if each.trace_id == first.trace_id]
        names = {each.name for each in trace}
        wanted = {"POST reports-api.Reports", "handle report.registered", "handle case.opened"}
        return trace if wanted <= names else None

    trace = wait_for(found, "the whole trace", 30)
    web = next(each for each in trace if each.name == "POST reports-api.Reports")
    assert (web.process, web.parent_id) == ("rujukan-web", "")
    assert (web.attributes["service"], web.attributes["http.response.status_code"]) == ("intake", 201)
    handled = [each for each in trace if each.name == "handle report.registered"]
    assert handled and all((each.process, each.parent_id) == ("rujukan-worker", web.span_id) for each in handled)
    assert not canary.hits(("a span", body.decode(errors="replace")) for body in spans.bodies)


def run(**told: str) -> float:
    """How many seconds a process that made a span took to end after it."""
    usual = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", STOPS], cwd=ROOT, env={**usual, **told}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return time.monotonic() - float(done.stdout)


def test_without_a_collector_no_spans_are_made_and_with_one_they_come() -> None:
    with collector() as collected:
        run()
        run(OTEL_EXPORTER_OTLP_ENDPOINT="")
        assert not collected.spans
        run(OTEL_EXPORTER_OTLP_ENDPOINT=collected.url)
        [span] = collected.spans
        assert (span.process, span.name) == ("rujukan-worker", "handle")


@pytest.mark.timeout(120)
def test_a_collector_that_is_away_or_silent_holds_no_stop_up_for_long() -> None:
    """Seen to fail with OpenTelemetry's own ten seconds for each try."""
    seconds = run(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{LOOPBACK}:{free_port()}")
    assert seconds < 8
    with collector(silent=True) as collected:
        seconds = run(OTEL_EXPORTER_OTLP_ENDPOINT=collected.url)
        assert seconds < 8
