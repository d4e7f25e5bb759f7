"""Free ports, ports in use, and who holds them. Loopback only; it opens nothing for longer than a look."""

import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

LOOPBACK = "127.0.0.1"
LOWEST, EPHEMERAL = 10_000, 32_768
"""Between these lie the ports that we take; the system gives those from EPHEMERAL on (its usual setting) to clients."""


class NotReady(Exception):
    """Something that was started did not answer. The message says what, and what to look at."""


def free_port() -> int:
    """A port that nothing listens on now, and that the system gives to no client either.

    A client that tries again and again while a server is away is given each port in turn, in the end the very one that
    it tries: it is then connected to itself, and the server cannot come back.
    """
    highest = _first_of_clients()
    for _ in range(1_000):
        port = random.randrange(LOWEST, highest)  # noqa: S311 - not a secret
        if can_bind(port):
            return port
    raise NotReady(f"no port between {LOWEST} and {highest} is free")


def _first_of_clients() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = EPHEMERAL
    return first if first > LOWEST + 1_000 else EPHEMERAL


def is_open(port: int) -> bool:
    """Whether something accepts connections on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def can_bind(port: int) -> bool:
    """Whether this user can listen on the loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def holder(port: int) -> str | None:
    """Name and id of the process that listens on the port, where the system tells this user; else None."""
    import psutil

    try:
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f"{psutil.Process(one.pid).name()} (process {one.pid})"
    except psutil.Error:
        return None
    return None


def wait_until(ready: Callable[[], bool], seconds: float, what: str, pause: float = 0.05) -> None:
    """Waits until `ready()` is true; raises NotReady naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise NotReady(f"{what} did not answer within {seconds:.0f} s")
        time.sleep(pause)
