"""Where a campaign may trouble more than processes: a network and mounts of its own, as this machine permits.

Networks and mounts are namespaces of the kernel (`unshare`), so that nothing outside the campaign is touched; an
ordinary user gets them where user namespaces are allowed. What is missing is named, with what would bring it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

INSIDE = "RUJUKAN_CHAOS_INSIDE"
"""Set in the process that runs in namespaces of its own."""
TOOLS = ("unshare", "ip", "tc", "ss", "mount")


@dataclass(frozen=True)
class Possible:
    """What can be troubled here. `left_out` says of the rest why not."""

    network: bool
    disk: bool
    left_out: tuple[str, ...]


def enter(module: str, arguments: list[str]) -> None:
    """Becomes the same campaign in namespaces of its own, where that is possible; else returns."""
    if os.environ.get(INSIDE) or _missing_tools():
        return
    for user in ([], ["--user", "--map-root-user"]):
        command = ["unshare", *user, "--net", "--mount"]
        if subprocess.run([*command, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp(command[0], [*command, sys.executable, "-m", module, *arguments])


def look(scratch: Path) -> Possible:
    """What is possible for this process, tried out in `scratch`."""
    left_out = []
    inside = bool(os.environ.get(INSIDE))
    if not inside:
        tools = _missing_tools()
        why = f"{', '.join(tools)} missing (apt install iproute2)" if tools else "no namespaces (run it as root)"
        left_out += [f"network: {why}", f"full disk: {why}"]
    network = inside and _shapes()
    if inside and not network:
        left_out.append("network: this kernel has no htb and u32 for tc")
    disk = inside and _mounts(scratch)
    if inside and not disk:
        left_out.append("full disk: no tmpfs can be mounted here")
    return Possible(network, disk, tuple(left_out))


def _missing_tools() -> list[str]:
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def _shapes() -> bool:
    from tests.chaos.campaign.network import Network

    try:
        network = Network()
        network.slow(1, 512)
        network.heal(1)
    except subprocess.CalledProcessError:
        return False
    return True


def _mounts(scratch: Path) -> bool:
    from tests.chaos.campaign.disk import Disk

    try:
        with Disk(scratch / "try", 1):
            return True
    except subprocess.CalledProcessError:
        return False
