"""The instance's own mongod by itself, while nothing else of the instance runs: for work on data just restored.

It ends with the block, or with the process that started it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local import leash, mongod, secrets
from deploy.local.state import State, addresses

STOP_SECONDS = 20


@contextmanager
def database(state: State) -> Iterator[dict[str, str]]:
    """The variables of shared.settings while mongod runs alone. Raises Held if the instance runs, NotReady."""
    state.prepare()
    with state.hold():
        ports = state.ports()
        uri, bootstrap = addresses(ports)
        environment = state.environment(uri, bootstrap, "http://localhost", demonstration=False)
        if "MONGODB_URI" in os.environ:  # an existing server, which runs without us
            yield environment
            return
        with (state.logs / "mongod.log").open("ab") as log:
            process = subprocess.Popen(
                leash.command(mongod.prepare(state.data / "mongod", ports.mongod)),
                env=leash.environment({}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            password = secrets.ensure(state.directory)[secrets.ROOT_PASSWORD]
            mongod.wait_until_primary(ports.mongod, password, lambda: process.poll() is None)
            yield environment
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
