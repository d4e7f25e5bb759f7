"""Trace context through the journal and Kafka.

The instrumentation for kafka-python makes no span for `poll()`, so the spans of the relay and the worker are made here,
from the `traceparent` that each journal entry and each message carries. Spans hold ids and codes only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()

_on = False
"""Whether spans are made. Where nobody collects them one would still take a twentieth of a short request."""

COLLECTORS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""OpenTelemetry's own variables that name the collector of spans; the first goes before the second."""
TIMEOUT_SECONDS = 3.0
"""For a collector to take a batch, unless its own variables say otherwise: a stop waits no longer for it."""


def configure_tracing(role: str) -> None:
    """Sends the spans of this process to the collector (OTLP over HTTP) that the environment names; without one none
    are made. Called once, after a fork: they are sent by a thread. A collector that is away delays nothing but a stop.
    """
    global _on
    if _on or not any(os.environ.get(name) for name in COLLECTORS):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    said = any("OTLP" in name and name.endswith("_TIMEOUT") for name in os.environ)
    provider = TracerProvider(resource=Resource.create({"service.name": f"rujukan-{role}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=None if said else TIMEOUT_SECONDS)))
    trace.set_tracer_provider(provider)
    _on = True


def note(name: str, value: str | int) -> None:
    """Says something of the present span: an id or a code. Nothing outside one."""
    trace.get_current_span().set_attribute(name, value)


def current_traceparent() -> str | None:
    """The W3C traceparent of the current span, None outside one."""
    if not trace.get_current_span().get_span_context().is_valid:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def current_trace_id() -> str | None:
    """The current trace's id as 32 hexadecimal digits, None outside one."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


@contextmanager
def span(
    name: str,
    traceparent: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, str | int] | None = None,
) -> Iterator[None]:
    """A span named `name`, the child of `traceparent` if one is given. (Who gives one is followed also where no spans
    are made.)"""
    if not _on and not traceparent:
        yield
        return
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    tracer = trace.get_tracer("rujukan")
    with tracer.start_as_current_span(
        name, context=parent, kind=kind, attributes=dict(attributes or {}), record_exception=False
    ):
        yield
