"""Free ports, ports in use, and who holds them. Loopback only; it opens nothing for longer than a look."""

import socket
import time
from collections.abc import Callable

LOOPBACK = "127.0.0.1"


class NotReady(Exception):
    """Something that was started did not answer. The message says what, and what to look at."""


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


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
