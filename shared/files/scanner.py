"""Asks a virus scanner that speaks ClamAV's protocol (clamd, INSTREAM). It is asked of the file as it came.

It decides nothing but found or not found: a scanner that does not answer, or answers something else, is away.
"""

from __future__ import annotations

from typing import BinaryIO

from clamav_client.clamd import ClamdError, ClamdNetworkSocket, ClamdUnixSocket

SECONDS = 20.0


class Infected(Exception):
    """The scanner found something. What it calls it is not told: it may quote the file."""


class ScannerAway(Exception):
    """The scanner did not answer, or could not look. Nothing may be kept."""


def scan(address: str, content: BinaryIO) -> None:
    """Returns if the scanner at `address` (host:port, or the path of a unix socket) finds nothing.

    Reads `content` to its end. Raises Infected, ScannerAway.
    """
    try:
        found = _client(address).instream(content)
    except (ClamdError, OSError, ValueError):
        raise ScannerAway from None
    statuses = {status for status, _ in found.values()}
    if "FOUND" in statuses:
        raise Infected
    if statuses != {"OK"}:
        raise ScannerAway


def _client(address: str) -> ClamdNetworkSocket:
    if address.startswith("/"):
        return ClamdUnixSocket(address, timeout=int(SECONDS))
    host, _, port = address.rpartition(":")
    return ClamdNetworkSocket(host.strip("[]"), int(port), timeout=SECONDS)
