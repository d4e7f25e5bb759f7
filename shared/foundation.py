"""What one process of one service stands on, built once and handed to everything that needs it.

It opens no connection to Kafka: web processes have no producer, and a worker makes its own consumer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pymongo.database import Database

from shared import clock as clocks
from shared import failpoints, mongo
from shared.access.audit import Audit, Heads
from shared.access.tokens import load_private_key
from shared.clock import utc_now
from shared.journal import Journal
from shared.settings import VAULT_SERVICES, Settings
from shared.vault import Vault
from shared.vault.finder import Finder, SearchKeys
from shared.vault.ring import KeyRing, Ring

AUDIT = "audit"
VAULT = "vault"


@dataclass(frozen=True)
class Foundation:
    """The settings, the service's own database, its journal, and the vault where the service may reach it."""

    settings: Settings
    database: Database
    journal: Journal
    audit: Audit
    vault: Vault | None
    finder: Finder | None = None
    clock: Callable[[], datetime] = utc_now

    @classmethod
    def start(cls, settings: Settings, clock: Callable[[], datetime] = utc_now) -> Foundation:
        """Builds everything from the settings. The database is reached lazily. Raises KeyFileError."""
        failpoints.configure(settings.failpoints)
        clocks.configure(settings.clock_file)
        client = mongo.client(settings)
        database = mongo.database(client, settings.prefix + settings.service)
        audit = Audit(mongo.database(client, settings.prefix + AUDIT), clock, _heads(settings, clock))
        vault, finder, keys = None, None, ring(settings)
        if keys is not None:
            vault = Vault(mongo.database(client, settings.prefix + VAULT), keys, audit)
            if settings.search_key_file is not None:
                finder = Finder(vault, SearchKeys(settings.search_key_file))
        return cls(settings, database, Journal(database, clock), audit, vault, finder, clock)

    @property
    def found(self) -> Finder:
        """What finds a sealed person. Raises RuntimeError in a service that has no vault."""
        if self.finder is None:
            raise RuntimeError(f"{self.settings.service} has no vault")
        return self.finder

    @property
    def sealed(self) -> Vault:
        """The vault. Raises RuntimeError in a service that has none: that is a fault of the code, not of the user."""
        if self.vault is None:
            raise RuntimeError(f"{self.settings.service} has no vault")
        return self.vault


def ring(settings: Settings) -> Ring | None:
    """The vault's keys, where the settings say they are; None for a service without a vault. Raises KeyFileError."""
    if settings.service not in VAULT_SERVICES:
        return None
    if settings.vault_key_server is not None:
        from shared.vault.transit import TransitRing  # whoever has the key in a file needs no client for servers

        return TransitRing(settings.vault_key_server)
    return KeyRing(settings.vault_key_file) if settings.vault_key_file is not None else None


def _heads(settings: Settings, clock: Callable[[], datetime]) -> Heads | None:
    if settings.audit_key_file is None or settings.audit_heads is None:
        return None
    return Heads(settings.audit_heads, load_private_key(settings.audit_key_file), clock)
