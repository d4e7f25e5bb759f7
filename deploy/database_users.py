"""The users of the database: one per service, each with the least that it needs.

A service reads and writes its own database only; intake and cases also the vault; every service may add to the audit
log, only directory may read it, and none can change or remove what is there. Local mode, tests and the containers'
init job make them by this one function. It starts no server and knows no file.
"""

from collections.abc import Mapping
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from shared.settings import SERVICES, VAULT_SERVICES

ADMINISTRATOR = "root"
VAULT = "vault"
AUDIT = "audit"
AUDIT_WRITER, AUDIT_READER = "audit_writer", "auditor"
AUDIT_ROLES = {AUDIT_WRITER: ["insert"], AUDIT_READER: ["insert", "find", "listIndexes"]}
READS_AUDIT = ("directory",)

DUPLICATE_KEY = 51002
"""MongoDB's code for a role that is there already."""
USER_EXISTS = 51003


def ensure(client: MongoClient[dict[str, Any]], passwords: Mapping[str, str], prefix: str = "") -> None:
    """Makes or updates the users named in `passwords` (service -> password) for the databases under `prefix`.

    Roles that a user has for another prefix stay. The client must be an administrator's.
    """
    _ensure_audit_roles(client, prefix)
    for service in SERVICES:
        if service not in passwords:
            continue
        roles = roles_of(service, prefix)
        try:
            client.admin.command("createUser", service, pwd=passwords[service], roles=roles)
        except OperationFailure as error:
            if error.code != USER_EXISTS:
                raise
            client.admin.command("updateUser", service, pwd=passwords[service])
            client.admin.command("grantRolesToUser", service, roles=roles)


def roles_of(service: str, prefix: str = "") -> list[dict[str, str]]:
    """What the database user of `service` may do."""
    audits = AUDIT_READER if service in READS_AUDIT else AUDIT_WRITER
    roles = [{"role": "readWrite", "db": f"{prefix}{service}"}, {"role": audits, "db": f"{prefix}{AUDIT}"}]
    if service in VAULT_SERVICES:
        roles.append({"role": "readWrite", "db": f"{prefix}{VAULT}"})
    return roles


def _ensure_audit_roles(client: MongoClient[dict[str, Any]], prefix: str) -> None:
    database = client[f"{prefix}{AUDIT}"]
    for role, actions in AUDIT_ROLES.items():
        privileges = [{"resource": {"db": database.name, "collection": ""}, "actions": actions}]
        try:
            database.command("createRole", role, privileges=privileges, roles=[])
        except OperationFailure as error:
            if error.code != DUPLICATE_KEY:
                raise
            database.command("updateRole", role, privileges=privileges, roles=[])
