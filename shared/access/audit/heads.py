"""Signed heads: every minute each chain's end is signed and written to files that lie elsewhere than the database.

Whoever can write the database can cut off the end of a chain, or write the whole chain anew; not so that it fits the
heads. What is younger than the last head can still be cut unseen: at most a minute, and docs/operators.md says so.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.access.audit.chain import Anchor
from shared.access.tokens import ALGORITHM
from shared.telemetry.logs import get_logger
from shared.telemetry.metrics import AUDIT_HEADS_FAILED

SUFFIX = ".heads"
INTERVAL_SECONDS = 60.0

log = get_logger(__name__)

#: Where a chain stands: its name, the place and hash of its last entry; None while nothing is to be signed.
Position = tuple[str, int, str]


class Heads:
    """The keeper of one process: signs what is new, each minute and at an orderly end.

    A head that cannot be written is said in the log and the metrics, and tried again; nobody's work waits for it.
    """

    def __init__(self, directory: Path, key: OKPKey, clock: Callable[[], datetime]) -> None:
        self._directory = directory
        self._key = key
        self._clock = clock
        self._position: Callable[[], Position | None] | None = None
        self._written: Position | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def keep(self, position: Callable[[], Position | None]) -> None:
        """Begins to keep the heads of a chain. `position` says where it stands; it is asked from a thread of ours."""
        self._position = position
        self._lock = threading.Lock()  # a process that was forked has that of its parent, perhaps held
        threading.Thread(target=self._run, name="audit-heads", daemon=True).start()
        atexit.register(self.write)

    def write(self) -> bool:
        """Signs and writes where the chain stands, if that is new. Returns whether all that was is written."""
        with self._lock:
            now = self._position() if self._position is not None else None
            if now is None or now == self._written:
                return True
            try:
                self._append(now)
            except OSError as error:
                AUDIT_HEADS_FAILED.inc()
                log.warning("audit_head_not_written", chain=now[0], seq=now[1], reason=error.strerror or "")
                return False
            self._written = now
            log.info("audit_head", chain=now[0], seq=now[1], hash=now[2])
            return True

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_SECONDS):
            self.write()

    def _append(self, position: Position) -> None:
        chain, seq, hashed = position
        said = {"chain": chain, "seq": seq, "hash": hashed, "at": self._clock().isoformat(timespec="seconds")}
        header = {"alg": ALGORITHM}
        line = jws.serialize_compact(header, json.dumps(said).encode(), self._key, algorithms=[ALGORITHM])
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / f"{chain}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())


def read_heads(directory: Path, key: OKPKey) -> Iterator[Anchor | str]:
    """The heads in a directory, each as an anchor; for a line that is none of ours, the place where it stands.

    A last line that was cut short by a crash is passed over. Raises OSError.
    """
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        lines = path.read_text(encoding="ascii", errors="replace").splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            anchor = _read(line.strip(), f"{path.name}:{number}", key)
            if anchor is not None and anchor.chain == path.name.removesuffix(SUFFIX):
                yield anchor
            elif line.endswith("\n"):
                yield f"{path.name}:{number}"


def _read(line: str, source: str, key: OKPKey) -> Anchor | None:
    try:
        signed = jws.deserialize_compact(line, key, algorithms=[ALGORITHM])
        said = json.loads(signed.payload)
        return Anchor(str(said["chain"]), int(said["seq"]), str(said["hash"]), f"the signed head {source}")
    except (JoseError, ValueError, TypeError, KeyError):
        return None
