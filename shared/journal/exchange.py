"""Write commands of one transaction, sent to MongoDB together; their answers are read together.

A command alone costs ten system calls, and at each of them Python's lock may go to another thread, of which a web
worker has sixteen: that was most of the time of a transaction. MongoDB carries out what comes over one connection in
its order, so three inserts that are sent together cost what one does (docs/decisions/0010). The driver has no function
for this; what is used of its inner ones lies in this module, and its version is pinned.

The commit is never among them. A statement that is refused before it reaches the transaction (for want of a right, say)
does not end it, and the commit behind it would keep the rest. So it is sent when all answers were looked at.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from bson.codec_options import DEFAULT_CODEC_OPTIONS
from pymongo.client_session import ClientSession
from pymongo.client_session_shared import _TxnState
from pymongo.errors import PyMongoError
from pymongo.helpers_shared import _check_command_response
from pymongo.message import _op_msg, _OpMsg
from pymongo.network_layer import BLOCKING_IO_ERRORS
from pymongo.read_preferences import ReadPreference
from pymongo.synchronous.pool import Connection

Document = dict[str, Any]
Result = TypeVar("Result")

UNREAD = 1 << 14
"""Bytes of answers that may come while we still send: far below what the kernel keeps on the way, so that never both
sides wait for the other to read."""
ANSWER, UPSERTED = 400, 120
"""Bytes of an answer at most, and more for each document that an update has added."""
LOOK_SECONDS = 0.5
"""How often a wait looks whether the driver has given the server up, as the driver's own waits do."""
PIECE = 1 << 16
HEADER = struct.Struct("<iiii")
"""Of a message: its length with this header, its number, the number of the message that it answers, its kind."""


def write_together(session: ClientSession, commands: Sequence[tuple[str, Document]]) -> list[Document]:
    """Sends (database's name, command) pairs in the session's transaction, and returns their answers in their order.

    What comes after a refused statement has no answer: the last one has `writeErrors` then. Raises PyMongoError, with
    the driver's labels, for anything else that went wrong.
    """
    answers: list[Document] = []
    for sent in _pieces(commands):
        with session.client._conn_for_writes(session, "write") as connection:
            for answer in _exchange(connection, session, sent):
                _check_command_response(answer, connection.max_wire_version)
                answers.append(answer)
                if answer.get("writeErrors"):
                    return answers
    return answers


def commit(session: ClientSession) -> None:
    """Commits as `session.commit_transaction` does, in fewer steps where nothing stands in the way.

    A commit may be sent twice: the second one learns what became of the first. So whatever is not plainly done here is
    left to the driver, which says what it is.
    """
    options = session._transaction.opts
    if session.in_transaction and not session._starting_transaction and options is not None:
        command: Document = {"commitTransaction": 1}
        if options.write_concern is not None:
            command["writeConcern"] = options.write_concern.document
        if options.max_commit_time_ms is not None:
            command["maxTimeMS"] = options.max_commit_time_ms
        try:
            with session.client._conn_for_writes(session, "commitTransaction") as connection:
                (answer,) = _exchange(connection, session, [("admin", command)])
        except PyMongoError:
            answer = {"ok": 0}
        if answer["ok"] and "writeConcernError" not in answer:
            session._transaction.state = _TxnState.COMMITTED
            return
    session.commit_transaction()


def _pieces(commands: Sequence[tuple[str, Document]]) -> Iterator[list[tuple[str, Document]]]:
    """The commands in pieces whose answers, but for the last one of each, are no more than UNREAD together."""
    piece: list[tuple[str, Document]] = []
    unread = 0
    for database, command in commands:
        if unread > UNREAD:
            yield piece
            piece, unread = [], 0
        piece.append((database, command))
        unread += ANSWER + UPSERTED * len(command.get("updates", ()))
    if piece:
        yield piece


def _exchange(
    connection: Connection, session: ClientSession, commands: Sequence[tuple[str, Document]]
) -> list[Document]:
    """The answers to all commands, whatever they say."""
    numbers, messages = [], []
    for database, command in commands:
        session._apply_to(command, False, ReadPreference.PRIMARY, connection)
        connection.send_cluster_time(command, session, session.client)
        if session._starting_transaction:
            session._transaction.set_in_progress()
        number, message, _, _ = _op_msg(
            0, command, database, ReadPreference.PRIMARY, DEFAULT_CODEC_OPTIONS, connection.compression_context
        )
        numbers.append(number)
        messages.append(message)
    try:
        # It stays so, for to change it is a system call: the driver's own commands first set what they need.
        connection.set_conn_timeout(LOOK_SECONDS)
        _send(connection, b"".join(messages))
        answers = _read(connection, numbers)
    except BaseException as error:  # noqa: BLE001 - it is raised again
        # What is still to come would be taken for the answer to something else: the connection is closed.
        connection._raise_connection_failure(error)
    for answer in answers:
        session.client._process_response(answer, session)
    return answers


def _send(connection: Connection, message: bytes) -> None:
    socket, left = connection.conn.get_conn, memoryview(message)
    while left:
        left = left[_patiently(connection, partial(socket.send, left)) :]


def _read(connection: Connection, numbers: Sequence[int]) -> list[Document]:
    """The answers to the messages with these numbers, which come in their order."""
    if connection.compression_context is not None:
        connection.set_conn_timeout(connection.opts.socket_timeout)
        return [connection.receive_message(number).unpack_response()[0] for number in numbers]
    socket, buffer = connection.conn.get_conn, b""
    answers: list[Document] = []
    for number in numbers:
        while len(buffer) < HEADER.size or len(buffer) < HEADER.unpack_from(buffer)[0]:
            received = _patiently(connection, partial(socket.recv, PIECE))
            if not received:
                raise OSError("the server has closed the connection")
            buffer += received
        length, _, answered, kind = HEADER.unpack_from(buffer)
        if (answered, kind) != (number, _OpMsg.OP_CODE):
            raise OSError(f"an answer of kind {kind} to message {answered}")
        answers.append(_OpMsg.unpack(buffer[HEADER.size : length]).unpack_response()[0])
        buffer = buffer[length:]
    return answers


def _patiently(connection: Connection, step: Callable[[], Result]) -> Result:
    """What `step` returns, which may take as long as the driver's own; unless the driver has given the server up."""
    deadline = time.monotonic() + (connection.opts.socket_timeout or float("inf"))
    while True:
        try:
            return step()
        except (TimeoutError, *BLOCKING_IO_ERRORS):
            if connection.cancel_context.cancelled:
                raise OSError("the driver has given the server up") from None
            if time.monotonic() >= deadline:
                raise
