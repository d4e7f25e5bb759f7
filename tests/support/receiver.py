"""A partner agency's webhook receiver: a small HTTP(S) server that keeps what it was sent.

It answers as it is told (a status, a redirect, silence, a drip) and checks signatures with the public library, as a
receiver in the field would. It belongs to tests and to nothing else.
"""

import datetime
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Received:
    """One request as it arrived. `at` is on the monotonic clock, in seconds."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    def verify(self, secret: str) -> dict[str, Any]:
        """The message, if it was signed with `secret`; raises WebhookVerificationError or ValueError otherwise."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Answer:
    """How the receiver answers: a status with headers; or it hangs until it is released, or drips for ever."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    drip: bool = False


class Receiver:
    """A running receiver. `answer` may be replaced at any time, or be a function of the request."""

    def __init__(self, certificate: Path | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self.answer: Answer | Callable[[Received], Answer] = Answer()
        self._received: list[Received] = []
        self._changed = threading.Condition()
        self._released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._serve(self)

            def do_GET(self) -> None:
                receiver._serve(self)

            def log_message(self, *args: Any) -> None:
                """Tests print nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *args: Any) -> None:
                """A sender that hangs up is part of the tests."""

        self._server = Server((host, port), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.scheme = "https" if certificate else "http"
        self.host, self.port = host, self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/hook"

    @property
    def received(self) -> list[Received]:
        """Everything that arrived so far, oldest first."""
        with self._changed:
            return list(self._received)

    def wait_for(
        self, count: int = 1, *, timeout: float = 20.0, where: Callable[[Received], bool] = bool
    ) -> list[Received]:
        """Wait for `count` requests (that fit `where`); fails after `timeout` seconds and says how many came."""

        def fitting() -> list[Received]:
            return [request for request in self._received if where(request)]

        with self._changed:
            if not self._changed.wait_for(lambda: len(fitting()) >= count, timeout):
                raise AssertionError(f"{len(fitting())} of {count} requests arrived within {timeout} s")
            return fitting()

    def release(self) -> None:
        """Let every request that hangs go on."""
        self._released.set()

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Received(handler.path, headers, handler.rfile.read(length), time.monotonic())
        answer = self.answer(request) if callable(self.answer) else self.answer
        with self._changed:
            self._received.append(request)
            self._changed.notify_all()
        if answer.hang:
            self._released.wait(120)
        if answer.drip:
            self._drip(handler)
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Begin an answer and never finish it: a byte of a header every tenth of a second."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        while not self._released.wait(0.1):
            handler.wfile.write(b".")
            handler.wfile.flush()


@contextmanager
def receiver(**options: Any) -> Iterator[Receiver]:
    """A receiver for the length of a `with` block."""
    running = Receiver(**options)
    try:
        yield running
    finally:
        running.close()


def certificate(folder: Path, *names: str) -> Path:
    """A self-signed certificate for host names and addresses, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test receiver")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{names[0]}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
