"""A virus scanner for tests: a real server of ClamAV's protocol, as far as INSTREAM goes. It finds EICAR anywhere."""

from __future__ import annotations

import socketserver
import struct
import threading
from types import TracebackType

from tests.support.files import eicar

NO_CLAMD = "there is no clamd here: only the tests' own server of its protocol was asked"


class Scanner:
    """Listens on a free port of loopback. `seen` has every file that it was shown; `answer` replaces its own answer."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.answer: bytes | None = None
        scanner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                if self.rfile.readline() != b"nINSTREAM\n":
                    self.wfile.write(b"UNKNOWN COMMAND\n")
                    return
                content = b""
                while size := struct.unpack("!L", self.rfile.read(4))[0]:
                    content += self.rfile.read(size)
                scanner.seen.append(content)
                found = b"stream: Eicar-Test-Signature FOUND\n" if eicar() in content else b"stream: OK\n"
                self.wfile.write(found if scanner.answer is None else scanner.answer)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Scanner:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Nobody listens at the address any more."""
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
