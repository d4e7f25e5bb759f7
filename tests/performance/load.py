"""A small HTTP load: so many connections kept open, each sending its next request when the last is answered, or at a
fixed rate. It runs in a process of its own, so that it does not share an interpreter with what it measures.

    python -m tests.performance.load URL CONNECTIONS SECONDS [RATE]   with HEADERS (JSON) in the environment

Prints one JSON object: requests, errors, seconds, latencies in milliseconds (median, p99).
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

from tests.support.reports import a_report

WARM_UP_SECONDS = 1.0


def measure(url: str, connections: int, seconds: float, headers: dict[str, str], rate: float = 0) -> dict[str, Any]:
    """Runs the load in a process of its own and returns what it printed."""
    command = [sys.executable, "-m", "tests.performance.load", url, str(connections), str(seconds), str(rate)]
    environ = {**os.environ, "HEADERS": json.dumps(headers)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _run(url: str, connections: int, seconds: float, rate: float, headers: dict[str, str]) -> dict[str, Any]:
    parts = urlsplit(url)
    body = json.dumps(a_report()).encode()
    begin = time.monotonic() + WARM_UP_SECONDS
    end = begin + seconds
    latencies: list[list[float]] = [[] for _ in range(connections)]
    errors: list[str] = []

    def client(index: int) -> None:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        sent = 0
        while (now := time.monotonic()) < end:
            if rate:
                due = begin - WARM_UP_SECONDS + (sent * connections + index) / rate
                if due > now:
                    time.sleep(due - now)
            sent += 1
            started = time.monotonic()
            try:
                connection.request("POST", parts.path, body, {**headers, "Idempotency-Key": str(uuid.uuid4())})
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                errors.append(type(error).__name__)
                connection.close()
                continue
            if answer.status != 201:
                errors.append(f"{answer.status} {content[:100]!r}")
            elif started >= begin:
                latencies[index].append((time.monotonic() - started) * 1000)

    threads = [threading.Thread(target=client, args=(index,)) for index in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = [value for each in latencies for value in each]
    return {
        "requests": len(together),
        "per_second": len(together) / seconds,
        "median_ms": percentile(together, 0.5),
        "p99_ms": percentile(together, 0.99),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
    }


if __name__ == "__main__":
    print(
        json.dumps(
            _run(
                sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4] if len(sys.argv) > 4 else 0),
                {"Content-Type": "application/json", **json.loads(os.environ.get("HEADERS", "{}"))},
            )
        )
    )  # fmt: skip
