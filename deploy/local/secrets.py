"""The secrets of one machine: made at the first start, kept in a file that only its owner can read.

`secrets.env` holds passwords and signing secrets as KEY=VALUE lines; key files lie beside it in `keys/`. Nothing here
is for a server: there, secrets come from its own store (see docs/operators.md). The signed heads of the audit log lie
beside them too, where a server keeps them on another disk.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from shared.settings import SERVICES

FILE = "secrets.env"
ROOT_PASSWORD = "RUJUKAN_ROOT_MONGODB_PASSWORD"  # noqa: S105 - the variable's name
KAFKA_ROOT_PASSWORD = "RUJUKAN_ROOT_KAFKA_PASSWORD"  # noqa: S105  # pragma: allowlist secret
KAFKA_ROOT_USER = "RUJUKAN_ROOT_KAFKA_USER"
KAFKA_ADMINISTRATOR = (KAFKA_ROOT_USER, KAFKA_ROOT_PASSWORD, f"{KAFKA_ROOT_PASSWORD}_FILE")
TOKEN_PRIVATE, TOKEN_PUBLIC = "token-private.json", "token-public.json"
VAULT = Path("vault", "vault.json")
"""In a folder of its own: a rotation puts files beside it, which containers see only if they have the whole folder."""
AUDIT_PRIVATE, AUDIT_PUBLIC, AUDIT_HEADS = "audit-private.pem", "audit-public.pem", "audit-heads"


def ensure(state: Path) -> dict[str, str]:
    """The variables kept under `state`, made at the first call. Whatever is there already stays as it is."""
    file = state / FILE
    known = read(file)
    wanted = [ROOT_PASSWORD]
    for service in SERVICES:
        wanted += [password_variable(service), f"RUJUKAN_{service.upper()}_SECRET_KEY"]
    missing = {name: secrets.token_urlsafe(36) for name in wanted if name not in known}
    if missing:
        _write(file, known | missing)
    return known | missing


def ensure_keys(state: Path) -> dict[str, str]:
    """The key files under `state`, made at the first call, as variables that hold their paths."""
    from shared.access.tokens import create_key_files
    from shared.vault.finder import beside
    from shared.vault.keys import create_key_file
    from shared.vault.search_key import create_search_key_file

    directory = state / "keys"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    private, public, vault = (directory / name for name in (TOKEN_PRIVATE, TOKEN_PUBLIC, VAULT))
    vault.parent.mkdir(mode=0o700, exist_ok=True)
    if not (private.exists() and public.exists()):
        create_key_files(private, public)
    earlier = directory / VAULT.name
    if earlier.exists() and not vault.exists():
        earlier.rename(vault)  # where it lay before it had a folder
    if not vault.exists():
        create_key_file(vault)
    if not beside(vault).exists():
        create_search_key_file(beside(vault))
    audit = directory / AUDIT_PRIVATE
    if not audit.exists():
        create_key_files(audit, directory / AUDIT_PUBLIC)
    heads = state / AUDIT_HEADS
    heads.mkdir(mode=0o700, exist_ok=True)
    return {
        "RUJUKAN_TOKEN_PRIVATE_KEY_FILE": str(private),
        "RUJUKAN_TOKEN_PUBLIC_KEY_FILE": str(public),
        "RUJUKAN_VAULT_KEY_FILE": str(vault),
        "RUJUKAN_SEARCH_KEY_FILE": str(beside(vault)),
        "RUJUKAN_AUDIT_KEY_FILE": str(audit),
        "RUJUKAN_AUDIT_HEADS": str(heads),
    }


def password_variable(service: str) -> str:
    """The variable with the password of the service's database user."""
    return f"RUJUKAN_{service.upper()}_MONGODB_PASSWORD"


def passwords(variables: Mapping[str, str]) -> dict[str, str]:
    """Service -> database password, of the services whose password is among `variables`."""
    return {name: variables[password_variable(name)] for name in SERVICES if password_variable(name) in variables}


def kafka_password_variable(service: str) -> str:
    """The variable with the password of the service's user at Kafka, where Kafka asks for one."""
    return f"RUJUKAN_{service.upper()}_KAFKA_PASSWORD"


def kafka_passwords(variables: Mapping[str, str]) -> dict[str, str]:
    """Service -> password at Kafka, of the services whose password is among `variables`."""
    names = {service: kafka_password_variable(service) for service in SERVICES}
    return {service: variables[name] for service, name in names.items() if name in variables}


def read(file: Path) -> dict[str, str]:
    """KEY=VALUE lines of a file; empty if there is none."""
    if not file.exists():
        return {}
    lines = (line.strip() for line in file.read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def _write(file: Path, variables: Mapping[str, str]) -> None:
    """Replaces the file at once: a crash leaves the old one or the new one, never half of it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write("# Made at the first start. Keep it secret and keep a copy: without it the data cannot be opened.\n")
        out.writelines(f"{name}={value}\n" for name, value in variables.items())
        out.flush()
        os.fsync(out.fileno())
    new.rename(file)
