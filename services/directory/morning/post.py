"""Handing a message over to the mail server (SMTP), so that it is known whether it took it.

What a server says is not passed on, but for its number: it may quote an address.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from shared.settings import MailServer

TIMEOUT = 15.0
"""Seconds for each word of the server."""
TAKEN = (250, 251)
NO_SUCH_FORM = 553
"""What servers say of an address that they cannot read."""


class Unreachable(Exception):
    """The server did not answer, broke off, or did not let us in. It took nothing."""


class NotTaken(Exception):
    """The server did not take this message, and said so with the number `code`. It may take others."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class Unsure(Exception):
    """The connection broke while the message was on its way: whether the server has it cannot be known."""


class Post:
    """One connection to the mail server, made at the beginning and again where it breaks."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._connection: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        """Raises Unreachable."""
        self._connected()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._connection is not None and kind is None:
            with suppress(OSError, smtplib.SMTPException):
                self._connection.quit()
        self._drop()

    def hand_over(self, recipient: str, message: bytes, before: Callable[[], None]) -> None:
        """Gives the server a message for one recipient; `before` is called at the last moment before its content.

        Raises NotTaken, Unsure, Unreachable, and whatever `before` raises: then nothing was given.
        """
        try:
            connection = self._connected()
            self._expect(connection.mail(self._server.sender))
            self._expect(connection.rcpt(recipient))
            before()
        except BaseException as error:
            # The next message begins on a new connection, and not in the middle of this one.
            self._drop()
            if isinstance(error, OSError | smtplib.SMTPException):
                raise Unreachable(type(error).__name__) from None
            if isinstance(error, UnicodeEncodeError):
                raise NotTaken(NO_SUCH_FORM) from None
            raise
        try:
            self._expect(connection.data(message))
        except NotTaken:
            self._drop()
            raise
        except smtplib.SMTPDataError as refused:
            self._drop()
            raise NotTaken(refused.smtp_code) from None
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise Unsure(type(error).__name__) from None

    def _expect(self, answer: tuple[int, bytes]) -> None:
        if answer[0] not in TAKEN:
            raise NotTaken(answer[0])

    def _connected(self) -> smtplib.SMTP:
        if self._connection is None:
            try:
                self._connection = self._connect()
            except (OSError, smtplib.SMTPException) as error:
                raise Unreachable(type(error).__name__) from None
        return self._connection

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        trusted = ssl.create_default_context(cafile=server.ca_file)
        if server.security == "tls":
            made: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=trusted)
        else:
            made = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
        try:
            made.ehlo()
            if server.security == "starttls":
                made.starttls(context=trusted)
                made.ehlo()
            if server.user:
                made.login(server.user, server.password or "")
        except BaseException:
            made.close()
            raise
        return made

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
