"""A collector of spans: a small HTTP server to which OpenTelemetry's own exporter sends, read with its own schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.receiver import Answer, Receiver, receiver


@dataclass(frozen=True)
class Span:
    """One span. Ids are hexadecimal; `process` is the `service.name` of who made it."""

    process: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]


class Collector:
    """What has been collected so far."""

    def __init__(self, server: Receiver) -> None:
        self._server = server
        self.url = server.url.removesuffix("/hook")

    @property
    def bodies(self) -> list[bytes]:
        """What was sent, as it was sent."""
        return [each.body for each in self._server.received if each.path == "/v1/traces"]

    @property
    def spans(self) -> list[Span]:
        """All spans, in the order in which they came."""
        found = []
        for body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                process = _plain(resource.resource.attributes)["service.name"]
                for scope in resource.scope_spans:
                    found += [
                        Span(
                            process,
                            span.name,
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            _plain(span.attributes),
                        )
                        for span in scope.spans
                    ]
        return found


@contextmanager
def collector(silent: bool = False) -> Iterator[Collector]:
    """A collector for the length of a `with` block; one that is `silent` takes what it is sent and never answers."""
    with receiver() as server:
        server.answer = Answer(status=200, hang=silent)
        yield Collector(server)


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
