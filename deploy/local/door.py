"""The listening socket of the pages, held by `rujukan up` while the instance runs, and lent to whoever serves them.

So a new web takes over from the old one, or replaces one that was killed, while whoever connects waits in one queue
that is never closed. It accepts no connection itself.
"""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from deploy.local.ports import LOOPBACK

BACKLOG = 2048
"""Connections that wait for a web; the kernel may allow fewer."""
SCHEME = "door:"
"""What RUJUKAN_BIND begins with where the socket is to be taken from a door, before the path of it."""


class Door:
    """Listens on a loopback port (0 takes a free one) until it is closed. Raises OSError for a port in use."""

    def __init__(self, port: int, place: Path) -> None:
        self._listener = socket.create_server((LOOPBACK, port), backlog=BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        place.unlink(missing_ok=True)  # of an instance that was killed
        self._place = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._place.bind(str(place))
        self._place.listen()
        threading.Thread(target=self._lend, name="door", daemon=True).start()

    def _lend(self) -> None:
        while True:
            try:
                caller, _ = self._place.accept()
            except OSError:
                return  # closed
            with caller:
                try:
                    socket.send_fds(caller, [b"."], [self._listener.fileno()])
                except OSError:
                    continue  # the caller is gone

    def close(self) -> None:
        """Lends nothing any more. Whoever has the socket keeps it."""
        self._place.shutdown(socket.SHUT_RDWR)  # else `accept` would go on waiting
        self._place.close()
        self._listener.close()


def take(place: Path) -> int:
    """The descriptor of the listening socket behind the door. Raises OSError if nobody holds one there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.connect(str(place))
        _, descriptors, _, _ = socket.recv_fds(caller, 1, 1)
    if not descriptors:
        raise ConnectionError(f"no listening socket was lent at {place}")
    return descriptors[0]
