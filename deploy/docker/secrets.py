"""Makes the secrets that docker-compose.yml hands to its containers as files: `python -m deploy.docker.secrets DIR`.

They stay as they are once made. Only their owner can read them, so the containers run as that user.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from deploy.local import secrets as local
from shared.settings import SERVICES

REPLICA_SET_KEY = "replica-set.key"
#: What others have given us, the OpenID provider's secret and the mail server's password: empty until somebody writes
#: it there.
GIVEN = ("oidc-client-secret", "smtp-password")


def file_name(variable: str) -> str:
    """RUJUKAN_INTAKE_SECRET_KEY -> intake-secret-key"""
    return variable.removeprefix("RUJUKAN_").lower().replace("_", "-")


def variables() -> list[str]:
    """Every variable that holds a secret."""
    services = [
        name
        for service in SERVICES
        for name in (
            local.password_variable(service),
            local.kafka_password_variable(service),
            f"RUJUKAN_{service.upper()}_SECRET_KEY",
        )
    ]
    return [local.ROOT_PASSWORD, *services]


def make(directory: Path) -> None:
    """One file for each secret, and the key files under `keys/`."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (*map(file_name, variables()), REPLICA_SET_KEY):
        path = directory / name
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                # MongoDB takes base64 characters only in its key file; a hexadecimal number has no others.
                file.write(secrets.token_hex(32))
    for name in GIVEN:
        (directory / name).touch(mode=0o600)
    local.ensure_keys(directory)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m deploy.docker.secrets DIRECTORY")
    make(Path(sys.argv[1]))
