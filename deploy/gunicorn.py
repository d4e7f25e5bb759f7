"""gunicorn's settings, for the front door of local mode and for one service in a container alike.

From the environment: RUJUKAN_BIND (127.0.0.1:8000, or the door of local mode), RUJUKAN_WEB_WORKERS (2),
RUJUKAN_WEB_THREADS (16), RUJUKAN_SERVING (none: a directory in which it leaves a note once it can answer).
"""

import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from deploy import processes
from deploy.local import door, leash


def _address() -> str:
    wanted = os.environ.get("RUJUKAN_BIND", "127.0.0.1:8000")
    if wanted.startswith(door.SCHEME):
        wanted = f"fd://{door.take(Path(wanted.removeprefix(door.SCHEME)))}"
        # A reload reads these settings again, and must not see another address.
        os.environ["RUJUKAN_BIND"] = wanted
    return wanted


bind = [_address()]
workers = int(os.environ.get("RUJUKAN_WEB_WORKERS", "2"))
threads = int(os.environ.get("RUJUKAN_WEB_THREADS", "16"))
worker_class = "deploy.web_worker.DrainingWorker"
# Without a cap all kept-alive connections may settle on one worker, which halves what both could do.
worker_connections = threads + threads // 2
keepalive = 5
timeout = 60
graceful_timeout = 8
max_requests = 0
# Its default lies in the home directory, where two instances would meet.
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - gunicorn's heartbeat file
accesslog = None
errorlog = "-"
loglevel = "warning"
# The front door and the proxy say who is asking; gunicorn itself believes no forwarded header.
forwarded_allow_ips = ""
proxy_allow_ips = ""


SERVING = os.environ.get("RUJUKAN_SERVING", "")
METRICS_PORT = int(os.environ.get("RUJUKAN_METRICS_PORT", "0") or 0)
if METRICS_PORT:
    # The workers' figures are added up by the master, through files: said before prometheus_client is imported.
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="rujukan-metrics-"))


def when_ready(_: Any) -> None:
    """Serves the metrics of all workers from the master, on a port of its own."""
    from shared.telemetry.metrics import serve_metrics

    serve_metrics()


def child_exit(_: Any, worker: Any) -> None:
    """Forgets the gauges of a worker that ended."""
    if METRICS_PORT:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)


def post_worker_init(_: Any) -> None:
    """A worker has loaded the application, and will answer: whoever waits for this web may know.

    What it has built by now stays: looking through it for garbage would stop all its requests for a while.
    """
    gc.collect()
    gc.freeze()
    if SERVING:
        (Path(SERVING) / str(os.getppid())).touch()


def on_exit(_: Any) -> None:
    """Removes the files."""
    if SERVING:
        (Path(SERVING) / str(os.getpid())).unlink(missing_ok=True)
    if METRICS_PORT:
        shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)


def on_starting(_: Any) -> None:
    """Imports what all workers need, once, before they are forked. It opens no connection: those do not survive it."""
    for service in os.environ.get("RUJUKAN_WEB_SERVICES", "").split(","):
        if service:
            processes.module(service, "app")
    gc.collect()
    gc.freeze()


def post_fork(_: Any, __: Any) -> None:
    """A worker goes with its master, also when that is killed."""
    from shared.telemetry.logs import configure_logging
    from shared.telemetry.tracing import configure_tracing

    leash.hold()
    configure_logging(os.environ.get("RUJUKAN_WEB_SERVICES", "web"), "web", gathered=True)
    configure_tracing("web")
