"""A network between processes that is slow, cut or reset for one server's port, by the kernel's own tools.

It needs a network namespace of the campaign's own: `tc` shapes its loopback by ports, `ss -K` resets connections.
Clients find the server at its usual, advertised address, so that nothing of the product is set up differently.
"""

from __future__ import annotations

import subprocess

INTERFACE = "lo"


class Network:
    """The loopback of this namespace. Make one only."""

    def __init__(self) -> None:
        _run("ip", "link", "set", INTERFACE, "up")
        subprocess.run(["tc", "qdisc", "del", "dev", INTERFACE, "root"], capture_output=True)  # an earlier one's
        # What no filter names passes as if there were no shaping.
        _run("tc", "qdisc", "add", "dev", INTERFACE, "root", "handle", "1:", "htb", "default", "0")
        self._lanes: dict[int, int] = {}

    def slow(self, port: int, kilobits: int) -> None:
        """Everything from and to the port gets so many kbit/s: what does not fit waits, and at last is lost."""
        self._lane(port, kilobits, ["pfifo", "limit", "1000"])

    def cut(self, port: int) -> None:
        """Every packet from and to the port is lost; connections stay open and nobody is told."""
        self._lane(port, 1000, ["bfifo", "limit", "1"])

    def heal(self, port: int) -> None:
        """The port's packets pass as usual again."""
        lane = self._lanes.pop(port, None)
        if lane is not None:
            _run("tc", "filter", "del", "dev", INTERFACE, "parent", "1:", "protocol", "ip", "prio", str(lane))
            _run("tc", "class", "del", "dev", INTERFACE, "classid", f"1:{lane:x}")

    def reset(self, port: int) -> None:
        """Every open connection from and to the port breaks off at both ends."""
        _run("ss", "-K", "-tn", f"( sport = :{port} or dport = :{port} )")

    def _lane(self, port: int, kilobits: int, queue: list[str]) -> None:
        self.heal(port)
        lane = next(number for number in range(16, 256) if number not in self._lanes.values())
        shape = ["rate", f"{kilobits}kbit", "burst", "3000", "cburst", "3000", "quantum", "60000"]
        where = ["dev", INTERFACE, "parent"]
        _run("tc", "class", "add", *where, "1:", "classid", f"1:{lane:x}", "htb", *shape)
        _run("tc", "qdisc", "add", *where, f"1:{lane:x}", "handle", f"{lane:x}:", *queue)
        tcp = ["u32", "match", "ip", "protocol", "6", "0xff"]
        for direction in ("dport", "sport"):
            match = [*tcp, "match", "ip", direction, str(port), "0xffff", "flowid", f"1:{lane:x}"]
            _run("tc", "filter", "add", *where, "1:", "protocol", "ip", "prio", str(lane), *match)
        self._lanes[port] = lane


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
