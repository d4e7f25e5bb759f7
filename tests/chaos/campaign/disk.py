"""A small disk for one server's data that can be full: a tmpfs of its own, which shrinks to what it holds.

It needs a mount namespace of the campaign's own. What lay on it is copied under its mount point when it goes, so that
the evidence outlives the campaign.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType

BLOCK = 4096


class Disk:
    """A disk of `megabytes`, mounted at `path` for the length of a `with` block."""

    def __init__(self, path: Path, megabytes: int) -> None:
        self.path, self._megabytes = path, megabytes

    def __enter__(self) -> Disk:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = f"size={self._megabytes}m,mode=0700"
        _run("mount", "-t", "tmpfs", "-o", options, "rujukan-chaos", str(self.path))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        copy = self.path.with_name(f"{self.path.name}.copy")
        shutil.copytree(self.path, copy, symlinks=True)
        _run("umount", "--lazy", str(self.path))
        self.path.rmdir()
        copy.rename(self.path)

    def fill(self) -> None:
        """Leaves not a block free."""
        taken = os.statvfs(self.path)
        self._resize(f"{(taken.f_blocks - taken.f_bfree) * taken.f_frsize // BLOCK * BLOCK}")

    def empty(self) -> None:
        """As large as it was."""
        self._resize(f"{self._megabytes}m")

    def _resize(self, size: str) -> None:
        _run("mount", "-o", f"remount,size={size}", str(self.path))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
