"""Starts a command that ends with its parent: `leash.py COMMAND...`, also when the parent is killed with SIGKILL.

Linux only (PR_SET_PDEATHSIG). It imports nothing of the product, for every supervised process starts through it. It
does not restart or watch anything.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PARENT = "RUJUKAN_LEASH_PARENT"
"""Process id of whoever holds the leash. It is read here, and handed on to the command as its own id."""


def command(arguments: list[str]) -> list[str]:
    """The command line that runs `arguments` on a leash. Its environment comes from `environment`."""
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), *arguments]


def environment(environ: dict[str, str]) -> dict[str, str]:
    """`environ` for a command that this very process starts on a leash."""
    return {**environ, PARENT: str(os.getpid())}


def hold() -> None:
    """Asks the kernel to kill this very process when its parent dies. A fork does not inherit this."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def main(arguments: list[str]) -> None:
    """Puts this process on the leash, then becomes the command."""
    hold()
    # The parent may have died before the kernel was asked.
    parent = os.environ.get(PARENT)
    if parent and os.getppid() != int(parent):
        sys.exit("the process that started this one is gone")
    os.environ[PARENT] = str(os.getpid())
    os.execvp(arguments[0], arguments)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
