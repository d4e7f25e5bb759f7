"""Key-encryption keys in a server: the transit engine of HashiCorp Vault or OpenBao, which never gives a key away.

The server wraps and unwraps keysets; the processes have a token and no key. The transit key is a *derived* one: what
wraps a keyset follows from the key and the subject, so that no keyset opens as another subject's, and the server can
wrap it anew (`rewrap`) without showing it to whoever rotates. A version of the transit key is a key of this ring.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

import hvac
import requests
import tink
from hvac.exceptions import InvalidPath, InvalidRequest, VaultError
from tink import aead, proto_keyset_format, secret_key_access

from shared.mongo import Unavailable
from shared.settings import KeyServer
from shared.telemetry.logs import get_logger
from shared.vault.cache import Unwrapped
from shared.vault.fresh import FreshKeyset, Seals
from shared.vault.keys import KeyFileError, read_secret_file
from shared.vault.ring import KeyMissing, Wrapped

PATIENCE_SECONDS = 2.0
BATCH = 100
"""Keysets in one request: OpenBao takes at most a thousand strings."""
KINDS = ("aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305")

_CIPHERTEXT = re.compile(rb"vault:v([0-9]+):[A-Za-z0-9+/=]+")

log = get_logger(__name__)


class KeyServerError(KeyFileError, Unavailable):
    """The server has no usable key, or the token cannot be read. The message says what to do.

    Nothing starts with it. Where a process runs already, its users are told to come back: nothing of theirs is lost.
    """

    def __init__(self, message: str) -> None:
        Unavailable.__init__(self)
        self.args = (message,)


class TransitRing:
    """The versions of one transit key. Threads of a process share it."""

    def __init__(self, server: KeyServer, ask: bool = True) -> None:
        """Asks the server for its key, unless it is asked later. One that is away is only logged: it may come back.
        Raises KeyServerError."""
        self._server = server
        self._client = hvac.Client(
            url=server.url, verify=str(server.ca_file) if server.ca_file else True, timeout=PATIENCE_SECONDS
        )
        self._transit = self._client.secrets.transit
        self._place: dict[str, Any] = {"name": server.name, "mount_point": server.mount}
        self._token_seen: tuple[int, int] | None = None
        self._opened = Unwrapped()
        self._created: dict[int, int] = {}
        if not ask:
            return
        try:
            self.check()
        except KeyServerError:
            raise
        except Unavailable:
            log.error("vault_key_server_unreachable", server=server.url)

    @property
    def present_id(self) -> str:
        """As Ring: asked anew."""
        return self._id(max(self._look()))

    def sees(self, key_id: str) -> bool:
        """As Ring. The server always wraps with its newest version, so only another key's, or a lost one, is unseen."""
        version = self._version(key_id)
        if version is not None and version not in self._created:
            self._look()
        return version is not None and version <= max(self._created, default=0)

    def check(self) -> None:
        """As Ring. Raises Unavailable, KeyServerError."""
        self._look()

    def new_keyset(self, subject: str) -> tuple[str, bytes, Seals]:
        """As Ring."""
        fresh = FreshKeyset()
        plain, context = _text(fresh.plain()), _text(subject.encode())
        try:
            answer = self._ask(self._transit.encrypt_data, plaintext=plain, context=context)
        except InvalidRequest:
            raise _unavailable("InvalidRequest") from None
        wrapped = answer["data"]["ciphertext"].encode()
        return self._id(_version_in(wrapped)), wrapped, fresh

    def unwrap(self, key_id: str, subject: str, wrapped: bytes) -> aead.Aead:
        """As Ring."""
        found = self._opened.get(subject, wrapped)
        if found is None:
            found = self._unwrap(key_id, subject, wrapped)
            self._opened.put(subject, wrapped, found)
        return found

    def rewrap(self, keysets: Sequence[Wrapped]) -> list[Wrapped | None]:
        """As Ring. The keysets stay inside the server."""
        return [new for start in range(0, len(keysets), BATCH) for new in self._rewrap(keysets[start : start + BATCH])]

    def held(self) -> dict[str, datetime]:
        """As Ring."""
        return {self._id(version): datetime.fromtimestamp(at, UTC) for version, at in sorted(self._look().items())}

    def alone(self) -> AbstractContextManager[None]:
        """As Ring. Two rotations at once lose nothing: each makes a version, and destroys only what came before its."""
        return nullcontext()

    def begin(self) -> str:
        """As Ring: all processes wrap with the new version from now on."""
        self._ask(self._transit.rotate_key)
        return self.present_id

    def destroy(self, present: str, needed: Collection[str]) -> list[str]:
        """As Ring. A server can only destroy all versions before one, so one that is needed keeps all after it."""
        versions = self._look()
        last = self._version(present) or min(versions)
        least = min([last, *(version for version in versions if self._id(version) in needed)])
        if least > min(versions):
            # One by one: together the library allows them only where they differ.
            self._ask(self._transit.update_key_configuration, min_encryption_version=last)
            self._ask(self._transit.update_key_configuration, min_decryption_version=least)
            self._ask(self._transit.trim_key, min_version=least)
        return [self._id(version) for version in sorted(self._look()) if version < last]

    def _look(self) -> dict[int, int]:
        """The versions that are there, and when each was made (seconds since 1970). Raises KeyServerError."""
        try:
            key = self._ask(self._transit.read_key)["data"]
        except InvalidPath:
            raise KeyServerError(
                f"{self._server.url} has no key {self._server.mount}/{self._server.name}: make it, with derived=true "
                "(docs/operators.md)"
            ) from None
        called = f"{self._server.mount}/{self._server.name}"
        if key["type"] not in KINDS or not key["derived"] or key.get("convergent_encryption"):
            raise KeyServerError(f"{called} is no derived key of the kinds {', '.join(KINDS)}: make another")
        if key["exportable"] or key["allow_plaintext_backup"]:
            raise KeyServerError(f"{called} can be taken out of the server: make another")
        least = key["min_decryption_version"]
        self._created = {int(version): int(at) for version, at in key["keys"].items() if int(version) >= least}
        return self._created

    def _unwrap(self, key_id: str, subject: str, wrapped: bytes) -> aead.Aead:
        if not self._has(key_id):
            raise KeyMissing(key_id)
        if _version_in(wrapped) != self._version(key_id):
            raise tink.TinkError("the keyset is not what was stored")
        try:
            answer = self._ask(self._transit.decrypt_data, ciphertext=wrapped.decode(), context=_text(subject.encode()))
        except InvalidRequest:
            # It was changed, or is another's, unless its key was destroyed since we looked.
            self._look()
            if not self._has(key_id):
                raise KeyMissing(key_id) from None
            raise tink.TinkError("the server does not unwrap the keyset") from None
        handle = proto_keyset_format.parse(base64.b64decode(answer["data"]["plaintext"]), secret_key_access.TOKEN)
        primitive: aead.Aead = handle.primitive(aead.Aead)
        return primitive

    def _rewrap(self, keysets: Sequence[Wrapped]) -> list[Wrapped | None]:
        items = [
            {"ciphertext": keyset.wrapped.decode("ascii", "replace"), "context": _text(keyset.subject.encode())}
            for keyset in keysets
        ]
        try:
            answer = self._ask(self._transit.rewrap_data, ciphertext="", batch_input=items)
        except InvalidRequest:
            # Some servers refuse a batch in which nothing can be opened.
            return [None] if len(keysets) == 1 else [one for keyset in keysets for one in self._rewrap([keyset])]
        return [
            self._wrapped(keyset.subject, result.get("ciphertext"))
            for keyset, result in zip(keysets, answer["data"]["batch_results"], strict=True)
        ]

    def _wrapped(self, subject: str, ciphertext: str | None) -> Wrapped | None:
        if not ciphertext:
            return None
        wrapped = ciphertext.encode()
        return Wrapped(subject, self._id(_version_in(wrapped)), wrapped)

    def _has(self, key_id: str) -> bool:
        version = self._version(key_id)
        if version is not None and version not in self._created:
            self._look()
        return version in self._created and self._id(version) == key_id

    def _id(self, version: int) -> str:
        """With the moment it was made: another key of the same name is another key."""
        if version not in self._created:
            self._look()
        return f"{self._prefix}{version}-{self._created[version]}"

    def _version(self, key_id: str) -> int | None:
        """The version that an id of this key names; None for another key's."""
        number = key_id.removeprefix(self._prefix).partition("-")[0]
        return int(number) if key_id.startswith(self._prefix) and number.isdecimal() else None

    @property
    def _prefix(self) -> str:
        return f"{self._server.mount}/{self._server.name}:v"

    def _ask(self, question: Callable[..., Any], **more: Any) -> Any:
        """The server's answer. Raises Unavailable, KeyServerError; InvalidRequest and InvalidPath pass."""
        self._read_token()
        try:
            return question(**self._place, **more)
        except (InvalidRequest, InvalidPath):
            raise
        except (VaultError, requests.RequestException) as error:
            raise _unavailable(type(error).__name__) from None

    def _read_token(self) -> None:
        """Reads the token's file again when it was changed, as an agent that renews it does."""
        path = self._server.token_file
        try:
            found = path.stat()
            seen = found.st_ino, found.st_mtime_ns
            if seen != self._token_seen:
                self._client.token = read_secret_file(path).strip()
                self._token_seen = seen
        except OSError as error:
            raise KeyServerError(f"{path}: cannot be read ({error.strerror})") from None
        except KeyFileError as error:
            raise KeyServerError(str(error)) from None


def _unavailable(kind: str) -> Unavailable:
    """Only the error's kind is logged: its text may quote what was sent."""
    log.error("vault_key_server_failed", error_type=kind)
    return Unavailable()


def _version_in(wrapped: bytes) -> int:
    found = _CIPHERTEXT.fullmatch(wrapped)
    if found is None:
        raise tink.TinkError("this is no keyset that a server wrapped")
    return int(found[1])


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
