"""A mail server at a real address, which keeps what it takes, or refuses it in the way that a test names."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from deploy.local.ports import free_port

HOST = "127.0.0.1"
USER, PASSWORD = "rujukan", "kata sandi surel untuk uji coba"  # pragma: allowlist secret


@dataclass
class Mailbox:
    """The server. What it does wrong may be changed while it runs."""

    refuses: dict[str, str] = field(default_factory=dict)
    """Recipient -> what is said to them, such as "450 4.2.1 Try later"."""
    breaks_at: set[str] = field(default_factory=set)
    """Recipients at whose name it breaks the connection, before any content."""
    hangs_up: set[str] = field(default_factory=set)
    """Recipients after whose content it breaks the connection, without a word whether it took it."""
    taken: list[EmailMessage] = field(default_factory=list)
    certificate: Path | None = None
    """With one it asks for STARTTLS, and then for USER and PASSWORD."""

    def __enter__(self) -> Mailbox:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, port: int = 0) -> None:
        """Answers at `port`, or at any free one."""
        options: dict[str, Any] = {}
        if self.certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.certificate)
            options = {"tls_context": context, "require_starttls": True, "auth_required": True}
            options["authenticator"] = self._authenticated
        self._controller = Controller(self, hostname=HOST, port=port or free_port(), **options)
        self._controller.start()
        self.port: int = self._controller.port

    def stop(self) -> None:
        """No longer answers."""
        self._controller.stop()

    @property
    def settings(self) -> dict[str, str]:
        """The variables of shared.settings for it."""
        found = {"RUJUKAN_SMTP": f"{HOST}:{self.port}", "RUJUKAN_SMTP_SENDER": "rujukan@kota.test"}
        if not self.certificate:
            return {**found, "RUJUKAN_SMTP_SECURITY": "none"}
        known = {"RUJUKAN_SMTP_USER": USER, "RUJUKAN_SMTP_PASSWORD": PASSWORD}
        return {**found, **known, "RUJUKAN_SMTP_CA_FILE": str(self.certificate)}

    def addresses(self) -> list[str]:
        """To whom what was taken went, in its order."""
        return [str(message["To"]) for message in self.taken]

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.breaks_at:
            server.transport.abort()
        if answer := self.refuses.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content
        assert content is not None
        self.taken.append(message_from_bytes(content, policy=default))
        assert [str(self.taken[-1]["To"])] == envelope.rcpt_tos, "one message for one person"
        if self.hangs_up & set(envelope.rcpt_tos):
            server.transport.abort()
        return "250 OK"

    def _authenticated(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()))
