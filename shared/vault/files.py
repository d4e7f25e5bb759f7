"""The contents of files: sealed while they arrive, opened while they are sent, never plain on a disk.

A file is encrypted in segments of 1 MB by Tink's streaming AEAD under a keyset of its own, and kept in parts in the
vault's database (GridFS would hold a file of ours whole: it gathers and fetches up to 16 MB). That keyset is sealed as
the field `content` of its attachment, which is a subject of the vault as a person is. So rotating keys and erasing need
to know nothing of files, and a content that was stored and never linked is unreadable from the start. It decides
neither who may open a file nor what may be stored.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tink
from pymongo.collection import Collection
from tink import json_proto_keyset_format, secret_key_access, streaming_aead

from shared.access.actor import Actor
from shared.journal.unit import Unit
from shared.mongo import reachable
from shared.vault.vault import NotHeld, Vault

streaming_aead.register()

PARTS = "file_parts"
"""`_id` is <attachment>:<number>, `data` is ciphertext."""
PART_BYTES = 512 * 1024
PIECE_BYTES = 256 * 1024
"""Handed out at once. Beside a part Tink holds one segment of 1 MB."""
NAMES = ("file_name", "description")


class Damaged(Exception):
    """What is kept of the file is not what was sealed: parts are missing, exchanged, cut off or changed."""

    def __init__(self, attachment: str) -> None:
        super().__init__(f"{attachment}: what is kept is not what was sealed")


@dataclass(frozen=True)
class Stored:
    """A content that nothing points to yet. `key` opens it: whoever loses it has lost the content."""

    attachment: str
    key: str
    size_bytes: int


@dataclass(frozen=True)
class OpenFile:
    """A file whose whole content has been authenticated. `pieces` reads it again, and raises Damaged, Unavailable."""

    file_name: str
    size_bytes: int
    pieces: Iterator[bytes]


class Files:
    """The files beside the subjects of a vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._parts = vault.database[PARTS]

    def store(self, attachment: str, content: Iterable[bytes]) -> Stored:
        """Encrypts a new attachment's content while it comes, and keeps it. Call `link` in the unit of work.

        What `content` raises passes; then nothing is kept that anybody could read. Raises Unavailable.
        """
        handle = tink.new_keyset_handle(streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB)
        primitive = handle.primitive(streaming_aead.StreamingAead)
        size = 0
        with reachable():
            sink = _Sink(self._parts, attachment)
            try:
                encrypting = primitive.new_encrypting_stream(sink, _bound(attachment))
                for piece in content:
                    encrypting.write(piece)
                    size += len(piece)
                encrypting.close()
            except tink.TinkError as error:
                sink.give_up()
                raise sink.error or error from None
            except BaseException:
                sink.give_up()
                raise
            sink.keep()
        return Stored(attachment, json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN), size)

    def link(self, unit: Unit, stored: Stored, names: Mapping[str, str]) -> None:
        """Begins the attachment in the vault, with its `file_name` and perhaps a `description`: it can be opened."""
        self._vault.create(unit, stored.attachment, {**names, "content": stored.key})

    def names(
        self, actor: Actor, attachment: str, purpose: str, basis: str, concerns: Sequence[str] = ()
    ) -> dict[str, str]:
        """The attachment's file name and description. As Vault.open: audited first. Raises NotHeld, Unavailable."""
        return self._vault.open(actor, attachment, NAMES, purpose, basis, concerns)

    def open(self, actor: Actor, attachment: str, purpose: str, basis: str, concerns: Sequence[str] = ()) -> OpenFile:
        """The attachment's name and content, after the audit entry is safely written.

        The whole content is read and authenticated before this returns, so that no half file is ever sent as a whole
        one; then it is read again piece by piece. Raises NotHeld, Damaged, Unavailable.
        """
        opened = self._vault.open(actor, attachment, ("file_name", "content"), purpose, basis, concerns)
        if "content" not in opened:
            raise NotHeld(attachment)
        handle = json_proto_keyset_format.parse(opened["content"], secret_key_access.TOKEN)
        primitive = handle.primitive(streaming_aead.StreamingAead)
        size = sum(len(piece) for piece in self._pieces(primitive, attachment))
        return OpenFile(opened.get("file_name", ""), size, self._pieces(primitive, attachment))

    def erase(self, unit: Unit, attachments: Iterable[str]) -> None:
        """Deletes what opens these attachments. Their contents are noise then; `discard` gives their room back."""
        for attachment in attachments:
            self._vault.erase(unit, attachment)

    def discard(self, attachment: str) -> None:
        """Removes the content, whole or half stored, if there is any. Raises Unavailable."""
        with reachable():
            self._parts.delete_many({"_id": {"$gt": f"{attachment}:", "$lt": f"{attachment};"}})

    def _pieces(self, primitive: streaming_aead.StreamingAead, attachment: str) -> Iterator[bytes]:
        source = _Source(self._parts, attachment)
        with reachable():
            try:
                stream = primitive.new_decrypting_stream(source, _bound(attachment))
                while piece := stream.read(PIECE_BYTES):
                    yield piece
            except (tink.TinkError, EOFError):
                raise source.error or Damaged(attachment) from None


class _Sink(io.RawIOBase):
    """What Tink writes to. An error of the database would pass through Tink as one of Tink's: it is kept here."""

    def __init__(self, parts: Collection[dict[str, Any]], attachment: str) -> None:
        self._parts, self._attachment, self._count = parts, attachment, 0
        self._waiting = bytearray()
        self._open = True
        self.error: Exception | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._open:
            self._waiting += data
            while len(self._waiting) >= PART_BYTES:
                self._insert(PART_BYTES)
        return len(data)

    def keep(self) -> None:
        """Writes the last part."""
        self._insert(PART_BYTES)
        self._open = False

    def give_up(self) -> None:
        """Takes nothing more, also when Tink's own stream is closed later. The parts stay until `discard`."""
        self._open = False

    def _insert(self, size: int) -> None:
        part = {"_id": _part(self._attachment, self._count), "data": bytes(self._waiting[:size])}
        try:
            self._parts.insert_one(part)
        except Exception as error:
            self.error = error
            raise
        self._count += 1
        del self._waiting[:size]


class _Source(io.RawIOBase):
    """What Tink reads from, likewise. It ends where a part is missing: Tink knows whether that is the end."""

    def __init__(self, parts: Collection[dict[str, Any]], attachment: str) -> None:
        self._parts, self._attachment, self._count = parts, attachment, 0
        self._left = memoryview(b"")
        self.error: Exception | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            try:
                found = self._parts.find_one({"_id": _part(self._attachment, self._count)})
            except Exception as error:
                self.error = error
                raise
            if found is None:
                return b""
            self._left = memoryview(found["data"])
            self._count += 1
        taken, self._left = self._left[:size], self._left[size:]
        return bytes(taken)


def _part(attachment: str, number: int) -> str:
    return f"{attachment}:{number:04}"


def _bound(attachment: str) -> bytes:
    return f"{attachment}|content|1".encode()
