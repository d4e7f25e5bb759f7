"""The settings of one process, read from the environment once.

A process that lacks a secret, or has a short or well-known one, does not start outside local mode:
`SettingsError` names the variable. This module reads no file and opens no connection.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

Environment = Literal["local", "production"]

SERVICES = ("directory", "intake", "cases", "notifications", "reporting")
VAULT_SERVICES = ("intake", "cases")
AUDITING_SERVICES = ("directory", *VAULT_SERVICES)
"""Those that show identities, or who has looked at them."""

SEARCH_KEY = "search.key"
SMTP_SECURITY = ("starttls", "tls", "none")
KAFKA_SECURITY = ("PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL")
MINIMUM_SECRET_LENGTH = 32
WELL_KNOWN = ("secret", "password", "changeme", "change-me", "default", "development", "example", "rujukan", "test")


class SettingsError(Exception):
    """A variable is missing or unusable. The message names it and says what to set; it never quotes a secret."""


@dataclass(frozen=True)
class KeyServer:
    """Where the vault's key is when it is in no file: a transit engine's key, and a token that may use it."""

    url: str
    mount: str
    name: str
    token_file: Path
    ca_file: Path | None = None
    """Who signs the server's certificate; None for the machine's own list."""


@dataclass(frozen=True)
class MailServer:
    """Where e-mail is handed over (SMTP), and in whose name it goes out."""

    host: str
    port: int
    security: str
    """One of SMTP_SECURITY: encrypted after a word (starttls), from the first byte (tls), or not at all (none)."""
    sender: str
    user: str = ""
    """Empty where the server asks nobody who they are."""
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    """Who signs the server's certificate; None for the machine's own list."""


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
    search_key_file: Path | None = None
    """The key of the hashes by which sealed people are found; without another word it lies beside the vault's file."""
    vault_key_server: KeyServer | None = None
    """Instead of `vault_key_file`."""
    second_factor_required: bool = False
    """Whether accounts that may read identities must sign in with a second factor; otherwise it is offered."""
    kafka_security: str = "PLAINTEXT"
    """One of KAFKA_SECURITY: whether Kafka asks who we are, and whether the way there is encrypted."""
    kafka_user: str = ""
    """Named like the service; only whoever prepares Kafka is another."""
    kafka_password: str | None = field(default=None, repr=False)
    kafka_ca_file: Path | None = None
    """Who signs the broker's certificate; None for the machine's own list."""
    oidc_issuer: str | None = None
    """The office's own OpenID provider, exactly as it names itself; None where there is none. Directory's alone."""
    oidc_client_id: str = ""
    oidc_client_secret: str | None = field(default=None, repr=False)
    oidc_name: str = ""
    """What the button calls it."""
    oidc_strong: tuple[str, ...] = ()
    """In which words the provider says that it asked for more than one factor: `amr=<method>` or `acr=<class>`."""
    mail: MailServer | None = None
    """None where no e-mail is sent. Directory's alone: it has the addresses."""

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
    key_server = env.key_server(production) if service in VAULT_SERVICES else None
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
        vault_key_file=env.path("RUJUKAN_VAULT_KEY_FILE", required=service in VAULT_SERVICES and key_server is None),
        search_key_file=_search_key(env, key_server is not None) if service in VAULT_SERVICES else None,
        vault_key_server=key_server,
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
        **_kafka(env, service, production),
        **(_provider(env, production) if service == "directory" else {}),
        mail=_mail(env) if service == "directory" else None,
    )
    if settings.vault_key_server and settings.vault_key_file:
        raise SettingsError("RUJUKAN_VAULT_KEY_FILE and RUJUKAN_VAULT_KEY_SERVER: the key is in one place; unset one")
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

    def key_server(self, production: bool) -> KeyServer | None:
        url = self._environ.get("RUJUKAN_VAULT_KEY_SERVER", "").rstrip("/")
        if not url:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.netloc or (production and parts.scheme != "https"):
            raise SettingsError("RUJUKAN_VAULT_KEY_SERVER: expected an address like https://bao.example.go.id:8200")
        mount, _, name = self.text("RUJUKAN_VAULT_KEY_NAME", default="transit/rujukan").rpartition("/")
        if not re.fullmatch(r"[\w-]+(/[\w-]+)*", mount) or not re.fullmatch(r"[\w-]+", name):
            raise SettingsError("RUJUKAN_VAULT_KEY_NAME: expected an engine and its key, like transit/rujukan")
        token = self.path("RUJUKAN_VAULT_KEY_TOKEN_FILE", required=True, what="a file with the server's token")
        ca = self.path("RUJUKAN_VAULT_KEY_CA_FILE", required=False)
        return KeyServer(url, mount, name, token, ca) if token else None

    def scanner(self, name: str) -> str | None:
        value = self._environ.get(name, "").strip()
        if value and not value.startswith("/") and _host_and_port(value) is None:
            raise SettingsError(f"{name}: expected host:port or the path of a unix socket, found {value!r}")
        return value or None

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


