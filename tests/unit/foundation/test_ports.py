"""The ports that servers get: free, and none that a client could be given while the server is away."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.ports import LOOPBACK, LOWEST, NotReady, free_port


def test_a_port_is_free_and_is_given_to_no_client() -> None:
    """Found by a Kafka that was killed and could not come back: a client that tried its port was connected to itself.
    Seen to fail with a port that the system chose."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(50):
        port = free_port()
        assert LOWEST <= port < first
        with socket.socket() as server:
            server.bind((LOOPBACK, port))


def test_with_every_port_taken_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "can_bind", lambda port: False)
    with pytest.raises(NotReady, match="no port between"):
        free_port()
