"""One running product for all end-to-end tests, without the clock; it ends with the last of them. A collector gets its
spans."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.collector import Collector, collector
from tests.support.stack import Stack


@pytest.fixture(scope="package")
def spans() -> Iterator[Collector]:
    with collector() as collected:
        yield collected


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, spans: Collector) -> Iterator[Stack]:
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": spans.url, "OTEL_BSP_SCHEDULE_DELAY": "500"}
    with Stack(tmp_path_factory.mktemp("stack"), "--without-clock", environ=told).going() as stack:
        yield stack
