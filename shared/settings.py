"""The settings of one process, read from the environment once.

A process that lacks a secret, or has a short or well-known one, does not start outside local mode:
`SettingsError` names the variable. This module reads no file and opens no connection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

Environment = Literal["local", "production"]

SERVICES = ("directory", "intake", "cases", "notifications", "reporting")
VAULT_SERVICES = ("intake", "cases")
AUDITING_SERVICES = ("directory", *VAULT_SERVICES)
"""Those that show identities, or who has looked at them."""

MINIMUM_SECRET_LENGTH = 32
WELL_KNOWN = ("secret", "password", "changeme", "change-me", "default", "development", "example", "rujukan", "test")


class SettingsError(Exception):
    """A variable is missing or unusable. The message names it and says what to set; it never quotes a secret."""


@dataclass(frozen=True)
class Settings:
    """What one process of one service was told. Secrets are kept out of `repr`."""

    service: str
    environment: Environment
    base_url: str
    mongodb_uri: str
    mongodb_user: str
    mongodb_password: str | None = field(repr=False)
    kafka_bootstrap: tuple[str, ...]
    prefix: str
    secret_key: str = field(repr=False)
    token_private_key_file: Path | None
    token_public_key_file: Path | None
    vault_key_file: Path | None
    audit_key_file: Path | None
    """Signs the heads of the audit log."""
    audit_heads: Path | None
    """Where they are kept: on another disk or machine than the database, if there is one."""
    demonstration: bool
    failpoints: tuple[str, ...]
    clock_file: Path | None = None
    clamav: str | None = None
    """Where a virus scanner listens (host:port, or the path of a unix socket); None where there is none."""
    instance: str | None = None
    """Which of several equal processes this is, the same after a restart; None where nobody keeps count."""
    batch_seconds: int = 300
    """How long a worker may be busy with one batch, before its partitions are given to others as if it hung."""
    second_factor_required: bool = False
    """Whether accounts that may read identities must sign in with a second factor; otherwise it is offered."""

    @property
    def local(self) -> bool:
        """Whether this is a person's own machine: loopback addresses allowed, pseudo-locale shown."""
        return self.environment == "local"


def load(service: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads and checks the settings of `service` (one of SERVICES). Raises SettingsError."""
    if service not in SERVICES:
        raise SettingsError(f"unknown service {service!r}: expected one of {', '.join(SERVICES)}")
    env = _Environment(environ)
    upper = service.upper()
    environment = env.choice("RUJUKAN_ENVIRONMENT", ("local", "production"), default="production")
    production = environment == "production"
    settings = Settings(
        service=service,
        environment="production" if production else "local",
        base_url=_base_url(env.text("RUJUKAN_BASE_URL", default="http://localhost:8000")),
        mongodb_uri=env.text("MONGODB_URI"),
        mongodb_user=service,
        mongodb_password=env.secret(f"RUJUKAN_{upper}_MONGODB_PASSWORD", required=production, strict=production),
        kafka_bootstrap=tuple(part.strip() for part in env.text("KAFKA_BOOTSTRAP_SERVERS").split(",") if part.strip()),
        prefix=env.text("RUJUKAN_PREFIX", default=""),
        secret_key=env.secret(f"RUJUKAN_{upper}_SECRET_KEY", required=True, strict=production) or "",
        token_private_key_file=env.path("RUJUKAN_TOKEN_PRIVATE_KEY_FILE", required=service == "directory"),
        token_public_key_file=env.path("RUJUKAN_TOKEN_PUBLIC_KEY_FILE", required=True),
        vault_key_file=env.path("RUJUKAN_VAULT_KEY_FILE", required=service in VAULT_SERVICES),
        audit_key_file=env.path("RUJUKAN_AUDIT_KEY_FILE", required=production and service in AUDITING_SERVICES),
        audit_heads=env.path(
            "RUJUKAN_AUDIT_HEADS", required=production and service in AUDITING_SERVICES, what="a directory"
        ),
        demonstration=env.boolean("RUJUKAN_DEMONSTRATION", default=False),
        failpoints=tuple(name for name in env.text("RUJUKAN_FAILPOINTS", default="").split(",") if name),
        clock_file=env.path("RUJUKAN_CLOCK_FILE", required=False),
        clamav=env.scanner("RUJUKAN_CLAMAV"),
        instance=env.text("RUJUKAN_INSTANCE", default="") or None,
        batch_seconds=env.number("RUJUKAN_BATCH_SECONDS", default=300, least=1),
        second_factor_required=env.choice("RUJUKAN_SECOND_FACTOR", ("offered", "required"), default="offered")
        == "required",
    )
    if production and settings.failpoints:
        raise SettingsError("RUJUKAN_FAILPOINTS: failpoints are for tests; unset it in production")
    if production and settings.clock_file:
        raise SettingsError("RUJUKAN_CLOCK_FILE: a clock that can be stepped is for tests; unset it in production")
    return settings


class _Environment:
    """Typed reading of variables, with messages that name the variable and what to do."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str | None = None) -> str:
        value = self._environ.get(name, default)
        if value is None:
            raise SettingsError(f"{name} is not set")
        if value == "" and default is None:
            raise SettingsError(f"{name} is empty")
        return value

    def boolean(self, name: str, default: bool) -> bool:
        if name not in self._environ:
            return default
        value = self._environ[name].strip().lower()
        if value in ("1", "true", "yes", "on"):
            return True
        if value in ("0", "false", "no", "off", ""):
            return False
        raise SettingsError(f"{name}: expected true or false, found {value!r}")

    def number(self, name: str, default: int, least: int) -> int:
        value = self._environ.get(name, str(default)).strip()
        if not value.isdecimal() or int(value) < least:
            raise SettingsError(f"{name}: expected a whole number from {least}, found {value!r}")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self._environ.get(name, default)
        if value not in choices:
            raise SettingsError(f"{name}: expected {' or '.join(choices)}, found {value!r}")
        return value

    def path(self, name: str, required: bool, what: str = "a key file") -> Path | None:
        value = self._environ.get(name)
        if not value:
            if required:
                raise SettingsError(f"{name} is not set: the path of {what}")
            return None
        return Path(value)

    def scanner(self, name: str) -> str | None:
        value = self._environ.get(name, "").strip()
        if not value or value.startswith("/"):
            return value or None
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise SettingsError(f"{name}: expected host:port or the path of a unix socket, found {value!r}")
        return value

    def secret(self, name: str, required: bool, strict: bool) -> str | None:
        """Reads a secret from `name`, or from the file that `name`_FILE names (container secrets)."""
        value = self._environ.get(name)
        file = self._environ.get(f"{name}_FILE")
        if value is None and file is not None:
            try:
                value = Path(file).read_text().strip()
            except OSError as error:
                raise SettingsError(f"{name}_FILE: cannot read the file it names") from error
        if value is None:
            if required:
                raise SettingsError(f"{name} is not set: a secret of at least {MINIMUM_SECRET_LENGTH} characters")
            return None
        if strict:
            if len(value) < MINIMUM_SECRET_LENGTH:
                raise SettingsError(f"{name} is too short: at least {MINIMUM_SECRET_LENGTH} characters are needed")
            if any(word in value.lower() for word in WELL_KNOWN) or len(set(value)) < 8:
                raise SettingsError(f"{name} is a well-known or default value: make a random one")
        return value


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError("RUJUKAN_BASE_URL: expected an address like https://rujukan.example.go.id")
    return value.rstrip("/")
