"""Trace context through the journal and Kafka.

The instrumentation for kafka-python makes no span for `poll()`, so the spans of the relay and the worker are made here,
from the `traceparent` that each journal entry and each message carries. Spans hold ids and codes only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()


_on = False
"""Whether spans are made. Without a provider they lead nowhere, and one takes a twentieth of a short request."""


def configure_tracing(service: str, role: str) -> None:
    """Gives every request, event and job a trace id. Spans are exported only if an exporter is installed and named
    by OpenTelemetry's own environment variables."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    global _on
    _on = True
    trace.set_tracer_provider(TracerProvider(resource=Resource({"service.name": f"rujukan-{service}", "role": role})))


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