def _kafka(env: _Environment, service: str, production: bool) -> dict[str, Any]:
    """How Kafka is spoken to: without a word, or as the service's user with a password of its own."""
    security = env.choice("KAFKA_SECURITY", KAFKA_SECURITY, default="PLAINTEXT")
    asks = security != "PLAINTEXT"
    ca = env.path("KAFKA_CA_FILE", required=False)
    if ca and security != "SASL_SSL":
        raise SettingsError("KAFKA_CA_FILE is for KAFKA_SECURITY=SASL_SSL: without it nothing is encrypted")
    return {
        "kafka_security": security,
        "kafka_user": service,
        "kafka_password": env.secret(f"RUJUKAN_{service.upper()}_KAFKA_PASSWORD", asks, production) if asks else None,
        "kafka_ca_file": ca,
    }


def _provider(env: _Environment, production: bool) -> dict[str, Any]:
    """The settings of the OpenID provider: none, or all that is needed."""
    issuer = env.text("RUJUKAN_OIDC_ISSUER", default="")
    if not issuer:
        return {}
    parts = urlsplit(issuer)
    if parts.scheme not in (("https",) if production else ("https", "http")) or not parts.netloc or parts.query:
        raise SettingsError("RUJUKAN_OIDC_ISSUER: expected an address like https://login.example.go.id/realms/city")
    strong = tuple(env.text("RUJUKAN_OIDC_STRONG", default="").split())
    if not all(re.fullmatch(r"(amr|acr)=\S+", word) for word in strong):
        raise SettingsError("RUJUKAN_OIDC_STRONG: expected words like amr=mfa or acr=2, with spaces between")
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": env.text("RUJUKAN_OIDC_CLIENT_ID"),
        "oidc_client_secret": env.secret("RUJUKAN_OIDC_CLIENT_SECRET", required=True, strict=production),
        "oidc_name": env.text("RUJUKAN_OIDC_NAME", default="") or parts.hostname,
        "oidc_strong": strong,
    }


def _mail(env: _Environment) -> MailServer | None:
    """The settings of the mail server: none, or all that is needed. Its password is the server's own to choose."""
    address = env.text("RUJUKAN_SMTP", default="").strip()
    if not address:
        return None
    place = _host_and_port(address)
    if place is None:
        raise SettingsError(f"RUJUKAN_SMTP: expected host:port like mail.example.go.id:587, found {address!r}")
    security = env.choice("RUJUKAN_SMTP_SECURITY", SMTP_SECURITY, default="starttls")
    sender, user = env.text("RUJUKAN_SMTP_SENDER"), env.text("RUJUKAN_SMTP_USER", default="")
    if not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", sender):
        raise SettingsError("RUJUKAN_SMTP_SENDER: expected an e-mail address like rujukan@example.go.id")
    if user and security == "none":
        raise SettingsError("RUJUKAN_SMTP_USER: a password goes over an encrypted line only; set RUJUKAN_SMTP_SECURITY")
    password = env.secret("RUJUKAN_SMTP_PASSWORD", required=True, strict=False) if user else None
    if user and not password:
        raise SettingsError("RUJUKAN_SMTP_PASSWORD is empty: the password that the mail server has given for the user")
    ca = env.path("RUJUKAN_SMTP_CA_FILE", required=False)
    return MailServer(*place, security, sender, user, password, ca)


def _host_and_port(value: str) -> tuple[str, int] | None:
    host, _, port = value.rpartition(":")
    return (host, int(port)) if host and port.isdecimal() and 0 < int(port) < 65_536 else None


def _search_key(env: _Environment, in_a_server: bool) -> Path | None:
    """Where the search key is: named, or beside the vault's file. A server keeps none for us: then it must be named."""
    named = env.path("RUJUKAN_SEARCH_KEY_FILE", required=in_a_server)
    vault = env.path("RUJUKAN_VAULT_KEY_FILE", required=False)
    return named or (vault.with_name(SEARCH_KEY) if vault else None)


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError("RUJUKAN_BASE_URL: expected an address like https://rujukan.example.go.id")
    return value.rstrip("/")
